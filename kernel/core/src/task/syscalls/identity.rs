//! getpid(2) and its kin: each reads one number.

use crate::errno::Result;
use crate::syscall::Arguments;
use crate::task::Current;

/// getpid(2).
pub fn getpid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    Ok(current.process().number().own() as usize)
}

/// getppid(2): 0 when the parent is out of sight.
pub fn getppid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    Ok(current.process().parent_number() as usize)
}

/// gettid(2).
pub fn gettid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    Ok(current.number().own() as usize)
}

/// getuid(2).
pub fn getuid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    Ok(current.with_credentials(|own| own.uid) as usize)
}

/// geteuid(2).
pub fn geteuid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    Ok(current.with_credentials(|own| own.euid) as usize)
}

/// getgid(2).
pub fn getgid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    Ok(current.with_credentials(|own| own.gid) as usize)
}

/// getegid(2).
pub fn getegid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    Ok(current.with_credentials(|own| own.egid) as usize)
}
