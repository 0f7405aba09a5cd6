//! unshare(2), setns(2): contexts are this kernel's way, so of these only what concerns no namespace works.

use crate::context::jail;
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::task::clone_flags::CloneFlags;

/// unshare(2): a working directory and descriptors of its own; namespaces EINVAL, as Linux without them.
pub fn unshare(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    jail::refuse(current)?;
    let flags =
        CloneFlags::from_bits(arguments.u64(0) & u64::from(u32::MAX)).ok_or(Errno::EINVAL)?;
    let possible = CloneFlags::FS | CloneFlags::FILES | CloneFlags::SYSTEM_V_SEMAPHORES;
    if !possible.contains(flags) {
        return Err(Errno::EINVAL);
    }
    let own = current.resources().ok_or(Errno::EINVAL)?;
    let files = if flags.contains(CloneFlags::FILES) {
        Some(own.files.duplicate()?)
    } else {
        None
    };
    let fs = flags.contains(CloneFlags::FS).then(|| own.fs.duplicate());
    let old = current.replace_resources(|resources| {
        if let Some(resources) = resources {
            resources.files = files.unwrap_or_else(|| resources.files.clone());
            resources.fs = fs.unwrap_or_else(|| resources.fs.clone());
        }
    });
    drop(old);
    Ok(0)
}

/// setns(2): there are no namespaces to enter.
pub fn setns(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    jail::refuse(current)?;
    current.files().get(arguments.fd(0))?;
    Err(Errno::EINVAL)
}
