//! Copies between kernel and user memory.

use super::machine;
use super::{Fault, UserAddr};
use crate::frame::{FRAME_SIZE, Frame};
use core::mem::MaybeUninit;

/// Ends a copy of `length` bytes of which `remaining` weren't copied.
#[inline(always)]
fn result(length: usize, remaining: usize) -> Result<(), Fault> {
    if remaining == 0 {
        Ok(())
    } else {
        Err(Fault {
            copied: length - remaining,
        })
    }
}

/// Fills `target` from user memory.
///
/// # Errors
/// [`Fault`] where the memory can't be read; the bytes before are in `target`.
#[inline(always)]
pub fn copy_from_user(target: &mut [u8], source: UserAddr) -> Result<(), Fault> {
    if !source.covers(target.len()) {
        return Err(Fault { copied: 0 });
    }
    // SAFETY: `target` is ours to write; the source lies in the user half.
    result(target.len(), unsafe {
        machine::copy_in(target.as_mut_ptr(), source.0, target.len())
    })
}

/// Fills `target`, which needs no content before, from user memory.
///
/// # Errors
/// [`Fault`] where the memory can't be read.
#[inline(always)]
pub fn copy_from_user_into(
    target: &mut [MaybeUninit<u8>],
    source: UserAddr,
) -> Result<&mut [u8], Fault> {
    if !source.covers(target.len()) {
        return Err(Fault { copied: 0 });
    }
    // SAFETY: `target` is ours to write; the source lies in the user half.
    result(target.len(), unsafe {
        machine::copy_in(target.as_mut_ptr().cast(), source.0, target.len())
    })?;
    // SAFETY: all bytes have been written.
    Ok(unsafe { target.assume_init_mut() })
}

/// Copies `source` to user memory.
///
/// # Errors
/// [`Fault`] where the memory can't be written; the bytes before are.
#[inline(always)]
pub fn copy_to_user(target: UserAddr, source: &[u8]) -> Result<(), Fault> {
    if !target.covers(source.len()) {
        return Err(Fault { copied: 0 });
    }
    // SAFETY: `source` is ours to read; the target lies in the user half.
    result(source.len(), unsafe {
        machine::copy_out(target.0, source.as_ptr(), source.len())
    })
}

/// Sets `length` bytes of user memory to zero.
///
/// # Errors
/// [`Fault`] where the memory can't be written; the bytes before are.
pub fn clear_user(target: UserAddr, length: usize) -> Result<(), Fault> {
    if !target.covers(length) {
        return Err(Fault { copied: 0 });
    }
    result(length, machine::clear(target.0, length))
}

/// Copies a part of a frame to user memory.
///
/// # Errors
/// [`Fault`] where the memory can't be written; the bytes before are.
///
/// # Panics
/// If the part isn't within the frame.
#[inline]
pub fn frame_to_user(
    frame: &Frame,
    offset: usize,
    target: UserAddr,
    length: usize,
) -> Result<(), Fault> {
    assert!(
        offset <= FRAME_SIZE && length <= FRAME_SIZE - offset,
        "a range beyond its page"
    );
    if !target.covers(length) {
        return Err(Fault { copied: 0 });
    }
    // SAFETY: the source is within the page; the target lies in the user half.
    result(length, unsafe {
        machine::copy_out(target.0, frame.address().add(offset), length)
    })
}

/// Copies user memory to a part of a frame.
///
/// # Errors
/// [`Fault`] where the memory can't be read; the bytes before are in the frame.
///
/// # Panics
/// If the part isn't within the frame.
#[inline]
pub fn frame_from_user(
    frame: &Frame,
    offset: usize,
    source: UserAddr,
    length: usize,
) -> Result<(), Fault> {
    assert!(
        offset <= FRAME_SIZE && length <= FRAME_SIZE - offset,
        "a range beyond its page"
    );
    if !source.covers(length) {
        return Err(Fault { copied: 0 });
    }
    frame.content_changes();
    // SAFETY: the target is within the page; the source lies in the user half.
    result(length, unsafe {
        machine::copy_in(frame.address().add(offset), source.0, length)
    })
}
