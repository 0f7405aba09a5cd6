//! The table of the kernel's functions, which the build fills in after linking.
//!
//! Section `.kernel_symbols`, little endian: magic, count, bytes of names, zero; then `count` sorted offsets of functions
//! from the image's start; then `count` offsets of their names; then the names, each ended by NUL.

use crate::layout::IMAGE_BASE;

/// Bytes kept for the table.
const SIZE: usize = 256 << 10;
/// "GSYM".
const MAGIC: u32 = 0x4d59_5347;
const HEADER: usize = 16;

core::arch::global_asm!(".section .kernel_symbols, \"a\"", ".balign 8", ".zero {size}", size = const SIZE);

unsafe extern "C" {
    safe static __kernel_symbols_start: u8;
}

fn table() -> &'static [u8] {
    // SAFETY: the section above, in the image's constants.
    unsafe { core::slice::from_raw_parts(&raw const __kernel_symbols_start, SIZE) }
}

fn word(table: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        table.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// The function an address of the image is in, and the offset from its start.
pub(super) fn find(address: usize) -> Option<(&'static str, usize)> {
    let table = table();
    if word(table, 0)? != MAGIC {
        return None;
    }
    let (count, names_length) = (word(table, 4)? as usize, word(table, 8)? as usize);
    let offset = u32::try_from(address.checked_sub(IMAGE_BASE as usize)?).ok()?;
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        if word(table, HEADER + middle * 4)? <= offset {
            low = middle + 1
        } else {
            high = middle
        }
    }
    let index = low.checked_sub(1)?;
    let start = word(table, HEADER + index * 4)?;
    let names = HEADER + count * 8;
    let name = table
        .get(names..names + names_length)?
        .get(word(table, HEADER + (count + index) * 4)? as usize..)?;
    let end = name.iter().position(|&byte| byte == 0)?;
    Some((
        core::str::from_utf8(&name[..end]).ok()?,
        (offset - start) as usize,
    ))
}

/// Whether two addresses are in the same function, as far as the table knows.
pub(super) fn same(first: usize, second: usize) -> bool {
    match (find(first), find(second)) {
        (Some(first), Some(second)) => first.0 == second.0,
        _ => false,
    }
}
