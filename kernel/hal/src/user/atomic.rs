//! Atomic words in user memory, for futexes. Addresses are multiples of four.

use super::machine;
use super::{Fault, UserAddr};

const FAULT: Fault = Fault { copied: 0 };

fn check(address: UserAddr) -> Result<(), Fault> {
    if address.covers(4) && address.0.is_multiple_of(4) {
        Ok(())
    } else {
        Err(FAULT)
    }
}

/// Reads a word.
///
/// # Errors
/// [`Fault`] if the memory can't be read, or the address isn't aligned.
pub fn load_u32(address: UserAddr) -> Result<u32, Fault> {
    check(address)?;
    // SAFETY: the address lies in the user half.
    let loaded = unsafe { machine::load::<4>(address.0) };
    if loaded.0.failed == 0 {
        Ok(loaded.0.value as u32)
    } else {
        Err(FAULT)
    }
}

/// Replaces a word by `new` if it is `expected`; the word as it was. A full barrier.
///
/// # Errors
/// [`Fault`] if the memory can't be written, or the address isn't aligned.
pub fn compare_exchange_u32(address: UserAddr, expected: u32, new: u32) -> Result<u32, Fault> {
    check(address)?;
    // SAFETY: the address lies in the user half and is aligned.
    let loaded = unsafe { machine::compare_exchange(address.0, expected, new) };
    if loaded.failed == 0 {
        Ok(loaded.value as u32)
    } else {
        Err(FAULT)
    }
}

/// Replaces a word by what `operation` makes of it; the word as it was. `operation` may be called repeatedly.
///
/// # Errors
/// [`Fault`] if the memory can't be written, or the address isn't aligned.
pub fn fetch_op_u32(address: UserAddr, operation: impl Fn(u32) -> u32) -> Result<u32, Fault> {
    let mut expected = load_u32(address)?;
    loop {
        let found = compare_exchange_u32(address, expected, operation(expected))?;
        if found == expected {
            return Ok(found);
        }
        expected = found;
    }
}
