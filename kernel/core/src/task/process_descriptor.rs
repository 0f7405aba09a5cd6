//! Process descriptors: a process as a file (pidfd_open(2)).
//!
//! A descriptor stands for one process for ever, whatever becomes of its number. It is readable from the
//! process's end on.

use super::{Process, family};
use crate::vfs::{File, FileOperations, OpenFlags, PollEvents, PollRegistration};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

/// What a process descriptor does.
pub struct ProcessDescriptor(Arc<Process>);

impl ProcessDescriptor {
    /// An open file for a process.
    pub fn open(process: Arc<Process>, non_blocking: bool) -> Arc<File> {
        let flags = if non_blocking {
            OpenFlags::READ_WRITE | OpenFlags::NON_BLOCKING
        } else {
            OpenFlags::READ_WRITE
        };
        File::anonymous("pidfd", Box::new(ProcessDescriptor(process)), flags)
    }
}

/// The process that a file is the descriptor of.
///
/// # Errors
/// `EBADF` for another kind of file.
pub fn process_of(file: &File) -> Result<&Arc<Process>> {
    let descriptor = file
        .operations()
        .as_any()
        .downcast_ref::<ProcessDescriptor>();
    descriptor
        .map(|descriptor| &descriptor.0)
        .ok_or(Errno::EBADF)
}

impl FileOperations for ProcessDescriptor {
    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        if let Some(registration) = registration {
            registration.watch(&self.0.state_changed);
        }
        if family::has_ended(&self.0) {
            PollEvents::IN
        } else {
            PollEvents::empty()
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
