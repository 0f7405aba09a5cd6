//! The context calls with plain arguments: what the kernel sees, for programs that test it.

use super::{Errno, OwnedDescriptor, Result, kernel};
use crate::{call, jail};
use core::ffi::CStr;
use linux_raw_sys::general as number;

/// `unshare_open(type, flags)`
pub fn unshare_open(context_type: i32, flags: u32) -> Result<OwnedDescriptor> {
    kernel::call_with_numbers(
        call::UNSHARE_OPEN,
        [context_type as usize, flags as usize, 0, 0, 0],
    )
    .map(OwnedDescriptor::from_call)
}

/// `unshare_create(fd)`: the id of the new context.
pub fn unshare_create(descriptor: i32) -> Result<u64> {
    kernel::call_with_numbers(call::UNSHARE_CREATE, [descriptor as usize, 0, 0, 0, 0])
        .map(|id| id as u64)
}

/// `unshare_enter(fd, flags)`
pub fn unshare_enter(descriptor: i32, flags: u32) -> Result<()> {
    kernel::call_with_numbers(
        call::UNSHARE_ENTER,
        [descriptor as usize, flags as usize, 0, 0, 0],
    )
    .map(drop)
}

/// `unshare_reopen(type, id)`
pub fn unshare_reopen(context_type: i32, id: u64) -> Result<OwnedDescriptor> {
    kernel::call_with_numbers(
        call::UNSHARE_REOPEN,
        [context_type as usize, id as usize, 0, 0, 0],
    )
    .map(OwnedDescriptor::from_call)
}

/// `copy_mount(from_dirfd, from_path, context_fd, to_path, flags)`
pub fn copy_mount(
    from_directory: i32,
    from_path: &CStr,
    context: i32,
    to_path: &CStr,
    flags: u32,
) -> Result<()> {
    let arguments = [
        from_directory as usize,
        0,
        context as usize,
        0,
        flags as usize,
        0,
    ];
    kernel::call_with_strings(call::COPY_MOUNT, arguments, &[(1, from_path), (3, to_path)])
        .map(drop)
}

/// An ioctl of a context descriptor whose argument is a number. Requests that carry a structure, or of
/// another kind of file, are refused with EINVAL before they reach the kernel.
pub fn context_request(descriptor: i32, request: u32, argument: i32) -> Result<usize> {
    if request >> 8 != u32::from(b'u') {
        return Err(Errno::EINVAL);
    }
    let arguments = [
        descriptor as usize,
        request as usize,
        argument as usize,
        0,
        0,
    ];
    kernel::call_with_numbers(number::__NR_ioctl as usize, arguments)
}

/// `prctl(PR_SET_JAIL, how)`
pub fn set_jail(how: i32) -> Result<()> {
    let arguments = [jail::PR_SET_JAIL as usize, how as usize, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_prctl as usize, arguments).map(drop)
}

/// `prctl(PR_GET_JAIL)`: the bits.
pub fn get_jail() -> Result<u32> {
    let arguments = [jail::PR_GET_JAIL as usize, 0, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_prctl as usize, arguments).map(|bits| bits as u32)
}

/// kill(2): a process, a group (0 or negative) or everybody in sight (-1).
pub fn kill(target: i32, signal: i32) -> Result<()> {
    let arguments = [target as usize, signal as usize, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_kill as usize, arguments).map(drop)
}

/// truncate(2), which may meet a program that runs.
pub fn truncate(path: &CStr, size: u64) -> Result<()> {
    kernel::call_with_strings(
        number::__NR_truncate as usize,
        [0, size as usize, 0, 0, 0, 0],
        &[(0, path)],
    )
    .map(drop)
}

/// unshare(2) with these `CLONE_NEW*` flags.
pub fn unshare_namespaces(flags: u32) -> Result<()> {
    kernel::call_with_numbers(number::__NR_unshare as usize, [flags as usize, 0, 0, 0, 0]).map(drop)
}

/// fcntl(2) with `F_GETFD`.
pub fn descriptor_flags(descriptor: i32) -> Result<u32> {
    let arguments = [descriptor as usize, number::F_GETFD as usize, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_fcntl as usize, arguments).map(|flags| flags as u32)
}

/// setfsuid(2): the user for files; the one before.
pub fn set_file_user(user: u32) -> u32 {
    // It knows no errors: what isn't allowed changes nothing.
    kernel::call_with_numbers(number::__NR_setfsuid as usize, [user as usize, 0, 0, 0, 0])
        .map_or(u32::MAX, |old| old as u32)
}

/// close_range(2): closes the descriptors from `first` to `last`. Nothing in this program may own one of them.
pub fn close_range(first: u32, last: u32) -> Result<()> {
    let arguments = [first as usize, last as usize, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_close_range as usize, arguments).map(drop)
}
