//! A file descriptor that closes itself.

use super::kernel;

/// An open file descriptor, closed when dropped.
#[derive(Debug)]
pub struct OwnedDescriptor(i32);

impl OwnedDescriptor {
    /// Takes a descriptor that a system call has just returned.
    pub(super) fn from_call(number: usize) -> Self {
        Self(number as i32)
    }

    /// Its number.
    pub fn number(&self) -> i32 {
        self.0
    }
}

impl Drop for OwnedDescriptor {
    fn drop(&mut self) {
        // Linux closes the descriptor whatever close(2) returns.
        let _ = kernel::close(self.0);
    }
}

#[cfg(feature = "std")]
mod standard {
    use super::{OwnedDescriptor, kernel};
    use core::mem::ManuallyDrop;
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

    impl AsRawFd for OwnedDescriptor {
        fn as_raw_fd(&self) -> RawFd {
            self.0
        }
    }

    impl AsFd for OwnedDescriptor {
        fn as_fd(&self) -> BorrowedFd<'_> {
            kernel::borrow_descriptor(self)
        }
    }

    impl From<OwnedDescriptor> for OwnedFd {
        fn from(descriptor: OwnedDescriptor) -> Self {
            kernel::into_owned_fd(ManuallyDrop::new(descriptor))
        }
    }

    impl From<OwnedFd> for OwnedDescriptor {
        fn from(descriptor: OwnedFd) -> Self {
            Self(ManuallyDrop::new(descriptor).as_raw_fd())
        }
    }
}
