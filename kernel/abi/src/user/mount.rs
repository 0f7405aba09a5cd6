//! Calls on mounts that the usual system libraries don't wrap.

use super::{Result, calls, kernel};
use crate::context::CopyMountFlags;
use core::ffi::CStr;
use linux_raw_sys::general as number;

/// The descriptor that stands for the working directory of the caller.
pub const WORKING_DIRECTORY: i32 = number::AT_FDCWD;

/// struct mount_attr (linux/mount.h).
#[derive(Clone, Copy)]
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

/// Adds restrictions to the mount that a descriptor refers to, and to those below it if `recursive`
/// (mount_setattr(2)).
pub fn restrict(mount: i32, restrictions: CopyMountFlags, recursive: bool) -> Result<()> {
    let set = u64::from(restrictions.bits());
    set_attributes(mount, set, 0, recursive)
}

/// Takes restrictions from the mount that a descriptor refers to (mount_setattr(2)).
pub fn loosen(mount: i32, restrictions: CopyMountFlags) -> Result<()> {
    let clear = u64::from(restrictions.bits());
    set_attributes(mount, 0, clear, false)
}

/// Sets and clears attributes, `MOUNT_ATTR_*`, of the mount that a descriptor refers to, and of those below it if
/// `recursive` (mount_setattr(2)).
pub fn set_attributes(mount: i32, set: u64, clear: u64, recursive: bool) -> Result<()> {
    let below = if recursive { number::AT_RECURSIVE } else { 0 };
    let attributes = [MountAttributes {
        set,
        clear,
        propagation: 0,
        user_namespace: 0,
    }];
    let arguments = [
        mount as usize,
        c"".as_ptr().addr(),
        (number::AT_EMPTY_PATH | below) as usize,
        0,
        size_of::<MountAttributes>(),
        0,
    ];
    kernel::call_reading(
        number::__NR_mount_setattr as usize,
        arguments,
        3,
        &attributes,
    )
    .map(drop)
}

/// Adds a mount of what is mounted at `from_path` to the context of a descriptor, `copy_mount`.
pub fn copy_mount(
    from_directory: i32,
    from_path: &CStr,
    context: &super::ContextDescriptor,
    to_path: &CStr,
    restrictions: CopyMountFlags,
) -> Result<()> {
    calls::copy_mount(
        from_directory,
        from_path,
        context.number(),
        to_path,
        restrictions.bits(),
    )
}
