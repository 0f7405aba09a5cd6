//! Descriptors of the descriptor-based mount calls: a file system being configured (fsopen), and a mount that is at no
//! place yet (fsmount, open_tree).

use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::task::Current;
use crate::vfs::file::File;
use crate::vfs::file_operations::FileOperations;
use crate::vfs::file_system::{FileSystemType, GivenDirectory, MountRequest};
use crate::vfs::flags::OpenFlags;
use crate::vfs::location::Location;
use crate::vfs::mount_copy::FloatingMount;
use crate::vfs::name::boxed;
use crate::vfs::super_block::ActiveSuperBlock;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// Bytes of options at most: paths for as many layers as an overlay may have, of usual length.
const OPTIONS_LIMIT: usize = 64 * 1024;

/// Directories given by descriptor at most: as many layers as an overlay may have, and two to write to.
const DIRECTORIES_LIMIT: usize = 502;

/// What has been configured so far.
#[derive(Default)]
pub(super) struct Configuration {
    source: Vec<u8>,
    options: Vec<u8>,
    directories: Vec<GivenDirectory>,
    read_only: bool,
    created: Option<ActiveSuperBlock>,
    /// It was mounted (or failed to be created): nothing can be changed any more.
    spent: bool,
}

/// A file system that is being configured.
pub(super) struct ConfigurationFile {
    file_system: &'static dyn FileSystemType,
    state: Mutex<Configuration>,
}

impl FileOperations for ConfigurationFile {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl ConfigurationFile {
    pub fn open(file_system: &'static dyn FileSystemType) -> Arc<File> {
        let operations = Box::new(Self {
            file_system,
            state: Mutex::new(Configuration::default()),
        });
        File::anonymous("[fscontext]", operations, OpenFlags::READ_WRITE)
    }

    /// The configuration of a descriptor.
    ///
    /// # Errors
    /// `EINVAL` for another kind of file.
    pub fn of(file: &File) -> Result<&Self> {
        file.operations()
            .as_any()
            .downcast_ref()
            .ok_or(Errno::EINVAL)
    }

    /// Sets an option, with a value or without.
    ///
    /// # Errors
    /// `EBUSY` once the file system is there; `EINVAL`, `ENOMEM`.
    pub fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let mut state = self.state.lock();
        if state.created.is_some() || state.spent {
            return Err(Errno::EBUSY);
        }
        match (key, value) {
            (b"source", Some(value)) => {
                if !state.source.is_empty() {
                    return Err(Errno::EINVAL);
                }
                state.source.make_room_exact(value.len())?;
                state.source.extend_from_slice(value);
            }
            (b"ro", None) => state.read_only = true,
            (b"rw", None) => state.read_only = false,
            _ => {
                let length = key.len() + value.map_or(0, <[u8]>::len) + 2;
                if key.contains(&b',')
                    || value.is_some_and(|value| value.contains(&b','))
                    || state.options.len() + length > OPTIONS_LIMIT
                {
                    return Err(Errno::EINVAL);
                }
                state.options.make_room(length)?;
                if !state.options.is_empty() {
                    state.options.push(b',');
                }
                state.options.extend_from_slice(key);
                if let Some(value) = value {
                    state.options.push(b'=');
                    state.options.extend_from_slice(value);
                }
            }
        }
        Ok(())
    }

    /// Sets an option to what a descriptor refers to.
    ///
    /// # Errors
    /// `EBUSY` once the file system is there; `EINVAL` for an option that takes no descriptor, for what is no file in
    /// a file system, and for too many; `ENOMEM`.
    pub fn set_descriptor(&self, key: &[u8], file: &File) -> Result<()> {
        let mut state = self.state.lock();
        if state.created.is_some() || state.spent {
            return Err(Errno::EBUSY);
        }
        if !self.file_system.takes_descriptor(key) || state.directories.len() >= DIRECTORIES_LIMIT {
            return Err(Errno::EINVAL);
        }
        let location = file.location().ok_or(Errno::EINVAL)?.clone();
        let key = boxed(key)?;
        state.directories.make_room(1)?;
        state.directories.push(GivenDirectory { key, location });
        Ok(())
    }

    /// Makes the file system (`FSCONFIG_CMD_CREATE`).
    ///
    /// # Errors
    /// `EBUSY` the second time; what the file system says.
    pub fn create(&self, current: &Current) -> Result<()> {
        let mut state = self.state.lock();
        if state.created.is_some() || state.spent {
            return Err(Errno::EBUSY);
        }
        let request = MountRequest {
            source: &state.source,
            options: &state.options,
            read_only: state.read_only,
            directories: &state.directories,
            current: Some(current),
        };
        let created = self.file_system.create(&request);
        state.directories.clear();
        match created {
            Ok(super_block) => {
                if state.read_only {
                    super_block.set_read_only(true);
                }
                state.created = Some(super_block);
                Ok(())
            }
            Err(error) => {
                state.spent = true;
                Err(error)
            }
        }
    }

    /// Takes the file system out to mount it, once.
    ///
    /// # Errors
    /// `EINVAL` before it is created; `EBUSY` the second time.
    pub fn take(&self) -> Result<ActiveSuperBlock> {
        let mut state = self.state.lock();
        if state.spent {
            return Err(Errno::EBUSY);
        }
        let super_block = state.created.take().ok_or(Errno::EINVAL)?;
        state.spent = true;
        Ok(super_block)
    }
}

/// The place that is the root of a floating mount; when it is closed before the mount has got a place, the mount goes.
pub(super) struct FloatingFile {
    _mount: FloatingMount,
}

impl FileOperations for FloatingFile {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl FloatingFile {
    pub fn open(mount: FloatingMount) -> Arc<File> {
        let location = Location::root_of(mount.mount());
        File::new(location, Box::new(Self { _mount: mount }), OpenFlags::PATH)
    }
}
