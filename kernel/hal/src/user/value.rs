//! Single values in user memory. Addresses need not be aligned.

use super::machine;
use super::{Fault, UserAddr};
use core::mem::MaybeUninit;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Reads a value.
///
/// # Errors
/// [`Fault`] if the memory can't be read.
#[inline(always)]
pub fn read_value<T: FromBytes>(source: UserAddr) -> Result<T, Fault> {
    let size = size_of::<T>();
    if !source.covers(size) {
        return Err(Fault { copied: 0 });
    }
    let mut value = MaybeUninit::<T>::uninit();
    let target = value.as_mut_ptr();
    // SAFETY: the source lies in the user half; the target has as many bytes as are written.
    let failed = unsafe {
        match size {
            1 => machine::load::<1>(source.0).store_to(target.cast()),
            2 => machine::load::<2>(source.0).store_to(target.cast()),
            4 => machine::load::<4>(source.0).store_to(target.cast()),
            8 => machine::load::<8>(source.0).store_to(target.cast()),
            _ => machine::copy_in(target.cast(), source.0, size) != 0,
        }
    };
    if failed {
        return Err(Fault { copied: 0 });
    }
    // SAFETY: all bytes have been written, and any bytes are a valid `T`.
    Ok(unsafe { value.assume_init() })
}

/// Writes a value.
///
/// # Errors
/// [`Fault`] if the memory can't be written; a part of a large value may have been.
#[inline(always)]
pub fn write_value<T: IntoBytes + Immutable>(target: UserAddr, value: &T) -> Result<(), Fault> {
    let bytes = value.as_bytes();
    if !target.covers(bytes.len()) {
        return Err(Fault { copied: 0 });
    }
    // SAFETY: the target lies in the user half; the value has as many bytes as are read.
    let failed = unsafe {
        match bytes.len() {
            1 => machine::store::<1>(target.0, bytes.as_ptr()),
            2 => machine::store::<2>(target.0, bytes.as_ptr()),
            4 => machine::store::<4>(target.0, bytes.as_ptr()),
            8 => machine::store::<8>(target.0, bytes.as_ptr()),
            _ => machine::copy_out(target.0, bytes.as_ptr(), bytes.len()) != 0,
        }
    };
    if failed {
        Err(Fault { copied: 0 })
    } else {
        Ok(())
    }
}

/// A loaded word, or the failure to load it.
#[repr(C)]
pub(super) struct Loaded {
    pub value: u64,
    /// Not zero if the memory couldn't be read.
    pub failed: u64,
}

/// [`Loaded`] with `SIZE` bytes that matter.
pub(super) struct LoadedBytes<const SIZE: usize>(pub Loaded);

impl<const SIZE: usize> LoadedBytes<SIZE> {
    /// Stores the bytes; `true` if there are none.
    ///
    /// # Safety
    /// `target` has room for them.
    #[inline(always)]
    unsafe fn store_to(self, target: *mut u8) -> bool {
        let bytes = self.0.value.to_le_bytes();
        // SAFETY: `SIZE` is 8 at most, and the caller promises the room.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), target, SIZE) };
        self.0.failed != 0
    }
}
