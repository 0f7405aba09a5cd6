//! Types of file systems, by name (/proc/filesystems).

use super::location::Location;
use super::super_block::ActiveSuperBlock;
use crate::task::Current;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::vec::Vec;
use hal::sync::RwSpinLock;

/// What a new instance is asked for.
pub struct MountRequest<'a> {
    /// The source argument of mount(2).
    pub source: &'a [u8],
    /// Comma-separated options of the type's own.
    pub options: &'a [u8],
    /// Nothing will be written through the mount: an instance on a device must not change it.
    pub read_only: bool,
    /// Options whose value is a directory, given by descriptor.
    pub directories: &'a [GivenDirectory],
    /// Who mounts; `None` while the kernel starts. A file system may show each caller's own view (proc).
    pub current: Option<&'a Current>,
}

/// An option whose value is a directory (`FSCONFIG_SET_FD`).
pub struct GivenDirectory {
    /// Which option.
    pub key: Box<[u8]>,
    /// The directory.
    pub location: Location,
}

/// A type of file system.
pub trait FileSystemType: Send + Sync {
    /// Its name, as given to mount(2).
    fn name(&self) -> &'static str;

    /// Whether an instance shows what is in a device or an image file (no `nodev` in /proc/filesystems).
    fn needs_device(&self) -> bool {
        false
    }

    /// Whether this option can be given as a descriptor.
    fn takes_descriptor(&self, _key: &[u8]) -> bool {
        false
    }

    /// An instance: a new one, or the one there is.
    ///
    /// # Errors
    /// `EINVAL` for bad options; `ENOMEM`, `EIO`.
    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock>;
}

static TYPES: RwSpinLock<Vec<&'static dyn FileSystemType>> = RwSpinLock::new(Vec::new());

/// Makes a type known.
pub fn register(file_system: &'static dyn FileSystemType) {
    TYPES.write().push(file_system);
}

/// The type of this name.
///
/// # Errors
/// `ENODEV`.
pub fn find(name: &[u8]) -> Result<&'static dyn FileSystemType> {
    TYPES
        .read()
        .iter()
        .find(|known| known.name().as_bytes() == name)
        .copied()
        .ok_or(Errno::ENODEV)
}

/// Calls `each` for every type, in the order of registration.
pub fn for_each(mut each: impl FnMut(&'static dyn FileSystemType)) {
    let count = TYPES.read().len();
    for index in 0..count {
        let known = TYPES.read().get(index).copied();
        if let Some(known) = known {
            each(known);
        }
    }
}
