//! The vDSO: an ELF image of one page with the kernel's user-mode code, and the data page behind it (vdso(7)).
//!
//! Every program has both; libc finds the image by AT_SYSINFO_EHDR and its functions by name.

use crate::errno::{Errno, Result};
use crate::memory::{
    AddressSpace, Backing, Label, MapRequest, MemoryObject, PAGE_SIZE, Placement, Protection,
};
use alloc::sync::Arc;
use hal::frame::Frame;
use hal::sync::Once;
use hal::vdso;

/// Where in the data page the time of day at boot is.
const WALL_CLOCK_OFFSET: usize = 16;
/// Pages that each program has of it.
const PAGES: u64 = 2;
/// Bytes that each program has of it.
pub const SIZE: u64 = PAGES * PAGE_SIZE;

/// What all programs map: the image and the data page.
struct Pages {
    image: Frame,
    data: Frame,
}

impl MemoryObject for Pages {
    fn page(&self, index: u64, for_write: bool) -> Result<Frame> {
        match index {
            _ if for_write => Err(Errno::EACCES),
            0 => Ok(self.image.clone()),
            1 => Ok(self.data.clone()),
            _ => Err(Errno::ENXIO),
        }
    }

    fn size(&self) -> u64 {
        SIZE
    }

    fn cached_pages(&self, first: u64, count: u64, each: &mut dyn FnMut(u64, Frame)) {
        for index in first..first.saturating_add(count).min(PAGES) {
            each(
                index,
                if index == 0 {
                    self.image.clone()
                } else {
                    self.data.clone()
                },
            );
        }
    }
}

static SHARED: Once<Arc<Pages>> = Once::new();

/// Makes the pages; once, at boot.
///
/// # Errors
/// `ENOMEM`.
pub fn initialise() -> Result<()> {
    let image = Frame::zeroed()?;
    image.write(0, &build_image(vdso::code()));
    let data = Frame::zeroed()?;
    let (boot_counter, factor) = hal::time::conversion();
    data.write(0, &boot_counter.to_le_bytes());
    data.write(8, &factor.to_le_bytes());
    SHARED.call_once(|| Arc::new(Pages { image, data }));
    Ok(())
}

/// Tells programs the time of day at boot (ns since 1970), at boot and whenever the clock is set.
pub fn publish_wall_clock(at_boot: u64) {
    if let Some(pages) = SHARED.get() {
        pages.data.write(WALL_CLOCK_OFFSET, &at_boot.to_le_bytes());
    }
}

/// Maps both pages into a new program, at `address`.
///
/// # Errors
/// `ENOMEM`.
pub fn map(memory: &AddressSpace, address: u64) -> Result<()> {
    let pages = SHARED.get().ok_or(Errno::ENOMEM)?.clone();
    let protection = Protection {
        read: true,
        write: false,
        execute: true,
    };
    memory
        .map(MapRequest {
            placement: Placement::Fixed(address),
            backing: Backing::Object(pages),
            label: Label::Vdso,
            ..MapRequest::anonymous(SIZE, protection)
        })
        .map(drop)
}

/// Where a signal handler without a restorer of its own returns to, in an image at this address.
pub const fn signal_return(image: u64) -> u64 {
    image + (vdso::CODE_OFFSET + vdso::SIGNAL_RETURN) as u64
}

/// The functions by name, with their offset in the code.
const FUNCTIONS: [(&[u8], usize); 4] = [
    (b"__kernel_rt_sigreturn", vdso::SIGNAL_RETURN),
    (b"__kernel_clock_gettime", vdso::CLOCK_GETTIME),
    (b"__kernel_gettimeofday", vdso::GETTIMEOFDAY),
    (b"__kernel_clock_getres", vdso::CLOCK_GETRES),
];

const DYNAMIC_AT: usize = 0x100;
const SYMBOLS_AT: usize = 0x200;
const HASH_AT: usize = 0x300;
const STRINGS_AT: usize = 0x380;

/// Puts bytes into the image.
fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(target) = image.get_mut(at..at + bytes.len()) {
        target.copy_from_slice(bytes);
    }
}

fn put_words(image: &mut [u8], at: usize, words: &[u64]) {
    for (index, word) in words.iter().enumerate() {
        put(image, at + 8 * index, &word.to_le_bytes());
    }
}

fn put_halves(image: &mut [u8], at: usize, halves: &[u32]) {
    for (index, half) in halves.iter().enumerate() {
        put(image, at + 4 * index, &half.to_le_bytes());
    }
}

/// A shared object of one page around the code (elf(5)): header, program headers, dynamic section, symbols, a hash
/// table with one bucket, strings, code.
fn build_image(code: &[u8]) -> [u8; PAGE_SIZE as usize] {
    let mut image = [0u8; PAGE_SIZE as usize];
    let size = (vdso::CODE_OFFSET + code.len()) as u64;
    put(&mut image, 0, b"\x7fELF\x02\x01\x01");
    // e_type ET_DYN, e_machine EM_AARCH64, e_version
    put_halves(&mut image, 16, &[183 << 16 | 3, 1]);
    // e_phoff; e_entry and e_shoff stay 0
    put_words(&mut image, 32, &[64]);
    // e_ehsize, e_phentsize, e_phnum, e_shentsize
    put_halves(&mut image, 52, &[56 << 16 | 64, 64 << 16 | 2]);
    // PT_LOAD, readable and executable
    put_halves(&mut image, 64, &[1, 5]);
    put_words(&mut image, 72, &[0, 0, 0, size, size, PAGE_SIZE]);
    // PT_DYNAMIC, readable
    put_halves(&mut image, 120, &[2, 4]);
    let dynamic_size = 6 * 16;
    put_words(
        &mut image,
        128,
        &[
            DYNAMIC_AT as u64,
            DYNAMIC_AT as u64,
            0,
            dynamic_size,
            dynamic_size,
            8,
        ],
    );

    // Strings: an empty one, the object's name, the functions.
    let mut strings_end = STRINGS_AT + 1;
    let mut add_string = |image: &mut [u8], string: &[u8]| {
        let at = strings_end;
        put(image, at, string);
        strings_end = at + string.len() + 1;
        (at - STRINGS_AT) as u32
    };
    let name = add_string(&mut image, b"linux-vdso.so.1");
    // Symbol 0 is empty; the others are global functions of an unnamed section.
    for (index, (function, offset)) in FUNCTIONS.iter().enumerate() {
        let at = SYMBOLS_AT + 24 * (index + 1);
        let name = add_string(&mut image, function);
        put_halves(&mut image, at, &[name, 1 << 16 | 0x12]);
        put_words(
            &mut image,
            at + 8,
            &[(vdso::CODE_OFFSET + offset) as u64, 4],
        );
    }
    let strings_size = (strings_end - STRINGS_AT) as u64;
    // DT_HASH, DT_SYMTAB, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_NULL
    put_words(
        &mut image,
        DYNAMIC_AT,
        &[
            4,
            HASH_AT as u64,
            6,
            SYMBOLS_AT as u64,
            5,
            STRINGS_AT as u64,
            10,
            strings_size,
            14,
            u64::from(name),
            0,
            0,
        ],
    );
    // One bucket, a chain through all symbols.
    let count = FUNCTIONS.len() as u32 + 1;
    put_halves(&mut image, HASH_AT, &[1, count, 1, 0]);
    for symbol in 1..count {
        put_halves(
            &mut image,
            HASH_AT + 12 + 4 * symbol as usize,
            &[if symbol + 1 < count { symbol + 1 } else { 0 }],
        );
    }
    put(&mut image, vdso::CODE_OFFSET, code);
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn half(image: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(image[at..at + 4].try_into().unwrap())
    }
    fn word(image: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(image[at..at + 8].try_into().unwrap())
    }

    /// Looks a function up the way libc does: dynamic section, hash chain, names.
    fn look_up(image: &[u8], wanted: &[u8]) -> Option<u64> {
        let headers = word(image, 32) as usize;
        assert_eq!(half(image, headers), 1);
        let dynamic = word(image, headers + 56 + 16) as usize;
        let entry = |key: u64| {
            (0..6)
                .find(|index| word(image, dynamic + 16 * index) == key)
                .map(|index| word(image, dynamic + 16 * index + 8) as usize)
        };
        let (hash, symbols, strings) = (entry(4)?, entry(6)?, entry(5)?);
        let mut symbol = half(image, hash + 8) as usize;
        while symbol != 0 {
            let at = symbols + 24 * symbol;
            let name: Vec<u8> = image[strings + half(image, at) as usize..]
                .iter()
                .copied()
                .take_while(|&byte| byte != 0)
                .collect();
            if name == wanted {
                assert_eq!(half(image, at + 4) & 0xff, 0x12, "a global function");
                assert_ne!(half(image, at + 4) >> 16, 0, "defined");
                return Some(word(image, at + 8));
            }
            symbol = half(image, hash + 12 + 4 * symbol) as usize;
        }
        None
    }

    #[test]
    fn libc_finds_the_functions() {
        let image = build_image(&[0xaa; 0x200]);
        for (name, offset) in FUNCTIONS {
            assert_eq!(
                look_up(&image, name),
                Some((vdso::CODE_OFFSET + offset) as u64)
            );
        }
        assert_eq!(look_up(&image, b"__kernel_getcpu"), None);
        assert!(STRINGS_AT + word(&image, DYNAMIC_AT + 7 * 8) as usize <= vdso::CODE_OFFSET);
        assert_eq!(image[vdso::CODE_OFFSET], 0xaa);
    }
}
