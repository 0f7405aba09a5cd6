//! Open files: what descriptors refer to (an open file description).

use super::file_operations::{FileOperations, Positions};
use super::flags::OpenFlags;
use super::inode::Inode;
use super::kind::FileKind;
use super::location::Location;
use super::poll::{PollEvents, PollRegistration};
use super::transfer::{Destination, Source};
use crate::sched::Mutex;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// An open file. Dropping the last reference closes it.
pub struct File {
    flags: AtomicU32,
    positions: Positions,
    location: Option<Location>,
    /// What /proc/N/fd shows for a file without a place.
    label: &'static str,
    /// Guards the position of seekable files across a transfer.
    position: Mutex<u64>,
    operations: Box<dyn FileOperations>,
    /// Who gets SIGIO (`F_SETOWN`): a process, or minus a process group, by host number; 0 for none.
    owner: AtomicU64,
    /// It is one of its mount's and of its inode's writers.
    counted: bool,
}

impl File {
    /// An open file at a place, which keeps the mount from becoming read-only while it can be written.
    ///
    /// # Errors
    /// `EROFS` if the mount has become read-only, `ETXTBSY` for writing to a program that runs.
    pub fn open(
        location: Location,
        operations: Box<dyn FileOperations>,
        flags: OpenFlags,
    ) -> Result<Arc<Self>> {
        let counted = flags.can_write() && location.inode().kind() == FileKind::Regular;
        if counted {
            let writes = &location.inode().write_access;
            writes.begin()?;
            location.mount.add_writer().inspect_err(|_| writes.end())?;
        }
        Ok(Self::build(Some(location), "", operations, flags, counted))
    }

    /// An open file at a place that is in no directory, or is not written through it.
    pub fn new(
        location: Location,
        operations: Box<dyn FileOperations>,
        flags: OpenFlags,
    ) -> Arc<Self> {
        Self::build(Some(location), "", operations, flags, false)
    }

    /// An open file without a place, such as a context descriptor; `label` is what /proc/N/fd shows:
    /// `anon_inode:[label]`.
    pub fn anonymous(
        label: &'static str,
        operations: Box<dyn FileOperations>,
        flags: OpenFlags,
    ) -> Arc<Self> {
        Self::build(None, label, operations, flags, false)
    }

    fn build(
        location: Option<Location>,
        label: &'static str,
        operations: Box<dyn FileOperations>,
        flags: OpenFlags,
        counted: bool,
    ) -> Arc<Self> {
        const AT_OPEN: OpenFlags = OpenFlags::CREATE
            .union(OpenFlags::EXCLUSIVE)
            .union(OpenFlags::NO_CONTROLLING_TERMINAL)
            .union(OpenFlags::TRUNCATE)
            .union(OpenFlags::CLOSE_ON_EXEC);
        Arc::new(Self {
            flags: AtomicU32::new(flags.difference(AT_OPEN).bits()),
            positions: operations.positions(),
            location,
            label,
            position: Mutex::new(0),
            operations,
            owner: AtomicU64::new(0),
            counted,
        })
    }

    /// Its place in a tree; `None` for files without one.
    #[inline]
    pub fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// What /proc shows for a file without a place.
    pub fn label(&self) -> &'static str {
        self.label
    }

    /// Its inode.
    #[inline]
    pub fn inode(&self) -> Option<&Arc<Inode>> {
        self.location.as_ref().map(Location::inode)
    }

    /// Access mode and status flags.
    #[inline]
    pub fn flags(&self) -> OpenFlags {
        OpenFlags::from_bits_retain(self.flags.load(Relaxed))
    }

    /// Changes the flags that `F_SETFL` may change.
    pub fn set_changeable_flags(&self, flags: OpenFlags) {
        let kept = self.flags() - OpenFlags::CHANGEABLE;
        self.flags
            .store((kept | (flags & OpenFlags::CHANGEABLE)).bits(), Relaxed);
    }

    /// Whether calls return `EAGAIN` rather than wait.
    pub fn is_non_blocking(&self) -> bool {
        self.flags().contains(OpenFlags::NON_BLOCKING)
    }

    /// What it does.
    #[inline]
    pub fn operations(&self) -> &dyn FileOperations {
        &*self.operations
    }

    /// How it treats positions.
    #[inline]
    pub fn positions(&self) -> Positions {
        self.positions
    }

    /// The position, locked.
    pub fn lock_position(&self) -> crate::sched::MutexGuard<'_, u64> {
        self.position.lock()
    }

    /// Reads at the file's position.
    ///
    /// # Errors
    /// `EBADF` if it isn't open for reading; what the file says, if nothing was read before.
    #[inline]
    pub fn read(&self, destination: &mut Destination<'_>) -> Result<usize> {
        if !self.flags().can_read() {
            return Err(Errno::EBADF);
        }
        let result = if self.positions == Positions::Seekable {
            let mut position = self.position.lock();
            self.operations.read(self, destination, &mut position)
        } else {
            self.operations.read(self, destination, &mut 0)
        };
        destination.result(result)
    }

    /// Reads at a position of the caller's.
    ///
    /// # Errors
    /// As [`Self::read`]; `ESPIPE` for a stream.
    pub fn read_at(&self, destination: &mut Destination<'_>, mut position: u64) -> Result<usize> {
        if self.positions == Positions::Stream {
            return Err(Errno::ESPIPE);
        }
        if !self.flags().can_read() {
            return Err(Errno::EBADF);
        }
        let result = self.operations.read(self, destination, &mut position);
        destination.result(result)
    }

    /// Writes at the file's position, or at its end with `O_APPEND`.
    ///
    /// # Errors
    /// `EBADF` if it isn't open for writing; what the file says, if nothing was written before.
    #[inline]
    pub fn write(&self, source: &mut Source<'_>) -> Result<usize> {
        if !self.flags().can_write() {
            return Err(Errno::EBADF);
        }
        let result = if self.positions == Positions::Seekable {
            let mut position = self.position.lock();
            self.operations.write(self, source, &mut position)
        } else {
            self.operations.write(self, source, &mut 0)
        };
        source.result(result)
    }

    /// Writes at a position of the caller's.
    ///
    /// # Errors
    /// As [`Self::write`]; `ESPIPE` for a stream.
    pub fn write_at(&self, source: &mut Source<'_>, mut position: u64) -> Result<usize> {
        if self.positions == Positions::Stream {
            return Err(Errno::ESPIPE);
        }
        if !self.flags().can_write() {
            return Err(Errno::EBADF);
        }
        let result = self.operations.write(self, source, &mut position);
        source.result(result)
    }

    /// Its readiness: see [`FileOperations::poll`].
    pub fn poll(&self, registration: Option<&mut PollRegistration>) -> PollEvents {
        self.operations.poll(self, registration)
    }

    /// Who gets SIGIO, as `F_GETOWN` reports it: a host process number, negative for a group.
    pub fn owner(&self) -> i64 {
        self.owner.load(Relaxed) as i64
    }

    /// Sets who gets SIGIO.
    pub fn set_owner(&self, owner: i64) {
        self.owner.store(owner as u64, Relaxed);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if let Some(location) = &self.location {
            location.inode().locks.release_file(self);
            if self.counted {
                location.mount.remove_writer();
                location.inode().write_access.end();
            }
        }
    }
}

impl core::fmt::Debug for File {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "file at {:?}{}", self.location, self.label)
    }
}
