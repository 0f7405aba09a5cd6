//! A device tree blob is checked as a whole before anything reads it (Devicetree Specification 0.4, chapter 5).
//!
//! The parser relies on a well-formed blob; it also loses its way among NOP tokens, which firmware leaves where it
//! removed something, so these are taken out.

/// What is wrong with a device tree blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A block is outside of the blob.
    Header,
    /// The structure block ends early or has an unknown token; its offset in bytes.
    Structure(usize),
    /// A node's or property's name isn't text with an end; the offset of its token.
    Name(usize),
    /// Nodes are nested too deeply or end without having begun.
    Nesting(usize),
    /// A property that says how to read others is too short; the offset of its token.
    Property(usize),
}

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// Deeper trees than any machine's.
const MAX_DEPTH: usize = 32;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// Text up to a NUL.
fn text(bytes: &[u8], at: usize) -> Option<&str> {
    let bytes = bytes.get(at..)?;
    let end = bytes.iter().position(|&byte| byte == 0)?;
    core::str::from_utf8(&bytes[..end]).ok()
}

/// Checks the blob and takes NOP tokens out of it.
///
/// # Errors
/// Says what is wrong with it. It is not to be used then.
pub fn check(blob: &mut [u8]) -> Result<(), Damage> {
    let field = |at: usize| {
        word(blob, at)
            .map(|value| value as usize)
            .ok_or(Damage::Header)
    };
    let (structure, strings, reservations) = (field(8)?, field(12)?, field(16)?);
    let (strings_length, structure_length) = (field(32)?, field(36)?);
    let structure_end = structure
        .checked_add(structure_length)
        .filter(|&end| end <= blob.len())
        .ok_or(Damage::Header)?;
    let strings_end = strings
        .checked_add(strings_length)
        .filter(|&end| end <= blob.len())
        .ok_or(Damage::Header)?;
    let overlapping = structure < strings_end && strings < structure_end;
    if overlapping
        || structure < 40
        || structure % 4 != 0
        || reservations % 8 != 0
        || !reservations_end(blob, reservations)
    {
        return Err(Damage::Header);
    }
    let (mut from, mut to, mut depth, mut last) = (structure, structure, 0, NOP);
    loop {
        let token = word(&blob[..structure_end], from).ok_or(Damage::Structure(from))?;
        let length = match token {
            NOP => {
                from += 4;
                continue;
            }
            BEGIN_NODE => {
                // A tree has one root.
                if depth == MAX_DEPTH || (depth == 0 && to != structure) {
                    return Err(Damage::Nesting(from));
                }
                depth += 1;
                let name = text(&blob[..structure_end], from + 4).ok_or(Damage::Name(from))?;
                4 + (name.len() + 1).next_multiple_of(4)
            }
            END_NODE => {
                depth = depth.checked_sub(1).ok_or(Damage::Nesting(from))?;
                4
            }
            // A node's properties come before its children.
            PROPERTY if depth > 0 && last != END_NODE => {
                property(&blob[..structure_end], from, &blob[strings..strings_end])?
            }
            END if depth == 0 && to != structure => 4,
            _ => return Err(Damage::Structure(from)),
        };
        if from + length > structure_end {
            return Err(Damage::Structure(from));
        }
        if from != to {
            blob.copy_within(from..from + length, to);
        }
        from += length;
        to += length;
        last = token;
        if token == END {
            return Ok(());
        }
    }
}

/// The length of a property with its token.
fn property(structure: &[u8], at: usize, strings: &[u8]) -> Result<usize, Damage> {
    let length = word(structure, at + 4).ok_or(Damage::Structure(at))? as usize;
    let name = word(structure, at + 8).ok_or(Damage::Structure(at))? as usize;
    let name = text(strings, name).ok_or(Damage::Name(at))?;
    if matches!(name, "#address-cells" | "#size-cells" | "#interrupt-cells") && length != 4 {
        return Err(Damage::Property(at));
    }
    Ok(12 + length.next_multiple_of(4))
}

/// Whether the list of memory reservations has its end inside of the blob.
fn reservations_end(blob: &[u8], at: usize) -> bool {
    let entries = blob.get(at..).unwrap_or_default().chunks_exact(16);
    entries
        .into_iter()
        .any(|entry| entry.iter().all(|&byte| byte == 0))
}

#[cfg(test)]
mod tests {
    use super::super::sample::Blob;
    use super::*;
    use std::vec::Vec;

    /// A tree with a reservation, properties, children and NOPs.
    fn sample() -> Vec<u8> {
        let mut blob = Blob::new(&[(0x1000, 0x2000)]);
        blob.begin("");
        blob.cells("#address-cells", &[2])
            .nop()
            .text("model", "sample");
        blob.begin("memory@40000000")
            .cells("reg", &[0, 0x4000_0000, 0x1000])
            .end();
        blob.nop().nop();
        blob.begin("soc").begin("serial@9").end().nop().end();
        blob.nop().end();
        blob.finish()
    }

    /// Reads everything that the kernel reads.
    fn read_all(blob: &[u8]) -> usize {
        let Ok(tree) = fdt::Fdt::new(blob) else {
            return 0;
        };
        fn walk(node: fdt::node::FdtNode<'_, '_>) -> usize {
            let properties = node.properties().count();
            let _ = node.cell_sizes();
            1 + properties + node.children().map(walk).sum::<usize>()
        }
        let reservations = tree.memory_reservations().count();
        reservations + tree.find_node("/").map_or(0, walk)
    }

    #[test]
    fn a_tree_with_nops_is_read_whole() {
        let mut blob = sample();
        check(&mut blob).unwrap();
        // One reservation, four nodes, three properties.
        assert_eq!(read_all(&blob), 8);
    }

    #[test]
    fn no_damage_makes_the_parser_panic() {
        let original = sample();
        let mut state = 7u64;
        let mut next = move || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as usize
        };
        for _ in 0..100_000 {
            let mut blob = original.clone();
            for _ in 0..1 + next() % 3 {
                let at = next() % blob.len();
                blob[at] = if next() % 2 == 0 {
                    next() as u8
                } else {
                    (next() % 10) as u8
                };
            }
            blob.truncate(if next() % 8 == 0 {
                next() % blob.len()
            } else {
                blob.len()
            });
            if check(&mut blob).is_ok() {
                read_all(&blob);
                let _ = super::super::read(&blob);
            }
        }
    }
}
