//! Memory mappings whose pages are touched one by one.
#![allow(unsafe_code)]

use crate::user::{Result, syscall6};
use linux_raw_sys::general as number;

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

const PROT_READ: usize = 1;
const PROT_WRITE: usize = 2;
const MAP_PRIVATE: usize = 2;
const MAP_ANONYMOUS: usize = 0x20;
const MADV_NOHUGEPAGE: usize = 15;

/// A private mapping, undone when it is dropped.
pub struct Mapping {
    address: usize,
    length: usize,
    writable: bool,
}

impl Mapping {
    /// Maps fresh memory of `length` bytes, without huge pages where the kernel has them.
    pub fn anonymous(length: usize) -> Result<Self> {
        let mapping = Self::huge_anonymous(length)?;
        // SAFETY: the advice changes neither content nor extent. Kernels without huge pages refuse it.
        let _ = unsafe {
            syscall6(
                number::__NR_madvise as usize,
                [mapping.address, length, MADV_NOHUGEPAGE, 0, 0, 0],
            )
        };
        Ok(mapping)
    }

    /// Maps fresh memory of `length` bytes.
    pub fn huge_anonymous(length: usize) -> Result<Self> {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        Self::new(length, true, [flags, usize::MAX])
    }

    /// Maps the first `length` bytes of a file.
    pub fn file(descriptor: i32, length: usize, writable: bool) -> Result<Self> {
        Self::new(length, writable, [MAP_PRIVATE, descriptor as usize])
    }

    fn new(length: usize, writable: bool, [flags, descriptor]: [usize; 2]) -> Result<Self> {
        let protection = if writable {
            PROT_READ | PROT_WRITE
        } else {
            PROT_READ
        };
        let arguments = [0, length, protection, flags, descriptor, 0];
        // SAFETY: the kernel chooses a place that nothing else uses.
        let address = unsafe { syscall6(number::__NR_mmap as usize, arguments)? };
        Ok(Self {
            address,
            length,
            writable,
        })
    }

    /// Reads a byte of every page.
    pub fn read_pages(&self) {
        for offset in (0..self.length).step_by(PAGE_SIZE) {
            let place = core::ptr::with_exposed_provenance::<u8>(self.address + offset);
            // SAFETY: the address lies in the mapping, which is readable; volatile because the content
            // belongs to no Rust object.
            unsafe { place.read_volatile() };
        }
    }

    /// Writes a byte of every page; does nothing in a mapping that may not be written.
    pub fn write_pages(&mut self) {
        if !self.writable {
            return;
        }
        for offset in (0..self.length).step_by(PAGE_SIZE) {
            let place = core::ptr::with_exposed_provenance_mut::<u8>(self.address + offset);
            // SAFETY: the address lies in the mapping, which is writable and ours alone.
            unsafe { place.write_volatile(1) };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let arguments = [self.address, self.length, 0, 0, 0, 0];
        // SAFETY: nothing refers to the mapping's memory but this value. There is nobody to tell of an error.
        let _ = unsafe { syscall6(number::__NR_munmap as usize, arguments) };
    }
}
