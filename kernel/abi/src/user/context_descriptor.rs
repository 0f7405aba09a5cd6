//! A context descriptor: it describes a context, and from `create` on it is the context's handle.

use super::{Errno, OwnedDescriptor, Result, calls, kernel};
use crate::context::{ContextType, EnterFlags, OpenFlags, PathRestriction};
use crate::ioctl::{self, ContextInfo, RestrictPath};
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::CStr;
use zerocopy::{FromZeros, IntoBytes};

/// A context descriptor; closed when dropped. A created context lives while a descriptor, a process or an
/// after-exec slot holds it.
#[derive(Debug)]
pub struct ContextDescriptor {
    descriptor: OwnedDescriptor,
}

impl ContextDescriptor {
    /// A descriptor, close-on-exec, of a context that is not created yet.
    ///
    /// Errors: EPERM without privilege or in a jail, EINVAL for a flag that the type doesn't have, EMFILE,
    /// ENOMEM.
    pub fn open(context_type: ContextType, flags: OpenFlags) -> Result<Self> {
        Ok(Self {
            descriptor: calls::unshare_open(context_type.number(), flags.bits())?,
        })
    }

    /// A descriptor of an existing context. Errors: EPERM, also for a caller inside a process list; ESRCH.
    pub fn reopen(context_type: ContextType, id: u64) -> Result<Self> {
        Ok(Self {
            descriptor: calls::unshare_reopen(context_type.number(), id)?,
        })
    }

    /// Creates the context and returns its id. Errors: EEXIST when it exists already, ENOMEM.
    pub fn create(&self) -> Result<u64> {
        calls::unshare_create(self.number())
    }

    /// Opens and creates in one go.
    pub fn new(context_type: ContextType, flags: OpenFlags) -> Result<Self> {
        let context = Self::open(context_type, flags)?;
        context.create()?;
        Ok(context)
    }

    /// Replaces the caller's context of this type. Errors: ENXIO before it is created, EINVAL for a wrong
    /// combination of flags.
    pub fn enter(&self, flags: EnterFlags) -> Result<()> {
        calls::unshare_enter(self.number(), flags.bits())
    }

    /// Drops what is pending for this type.
    pub fn cancel(&self) -> Result<()> {
        self.enter(EnterFlags::CANCEL)
    }

    /// VFS root, before create: its root will be this directory. A negative number goes back to a fresh
    /// RAMFS. Errors: EBADF, ENOTDIR, EACCES, EBUSY after create.
    pub fn attach_root(&self, directory: i32) -> Result<()> {
        calls::context_request(
            self.number(),
            ioctl::ATTACH_ROOT_FILESYSTEM_AT_FD,
            directory,
        )
        .map(drop)
    }

    /// VFS root, created: an O_PATH descriptor of its root directory.
    pub fn open_root(&self) -> Result<OwnedDescriptor> {
        calls::context_request(self.number(), ioctl::OPEN_ROOT, 0).map(OwnedDescriptor::from_call)
    }

    /// Type, state, id and what holds the context.
    pub fn info(&self) -> Result<ContextInfo> {
        let mut info = ContextInfo::new_zeroed();
        kernel::ioctl_with(self.number(), ioctl::GET_INFO, &mut info)?;
        Ok(info)
    }

    /// Hostname: sets the name, before or after create. Errors: EINVAL for more than 64 bytes.
    pub fn set_hostname(&self, name: &[u8]) -> Result<()> {
        let mut bytes = Vec::from(name);
        kernel::ioctl_with_buffer(self.number(), ioctl::SET_HOSTNAME, &mut bytes).map(drop)
    }

    /// Hostname: sets the domain name, before or after create. Errors: EINVAL for more than 64 bytes.
    pub fn set_domain_name(&self, name: &[u8]) -> Result<()> {
        let mut bytes = Vec::from(name);
        kernel::ioctl_with_buffer(self.number(), ioctl::SET_DOMAIN_NAME, &mut bytes).map(drop)
    }

    /// Process list: sends a signal to every member at once; 0 tests.
    pub fn signal(&self, signal: i32) -> Result<()> {
        calls::context_request(self.number(), ioctl::SIGNAL, signal).map(drop)
    }

    /// Process list: the members' host numbers.
    pub fn list_pids(&self) -> Result<Vec<u32>> {
        let mut numbers = vec![0u32; 64];
        loop {
            let bytes = numbers.as_mut_bytes();
            let count = kernel::ioctl_with_buffer(self.number(), ioctl::LIST_PIDS, bytes)?;
            if count <= numbers.len() {
                numbers.truncate(count);
                return Ok(numbers);
            }
            // Members may have been added meanwhile: leave room for some more.
            let room = count.checked_mul(2).ok_or(Errno::ENOMEM)?;
            numbers.try_reserve(room).map_err(|_| Errno::ENOMEM)?;
            numbers.resize(room, 0);
        }
    }

    /// Process list: how many members have ended for want of memory. While one has since the last question through
    /// this opening, the descriptor polls `POLLPRI`.
    pub fn memory_kills(&self) -> Result<u64> {
        let mut count = 0u64;
        kernel::ioctl_with(self.number(), ioctl::MEMORY_KILLS, &mut count)?;
        Ok(count)
    }

    /// Process list: stops every member.
    pub fn freeze(&self) -> Result<()> {
        calls::context_request(self.number(), ioctl::FREEZE, 0).map(drop)
    }

    /// Process list: lets every member go on.
    pub fn thaw(&self) -> Result<()> {
        calls::context_request(self.number(), ioctl::THAW, 0).map(drop)
    }

    /// VFS root: the mount table, a line a mount as in /proc/self/mountinfo.
    pub fn list_mounts(&self) -> Result<Vec<u8>> {
        let mut text = vec![0u8; 4096];
        loop {
            let length = kernel::ioctl_with_buffer(self.number(), ioctl::LIST_MOUNTS, &mut text)?;
            if length <= text.len() {
                text.truncate(length);
                return Ok(text);
            }
            let room = length.checked_mul(2).ok_or(Errno::ENOMEM)?;
            text.try_reserve(room).map_err(|_| Errno::ENOMEM)?;
            text.resize(room, 0);
        }
    }

    /// VFS root, created: makes what is at a path read-only or hides it, for good. Errors: ENOENT when nothing is
    /// there, and those of [`ioctl::RESTRICT_PATH`].
    pub fn restrict_path(&self, path: &CStr, restriction: PathRestriction) -> Result<()> {
        let mut request = RestrictPath {
            path: path.as_ptr().expose_provenance() as u64,
            restriction: restriction.number(),
        };
        kernel::ioctl_with(self.number(), ioctl::RESTRICT_PATH, &mut request).map(drop)
    }

    /// The descriptor's number.
    pub fn number(&self) -> i32 {
        self.descriptor.number()
    }
}

impl From<OwnedDescriptor> for ContextDescriptor {
    /// For a descriptor that another process passed on; calls fail with EINVAL if it is of another kind.
    fn from(descriptor: OwnedDescriptor) -> Self {
        Self { descriptor }
    }
}

#[cfg(feature = "std")]
mod standard {
    use super::ContextDescriptor;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

    impl AsRawFd for ContextDescriptor {
        fn as_raw_fd(&self) -> RawFd {
            self.number()
        }
    }

    impl AsFd for ContextDescriptor {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.descriptor.as_fd()
        }
    }

    impl From<ContextDescriptor> for OwnedFd {
        fn from(context: ContextDescriptor) -> Self {
            context.descriptor.into()
        }
    }
}
