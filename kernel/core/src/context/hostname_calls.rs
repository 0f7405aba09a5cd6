//! sethostname(2), setdomainname(2): the names of the caller's hostname context.

use hal::user::UserAddr;

use super::hostname::{HostnameContext, Name};
use super::{jail, syscalls};
use crate::syscall::Arguments;
use crate::task::{Capability, Current};
use crate::{Errno, Result};

/// `sethostname(name, length)`.
///
/// # Errors
/// `EPERM`: not root, or jailed. `EINVAL`: longer than 64 bytes. `EFAULT`.
pub fn sethostname(current: &Current, arguments: &mut Arguments<'_>) -> Result<usize> {
    set(current, arguments, HostnameContext::set_host)
}

/// `setdomainname(name, length)`.
///
/// # Errors
/// As [`sethostname`].
pub fn setdomainname(current: &Current, arguments: &mut Arguments<'_>) -> Result<usize> {
    set(current, arguments, HostnameContext::set_domain)
}

fn set(
    current: &Current,
    arguments: &mut Arguments<'_>,
    change: fn(&HostnameContext, Name),
) -> Result<usize> {
    current.require(Capability::SysAdmin)?;
    jail::refuse(current)?;
    let length = u64::try_from(arguments.int(1)).map_err(|_| Errno::EINVAL)?;
    let name = syscalls::read_name(UserAddr(arguments.u64(0)).0, length)?;
    let context = current
        .process()
        .contexts()
        .hostname()
        .ok_or(Errno::ESRCH)?;
    change(&context, name);
    Ok(0)
}
