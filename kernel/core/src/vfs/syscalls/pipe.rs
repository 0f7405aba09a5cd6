//! pipe2 (pipe(2)).

use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::flags::OpenFlags;
use crate::vfs::{limits, pipe};
use crate::{Errno, Result};
use hal::user::{self, UserAddr};

/// pipe2(descriptors, flags).
pub fn pipe2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = OpenFlags::from_bits(arguments.u32(1)).ok_or(Errno::EINVAL)?;
    if !(OpenFlags::CLOSE_ON_EXEC | OpenFlags::NON_BLOCKING | OpenFlags::DIRECT).contains(flags) {
        return Err(Errno::EINVAL);
    }
    let credentials = current.credentials();
    let (reader, writer) = pipe::create_pair(credentials.fsuid, credentials.fsgid, flags)?;
    let files = current.files();
    let close_on_exec = flags.contains(OpenFlags::CLOSE_ON_EXEC);
    let (first, second) =
        files.install_pair(reader, writer, close_on_exec, limits::open_files())?;
    if user::write_value(UserAddr(arguments.u64(0)), &[first, second]).is_err() {
        // A thread that shares the table may have closed them already.
        let _ = (files.close(first), files.close(second));
        return Err(Errno::EFAULT);
    }
    Ok(0)
}
