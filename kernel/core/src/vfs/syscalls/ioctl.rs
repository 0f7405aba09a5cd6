//! ioctl: the requests that every file has, then the file's own (ioctl(2)).

use super::{fault, usable_file};
use crate::Result;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::flags::OpenFlags;
use crate::vfs::kind::FileKind;
use hal::user::{self, UserAddr};

const FIONREAD: u32 = 0x541b;
const FIONBIO: u32 = 0x5421;
const FIONCLEX: u32 = 0x5450;
const FIOCLEX: u32 = 0x5451;
const FIOASYNC: u32 = 0x5452;

/// ioctl(descriptor, request, argument).
pub fn ioctl(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (fd, request, argument) = (arguments.fd(0), arguments.u32(1), arguments.u64(2));
    let file = usable_file(current, fd)?;
    match request {
        FIOCLEX => current.files().set_close_on_exec(fd, true).map(|()| 0),
        FIONCLEX => current.files().set_close_on_exec(fd, false).map(|()| 0),
        FIONBIO | FIOASYNC => {
            let on: i32 = user::read_value(UserAddr(argument)).map_err(fault)?;
            let flag = if request == FIONBIO {
                OpenFlags::NON_BLOCKING
            } else {
                OpenFlags::ASYNC
            };
            let mut flags = file.flags();
            flags.set(flag, on != 0);
            file.set_changeable_flags(flags);
            Ok(0)
        }
        FIONREAD
            if file
                .inode()
                .is_some_and(|inode| inode.kind() == FileKind::Regular) =>
        {
            let size = file.inode().map_or(0, |inode| inode.size());
            let left = size.saturating_sub(*file.lock_position());
            user::write_value(UserAddr(argument), &i32::try_from(left).unwrap_or(i32::MAX))
                .map_err(fault)?;
            Ok(0)
        }
        _ => file.operations().ioctl(&file, current, request, argument),
    }
}
