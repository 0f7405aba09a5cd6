//! epoll_create1, epoll_ctl, epoll_pwait, epoll_pwait2.

use hal::user::{self, UserAddr};
use linux_raw_sys::general as linux;

use super::instance::{Epoll, Event};
use crate::errno::{Errno, Result};
use crate::poll::syscalls::{deadline_after, deadline_from_user};
use crate::poll::temporary_mask::TemporaryMask;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::time::value::SECOND;
use crate::vfs::{FileKind, OpenFlags};

/// Most events one wait may ask for: what fits into 2 GiB, as on Linux.
const MAXIMUM_EVENTS: i32 = i32::MAX / size_of::<Event>() as i32;

/// epoll_create1(2).
pub fn epoll_create1(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(0);
    if flags & !linux::EPOLL_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    hal::frame::headroom()?;
    current.install_file(
        Epoll::open(OpenFlags::empty()),
        flags & linux::EPOLL_CLOEXEC != 0,
    )
}

/// epoll_ctl(2).
pub fn epoll_ctl(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let operation = arguments.u32(1);
    let wanted = if operation == linux::EPOLL_CTL_DEL {
        Event::default()
    } else {
        user::read_value::<Event>(UserAddr(arguments.u64(3)))?
    };
    let descriptor = arguments.fd(2);
    let instance = current.file(arguments.fd(0))?;
    let target = current.file(descriptor)?;
    // Files and directories are always ready: there is nothing to wait for.
    let kind = target.inode().map(|inode| inode.kind());
    if matches!(kind, Some(FileKind::Regular | FileKind::Directory)) {
        return Err(Errno::EPERM);
    }
    let epoll = Epoll::of(&instance)?;
    if alloc::sync::Arc::ptr_eq(&instance, &target) {
        return Err(Errno::EINVAL);
    }
    match operation {
        linux::EPOLL_CTL_ADD => epoll.add(descriptor, &target, wanted)?,
        linux::EPOLL_CTL_MOD => epoll.modify(descriptor, &target, wanted)?,
        linux::EPOLL_CTL_DEL => epoll.remove(descriptor, &target)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

/// epoll_pwait(2): the time is in milliseconds, negative for ever.
pub fn epoll_pwait(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let deadline = match arguments.int(3) {
        0 => Some(0),
        milliseconds => u64::try_from(milliseconds)
            .ok()
            .map(|time| deadline_after(time * (SECOND / 1000))),
    };
    wait(current, arguments, deadline)
}

/// epoll_pwait2(2): the time is a timespec, none for ever.
pub fn epoll_pwait2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let deadline = deadline_from_user(UserAddr(arguments.u64(3)))?;
    wait(current, arguments, deadline)
}

fn wait(current: &Current, arguments: &Arguments, deadline: Option<u64>) -> Result<usize> {
    let target = arguments.u64(1);
    let maximum = arguments.int(2);
    if maximum <= 0 || maximum > MAXIMUM_EVENTS {
        return Err(Errno::EINVAL);
    }
    let file = current.file(arguments.fd(0))?;
    let epoll = Epoll::of(&file)?;
    let mask = TemporaryMask::set(current, arguments.u64(4), arguments.usize(5))?;
    let found = epoll.wait(maximum as usize, deadline, |index, event| {
        let offset = (index * size_of::<Event>()) as u64;
        Ok(user::write_value(
            UserAddr(target.wrapping_add(offset)),
            event,
        )?)
    });
    mask.end(current, &found);
    found
}
