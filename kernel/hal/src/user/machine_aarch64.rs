//! Which routine to use, and PAN.

use super::routines;
use super::string::StringResult;
use super::value::{Loaded, LoadedBytes};
use crate::sync::InterruptGuard;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the CPUs have PAN (ID_AA64MMFR1_EL1.PAN).
static HAS_PAN: AtomicBool = AtomicBool::new(false);

/// Copies of up to this many bytes use unprivileged accesses.
const SMALL: usize = 16;

/// Copies from this many bytes on use the wide registers, which takes saving them.
const WIDE: usize = 512;

/// What the wide routines copy at a time: the length is a multiple of it.
const WIDE_BLOCK: usize = 256;

/// Most bytes copied with interrupts masked.
const WIDE_CHUNK: usize = 4096;

/// Finds out what the CPUs have, once at boot.
pub fn initialise() {
    let features: u64;
    // SAFETY: reads an identification register.
    unsafe {
        asm!("mrs {}, id_aa64mmfr1_el1", out(reg) features, options(pure, nomem, nostack, preserves_flags))
    };
    HAS_PAN.store((features >> 20) & 0xf != 0, Relaxed);
}

/// Lets the kernel's ordinary instructions access user memory meanwhile.
#[inline(always)]
fn with_user_access<R>(routine: impl FnOnce() -> R) -> R {
    let has_pan = HAS_PAN.load(Relaxed);
    if has_pan {
        // SAFETY: `msr pan, #0`, which the CPU has. Only the routine runs before PAN is set again; an exception
        // meanwhile sets it for its handler.
        unsafe { asm!(".inst 0xd500409f", options(nostack, preserves_flags)) };
    }
    let result = routine();
    if has_pan {
        // SAFETY: `msr pan, #1`, which the CPU has.
        unsafe { asm!(".inst 0xd500419f", options(nostack, preserves_flags)) };
    }
    result
}

/// Copies from user memory; how many bytes are missing.
///
/// # Safety
/// `target` has room for `length` bytes; the source lies in the user half.
#[inline(always)]
pub unsafe fn copy_in(target: *mut u8, source: u64, length: usize) -> usize {
    // SAFETY: as the caller promises.
    unsafe {
        if length <= SMALL {
            routines::__user_copy_in_small(target, source, length)
        } else if length < WIDE {
            with_user_access(|| routines::__user_copy_in(target, source, length))
        } else {
            copy_in_wide(target, source, length)
        }
    }
}

/// Copies much from user memory; how many bytes are missing.
///
/// # Safety
/// As for [`copy_in`].
#[inline(never)]
unsafe fn copy_in_wide(target: *mut u8, source: u64, length: usize) -> usize {
    // SAFETY: as the caller promises; offsets stay within the length.
    unsafe {
        in_chunks(
            length,
            |offset, length| {
                routines::__user_copy_wide(
                    target.expose_provenance() as u64 + offset as u64,
                    source + offset as u64,
                    length,
                )
            },
            |offset, length| {
                if length <= SMALL {
                    routines::__user_copy_in_small(
                        target.add(offset),
                        source + offset as u64,
                        length,
                    )
                } else {
                    routines::__user_copy_in(target.add(offset), source + offset as u64, length)
                }
            },
        )
    }
}

/// Copies to user memory; how many bytes are missing.
///
/// # Safety
/// `source` has `length` bytes; the target lies in the user half.
#[inline(always)]
pub unsafe fn copy_out(target: u64, source: *const u8, length: usize) -> usize {
    // SAFETY: as the caller promises.
    unsafe {
        if length <= SMALL {
            routines::__user_copy_out_small(target, source, length)
        } else if length < WIDE {
            with_user_access(|| routines::__user_copy_out(target, source, length))
        } else {
            copy_out_wide(target, source, length)
        }
    }
}

/// Copies much to user memory; how many bytes are missing.
///
/// # Safety
/// As for [`copy_out`].
#[inline(never)]
unsafe fn copy_out_wide(target: u64, source: *const u8, length: usize) -> usize {
    // SAFETY: as the caller promises; offsets stay within the length.
    unsafe {
        in_chunks(
            length,
            |offset, length| {
                routines::__user_copy_wide(
                    target + offset as u64,
                    source.expose_provenance() as u64 + offset as u64,
                    length,
                )
            },
            |offset, length| {
                if length <= SMALL {
                    routines::__user_copy_out_small(
                        target + offset as u64,
                        source.add(offset),
                        length,
                    )
                } else {
                    routines::__user_copy_out(target + offset as u64, source.add(offset), length)
                }
            },
        )
    }
}

/// Copies `length` bytes: by `wide` with interrupts masked as far as that goes, which is to a page that isn't
/// there, or a rest. There `narrow` goes on, which may wait for a page. Both take an offset and a length and
/// give the bytes missing.
#[inline(always)]
fn in_chunks(
    length: usize,
    wide: impl Fn(usize, usize) -> usize,
    narrow: impl Fn(usize, usize) -> usize,
) -> usize {
    with_user_access(|| {
        let mut offset = 0;
        while offset < length {
            let chunk = (length - offset).min(WIDE_CHUNK);
            let blocks = chunk / WIDE_BLOCK * WIDE_BLOCK;
            if blocks > 0 {
                let missing = {
                    let _masked = InterruptGuard::new();
                    wide(offset, blocks)
                };
                offset += blocks - missing;
                if missing == 0 && offset < length {
                    continue;
                }
            }
            // After a fault this brings the page in and goes on for a page's length.
            let rest = (length - offset).min(WIDE_CHUNK);
            if rest > 0 {
                let missing = narrow(offset, rest);
                offset += rest - missing;
                if missing > 0 {
                    break;
                }
            }
        }
        length - offset
    })
}

/// Sets user memory (in the user half) to zero; how many bytes are missing.
pub fn clear(target: u64, length: usize) -> usize {
    // SAFETY: writes user memory alone.
    with_user_access(|| unsafe { routines::__user_clear(target, length) })
}

/// Loads a value of `SIZE` bytes (1, 2, 4 or 8).
///
/// # Safety
/// The source lies in the user half.
#[inline(always)]
pub unsafe fn load<const SIZE: usize>(source: u64) -> LoadedBytes<SIZE> {
    // SAFETY: as the caller promises.
    LoadedBytes(unsafe {
        match SIZE {
            1 => routines::__user_load_1(source),
            2 => routines::__user_load_2(source),
            4 => routines::__user_load_4(source),
            _ => routines::__user_load_8(source),
        }
    })
}

/// Stores a value of `SIZE` bytes (1, 2, 4 or 8); whether that failed.
///
/// # Safety
/// `source` has `SIZE` bytes; the target lies in the user half.
#[inline(always)]
pub unsafe fn store<const SIZE: usize>(target: u64, source: *const u8) -> bool {
    let mut bytes = [0; 8];
    // SAFETY: as the caller promises.
    unsafe {
        core::ptr::copy_nonoverlapping(source, bytes.as_mut_ptr(), SIZE);
        let value = u64::from_le_bytes(bytes);
        let failed = match SIZE {
            1 => routines::__user_store_1(target, value),
            2 => routines::__user_store_2(target, value),
            4 => routines::__user_store_4(target, value),
            _ => routines::__user_store_8(target, value),
        };
        failed != 0
    }
}

/// Copies a string without its NUL.
///
/// # Safety
/// `target` has room for `limit` bytes, and so many lie in the user half from the source on.
#[inline(always)]
pub unsafe fn read_string(target: *mut u8, source: u64, limit: usize) -> StringResult {
    // SAFETY: as the caller promises.
    unsafe { routines::__user_read_string(target, source, limit) }
}

/// Replaces a word if it is `expected`; the word as it was.
///
/// # Safety
/// The address lies in the user half and is a multiple of four.
#[inline(always)]
pub unsafe fn compare_exchange(address: u64, expected: u32, new: u32) -> Loaded {
    // SAFETY: as the caller promises.
    with_user_access(|| unsafe { routines::__user_compare_exchange(address, expected, new) })
}
