//! User memory on the host: each thread has its own, 1 MiB from address 0x10_0000 on.

use super::string::{STRING_READ, STRING_TOO_LONG, StringResult};
use super::value::{Loaded, LoadedBytes};
use core::cell::RefCell;
use std::thread_local;
use std::vec::Vec;

const START: u64 = 0x10_0000;
const SIZE: usize = 1 << 20;
const STRING_FAULT: u64 = 1;

thread_local! {
    static MEMORY: RefCell<Vec<u8>> = RefCell::new(std::vec![0; SIZE]);
}

/// Nothing to find out.
pub fn initialise() {}

/// Gives the longest accessible part of a range of user memory to `access`; how many bytes are missing.
fn with_memory(address: u64, length: usize, access: impl FnOnce(&mut [u8])) -> usize {
    let Some(start) = address
        .checked_sub(START)
        .map(|offset| offset as usize)
        .filter(|&offset| offset <= SIZE)
    else {
        return length;
    };
    let done = length.min(SIZE - start);
    MEMORY.with_borrow_mut(|memory| access(&mut memory[start..start + done]));
    length - done
}

/// Copies from user memory; how many bytes are missing.
///
/// # Safety
/// `target` has room for `length` bytes.
pub unsafe fn copy_in(target: *mut u8, source: u64, length: usize) -> usize {
    with_memory(source, length, |memory| {
        // SAFETY: as the caller promises.
        unsafe { core::ptr::copy_nonoverlapping(memory.as_ptr(), target, memory.len()) };
    })
}

/// Copies to user memory; how many bytes are missing.
///
/// # Safety
/// `source` has `length` bytes.
pub unsafe fn copy_out(target: u64, source: *const u8, length: usize) -> usize {
    with_memory(target, length, |memory| {
        // SAFETY: as the caller promises.
        unsafe { core::ptr::copy_nonoverlapping(source, memory.as_mut_ptr(), memory.len()) };
    })
}

/// Sets user memory to zero; how many bytes are missing.
pub fn clear(target: u64, length: usize) -> usize {
    with_memory(target, length, |memory| memory.fill(0))
}

/// Loads a value of `SIZE` bytes.
///
/// # Safety
/// Always sound here.
pub unsafe fn load<const SIZE: usize>(source: u64) -> LoadedBytes<SIZE> {
    let mut bytes = [0; 8];
    // SAFETY: eight bytes are enough.
    let missing = unsafe { copy_in(bytes.as_mut_ptr(), source, SIZE) };
    LoadedBytes(Loaded {
        value: u64::from_le_bytes(bytes),
        failed: missing as u64,
    })
}

/// Stores a value of `SIZE` bytes; whether that failed.
///
/// # Safety
/// `source` has `SIZE` bytes.
pub unsafe fn store<const SIZE: usize>(target: u64, source: *const u8) -> bool {
    // SAFETY: as the caller promises.
    unsafe { copy_out(target, source, SIZE) != 0 }
}

/// Copies a string without its NUL.
///
/// # Safety
/// `target` has room for `limit` bytes.
pub unsafe fn read_string(target: *mut u8, source: u64, limit: usize) -> StringResult {
    for length in 0..limit {
        // SAFETY: the target has room for the byte.
        unsafe {
            if copy_in(target.add(length), source + length as u64, 1) != 0 {
                return StringResult {
                    length,
                    status: STRING_FAULT,
                };
            }
            if *target.add(length) == 0 {
                return StringResult {
                    length,
                    status: STRING_READ,
                };
            }
        }
    }
    StringResult {
        length: limit,
        status: STRING_TOO_LONG,
    }
}

/// Replaces a word if it is `expected`; the word as it was.
///
/// # Safety
/// Always sound here.
pub unsafe fn compare_exchange(address: u64, expected: u32, new: u32) -> Loaded {
    let mut found = 0;
    let missing = with_memory(address, 4, |memory| {
        if let Ok(bytes) = <[u8; 4]>::try_from(&*memory) {
            found = u32::from_le_bytes(bytes);
            if found == expected {
                memory.copy_from_slice(&new.to_le_bytes());
            }
        }
    });
    Loaded {
        value: u64::from(found),
        failed: missing as u64,
    }
}
