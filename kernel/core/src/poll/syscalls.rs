//! ppoll(2), eventfd2(2), signalfd4(2), and what the waiting calls share: times and signal masks from userland.

use hal::user::{self, UserAddr};
use linux_raw_sys::general as linux;
use smallvec::SmallVec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::signalfd::SignalFile;
use super::temporary_mask::TemporaryMask;
use super::{eventfd, wait_for};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::signal::SignalSet;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::time::value::Timespec;
use crate::vfs::{OpenFlags, PollEvents, PollRegistration};

/// `struct pollfd`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct PollDescriptor {
    descriptor: i32,
    wanted: u16,
    found: u16,
}

/// The time since boot that is `nanoseconds` from now.
pub(super) fn deadline_after(nanoseconds: u64) -> u64 {
    hal::time::now().saturating_add(nanoseconds)
}

/// A deadline from a user's relative timespec: none for a null pointer, `Some(0)` (don't wait) for zero.
///
/// # Errors
/// EFAULT, EINVAL.
pub(super) fn deadline_from_user(address: UserAddr) -> Result<Option<u64>> {
    if address.0 == 0 {
        return Ok(None);
    }
    let time = user::read_value::<Timespec>(address)?.to_nanoseconds()?;
    Ok(Some(if time == 0 { 0 } else { deadline_after(time) }))
}

/// Writes the time that is left back to a user's timespec. As on Linux a failure to write is no failure of the call.
pub(super) fn write_remaining(address: UserAddr, deadline: Option<u64>) {
    if let Some(deadline) = deadline
        && address.0 != 0
    {
        let left = deadline.saturating_sub(hal::time::now());
        let _ = user::write_value(address, &Timespec::from_nanoseconds(left));
    }
}

/// ppoll(2).
pub fn ppoll(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (list, count) = (UserAddr(arguments.u64(0)), arguments.u32(1) as usize);
    let time = UserAddr(arguments.u64(2));
    let deadline = deadline_from_user(time)?;
    if count as u64 > current.descriptor_limit() {
        return Err(Errno::EINVAL);
    }
    let mut descriptors: SmallVec<[PollDescriptor; 16]> = SmallVec::new();
    descriptors.make_room(count)?;
    descriptors.resize(count, PollDescriptor::default());
    user::copy_from_user(descriptors.as_mut_slice().as_mut_bytes(), list)?;
    let mask = TemporaryMask::set(current, arguments.u64(3), arguments.usize(4))?;
    let found = wait_for(deadline, |registration| {
        let ready = look(current, &mut descriptors, registration);
        Ok((ready > 0).then_some(ready))
    });
    mask.end(current, &found);
    write_remaining(time, deadline);
    let ready = match found {
        Ok(ready) => ready.unwrap_or(0),
        Err(error) if error.is_restart() => return Err(Errno::RESTART_NO_HANDLER),
        Err(error) => return Err(error),
    };
    user::copy_to_user(list, descriptors.as_slice().as_bytes())?;
    Ok(ready)
}

/// Looks at every descriptor once; returns how many have something to report.
fn look(
    current: &Current,
    descriptors: &mut [PollDescriptor],
    mut registration: Option<&mut PollRegistration>,
) -> usize {
    let mut ready = 0;
    for entry in descriptors {
        entry.found = 0;
        if entry.descriptor < 0 {
            continue;
        }
        let found = match current.file(entry.descriptor) {
            Ok(file) => {
                let always = PollEvents::ERROR | PollEvents::HANG_UP;
                let wanted = PollEvents::from_bits_retain(u32::from(entry.wanted)) | always;
                file.poll(registration.as_deref_mut()) & wanted
            }
            Err(_) => PollEvents::INVALID,
        };
        entry.found = found.bits() as u16;
        ready += usize::from(!found.is_empty());
    }
    ready
}

/// signalfd4(2).
pub fn signalfd4(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(3);
    if flags & !(linux::O_CLOEXEC | linux::O_NONBLOCK) != 0
        || arguments.usize(2) != size_of::<u64>()
    {
        return Err(Errno::EINVAL);
    }
    let set = SignalSet(user::read_value::<u64>(UserAddr(arguments.u64(1)))?);
    let descriptor = arguments.fd(0);
    if descriptor != -1 {
        SignalFile::of(&*current.file(descriptor)?)?.set(set);
        return Ok(descriptor as usize);
    }
    hal::frame::headroom()?;
    let mut open_flags = OpenFlags::empty();
    open_flags.set(OpenFlags::NON_BLOCKING, flags & linux::O_NONBLOCK != 0);
    current.install_file(
        SignalFile::open(set, open_flags),
        flags & linux::O_CLOEXEC != 0,
    )
}

/// eventfd2(2).
pub fn eventfd2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(1);
    if flags & !(linux::EFD_CLOEXEC | linux::EFD_NONBLOCK | linux::EFD_SEMAPHORE) != 0 {
        return Err(Errno::EINVAL);
    }
    hal::frame::headroom()?;
    let mut open_flags = OpenFlags::empty();
    open_flags.set(OpenFlags::NON_BLOCKING, flags & linux::EFD_NONBLOCK != 0);
    let file = eventfd::open(
        u64::from(arguments.u32(0)),
        flags & linux::EFD_SEMAPHORE != 0,
        open_flags,
    );
    current.install_file(file, flags & linux::EFD_CLOEXEC != 0)
}
