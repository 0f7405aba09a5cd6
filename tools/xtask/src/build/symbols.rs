//! The kernel's symbol table: filled into the ELF file after linking, used by its backtraces.
//!
//! Layout of the section `.kernel_symbols`, little endian: magic "GSYM", count, size of the names, 0; then `count` offsets
//! of symbols from `_start`, ascending; then `count` offsets into the names; then the names, each ending with a NUL.
use anyhow::{Context, Result};
use object::elf::{FileHeader64, STT_FUNC, STT_NOTYPE, Sym64};
use object::read::elf::{FileHeader, SectionHeader, Sym};
use object::{Endianness, SectionIndex};
use std::collections::BTreeMap;
use std::ops::Range;

const MAGIC: u32 = u32::from_le_bytes(*b"GSYM");
const SECTION: &[u8] = b".kernel_symbols";
const NAME_LIMIT: usize = 120;

/// Returns `elf` with its symbol section filled; a kernel without such a section is returned as it is.
pub fn fill(mut elf: Vec<u8>) -> Result<Vec<u8>> {
    if let Some((place, symbols)) = read(&elf)? {
        let table = encode(symbols, place.len());
        let target = elf
            .get_mut(place)
            .context(".kernel_symbols reaches past the end of the file")?;
        target[..table.len()].copy_from_slice(&table);
    }
    Ok(elf)
}

type Symbols = BTreeMap<u32, String>;

fn read(elf: &[u8]) -> Result<Option<(Range<usize>, Symbols)>> {
    let header = FileHeader64::<Endianness>::parse(elf).context("not a 64-bit ELF file")?;
    let endian = header.endian().context("not a 64-bit ELF file")?;
    let sections = header.sections(endian, elf).context("damaged sections")?;
    let Some((_, section)) = sections.section_by_name(endian, SECTION) else {
        return Ok(None);
    };
    let Some((offset, size)) = section.file_range(endian) else {
        return Ok(None);
    };
    let place = offset as usize..(offset + size) as usize;
    let table = sections
        .symbols(endian, elf, object::elf::SHT_SYMTAB)
        .context("damaged symbol table")?;
    let name_of =
        |symbol: &Sym64<Endianness>| table.symbol_name(endian, symbol).unwrap_or_default();
    let Some(start) = table
        .iter()
        .find(|symbol| name_of(symbol) == b"_start")
        .map(|symbol| symbol.st_value(endian))
    else {
        return Ok(None);
    };
    let mut symbols = Symbols::new();
    for symbol in table.iter() {
        let wanted = match symbol.st_type() {
            STT_FUNC => true,
            STT_NOTYPE => symbol.st_bind() == object::elf::STB_GLOBAL,
            _ => false,
        };
        let index = SectionIndex(usize::from(symbol.st_shndx(endian)));
        let executable = sections.section(index).is_ok_and(|section| {
            section.sh_flags(endian) & u64::from(object::elf::SHF_EXECINSTR) != 0
        });
        let name = readable(&String::from_utf8_lossy(name_of(symbol)));
        if let Some(offset) = symbol.st_value(endian).checked_sub(start)
            && let Ok(offset) = u32::try_from(offset)
            && wanted
            && executable
            && !name.is_empty()
            && (symbol.st_type() == STT_FUNC || !symbols.contains_key(&offset))
        {
            symbols.insert(offset, name);
        }
    }
    Ok(Some((place, symbols)))
}

/// The name as the source has it, without hash, cut to its limit.
fn readable(name: &str) -> String {
    let mut name = format!("{:#}", rustc_demangle::demangle(name));
    let end = name.floor_char_boundary(NAME_LIMIT);
    name.truncate(end);
    name
}

/// The table's bytes, `space` at most: what does not fit is left out, the longest names first.
fn encode(mut symbols: Symbols, space: usize) -> Vec<u8> {
    let size = |symbols: &Symbols| {
        16 + symbols
            .values()
            .map(|name| 8 + name.len() + 1)
            .sum::<usize>()
    };
    let mut total = size(&symbols);
    if total > space {
        let mut by_length: Vec<_> = symbols
            .iter()
            .map(|(&offset, name)| (name.len(), offset))
            .collect();
        by_length.sort_unstable();
        while total > space
            && let Some((length, offset)) = by_length.pop()
        {
            symbols.remove(&offset);
            total -= 8 + length + 1;
        }
    }
    if total > space {
        return Vec::new();
    }
    let names_size: usize = symbols.values().map(|name| name.len() + 1).sum();
    let mut words = vec![MAGIC, symbols.len() as u32, names_size as u32, 0];
    words.extend(symbols.keys());
    let mut at = 0;
    for name in symbols.values() {
        words.push(at);
        at += name.len() as u32 + 1;
    }
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    for name in symbols.values() {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_sorted_offsets_and_names() {
        let symbols = Symbols::from([(8, "second".to_string()), (4, "first".to_string())]);
        let mut expected: Vec<u8> = [MAGIC, 2, 13, 0, 4, 8, 0, 6]
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .collect();
        expected.extend(b"first\0second\0");
        assert_eq!(encode(symbols, 1000), expected);
    }

    #[test]
    fn drops_the_longest_names_first() {
        let symbols = Symbols::from([
            (4, "quite_a_long_name".to_string()),
            (8, "short".to_string()),
        ]);
        let bytes = encode(symbols, 40);
        assert!(bytes.len() <= 40);
        assert!(bytes.ends_with(b"short\0"));
        assert!(encode(Symbols::new(), 8).is_empty());
    }

    #[test]
    fn names_are_demangled_and_cut() {
        assert_eq!(
            readable("_ZN4core3fmt5write17h0123456789abcdefE"),
            "core::fmt::write"
        );
        assert_eq!(readable(&"x".repeat(500)).len(), NAME_LIMIT);
    }
}
