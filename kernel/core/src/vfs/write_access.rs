//! Writing or executing: a file that is open for writing isn't executed, one that runs isn't opened for writing.

use super::inode::Inode;
use super::location::Location;
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// How many write a file if above zero; if below, minus how many programs run it.
#[derive(Debug, Default)]
pub(super) struct WriteAccess(AtomicI32);

impl WriteAccess {
    /// Nobody writes it, nobody runs it.
    pub const fn new() -> Self {
        Self(AtomicI32::new(0))
    }

    /// One writer more.
    ///
    /// # Errors
    /// `ETXTBSY` for a file that runs.
    pub fn begin(&self) -> Result<()> {
        let begun = self.0.try_update(Relaxed, Relaxed, |count| {
            (count >= 0).then(|| count.checked_add(1)).flatten()
        });
        begun.map(drop).map_err(|_| Errno::ETXTBSY)
    }

    /// A writer is gone.
    pub fn end(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    fn deny(&self) -> Result<()> {
        let denied = self.0.try_update(Relaxed, Relaxed, |count| {
            (count <= 0).then(|| count.checked_sub(1)).flatten()
        });
        denied.map(drop).map_err(|_| Errno::ETXTBSY)
    }

    fn allow(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The place of a program that is executed: its file can't be opened for writing while this or a clone lives.
#[derive(Debug)]
pub struct Executable(Location);

impl Executable {
    /// Keeps writers away from the file at a place.
    ///
    /// # Errors
    /// `ETXTBSY` if it is open for writing.
    pub fn new(location: Location) -> Result<Self> {
        location.inode().write_access.deny()?;
        Ok(Self(location))
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.0
    }
}

impl Clone for Executable {
    fn clone(&self) -> Self {
        // The count is below zero and stays there meanwhile. It can't overflow: every program takes memory.
        self.0.inode().write_access.0.fetch_sub(1, Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        self.0.inode().write_access.allow();
    }
}

/// Writing to a file without having it open.
pub(super) struct Writing<'a>(&'a Arc<Inode>);

impl<'a> Writing<'a> {
    /// Begins to write.
    ///
    /// # Errors
    /// `ETXTBSY` for a file that runs.
    pub fn new(inode: &'a Arc<Inode>) -> Result<Self> {
        inode.write_access.begin()?;
        Ok(Self(inode))
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.write_access.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_and_programs_exclude_each_other() {
        let access = WriteAccess::new();
        access.begin().unwrap();
        access.begin().unwrap();
        assert_eq!(access.deny(), Err(Errno::ETXTBSY));
        access.end();
        access.end();
        access.deny().unwrap();
        access.deny().unwrap();
        access.allow();
        assert_eq!(access.begin(), Err(Errno::ETXTBSY));
        access.allow();
        access.begin().unwrap();
    }
}
