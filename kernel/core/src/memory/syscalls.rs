//! The memory calls: mmap, munmap, mprotect, mremap, brk, madvise, mlock and its family, msync, mincore.

use alloc::sync::Arc;

use hal::page_table::Protection;
use hal::user::{self, UserAddr};
use linux_raw_sys::general as linux;

use super::mapping::{checked_range, is_aligned};
use super::{
    AddressSpace, Advice, AreaFlags, Backing, Label, LockMode, MapRequest, PAGE_SIZE, Placement,
    RemapFlags,
};
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{Capability, Current};

/// The caller's address space.
///
/// # Errors
/// ENOMEM: it is at its end and has none any more.
fn space(current: &Current) -> Result<Arc<AddressSpace>> {
    current.address_space().ok_or(Errno::ENOMEM)
}

/// PROT_*: the bits that give access.
///
/// # Errors
/// EINVAL: an unknown bit (PROT_GROWSDOWN and PROT_GROWSUP are the caller's to take out; PROT_SEM means nothing).
fn protection(bits: u32) -> Result<Protection> {
    if bits & !(linux::PROT_READ | linux::PROT_WRITE | linux::PROT_EXEC | PROT_SEM) != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Protection {
        read: bits & linux::PROT_READ != 0,
        write: bits & linux::PROT_WRITE != 0,
        execute: bits & linux::PROT_EXEC != 0,
    })
}

/// PROT_SEM of asm-generic/mman-common.h.
const PROT_SEM: u32 = 8;

/// mmap(2).
pub fn mmap(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (address, length) = (arguments.u64(0), arguments.u64(1));
    let bits = arguments.u64(2) as u32;
    let flags = arguments.u64(3) as u32;
    let offset = arguments.u64(5);
    if !is_aligned(offset) {
        return Err(Errno::EINVAL);
    }
    let anonymous = flags & linux::MAP_ANONYMOUS != 0;
    let backing = if anonymous {
        Backing::Anonymous
    } else {
        Backing::File {
            file: current.files().get(arguments.fd(4))?,
            offset,
        }
    };
    let shared = match flags & linux::MAP_TYPE {
        linux::MAP_PRIVATE => false,
        linux::MAP_SHARED => true,
        linux::MAP_SHARED_VALIDATE => {
            if flags & !KNOWN_FLAGS != 0 {
                return Err(Errno::EOPNOTSUPP);
            }
            true
        }
        _ => return Err(Errno::EINVAL),
    };
    if flags & linux::MAP_HUGETLB != 0 {
        // There is no pool of huge pages to take from.
        return Err(Errno::ENOMEM);
    }
    let placement = if flags & linux::MAP_FIXED_NOREPLACE != 0 {
        Placement::FixedNoReplace(address)
    } else if flags & linux::MAP_FIXED != 0 {
        Placement::Fixed(address)
    } else if address != 0 {
        Placement::Hint(address & !(PAGE_SIZE - 1))
    } else {
        Placement::Anywhere
    };
    let mut area_flags = AreaFlags::empty();
    area_flags.set(AreaFlags::NO_RESERVE, flags & linux::MAP_NORESERVE != 0);
    area_flags.set(AreaFlags::GROWS_DOWN, flags & linux::MAP_GROWSDOWN != 0);
    area_flags.set(AreaFlags::LOCKED, flags & linux::MAP_LOCKED != 0);
    let start = space(current)?.map(MapRequest {
        placement,
        length,
        // As on Linux, bits that mmap(2) doesn't know are ignored.
        protection: protection(bits & (linux::PROT_READ | linux::PROT_WRITE | linux::PROT_EXEC))?,
        shared,
        backing,
        flags: area_flags,
        populate: flags & (linux::MAP_POPULATE | linux::MAP_NONBLOCK) == linux::MAP_POPULATE,
        label: Label::None,
    })?;
    Ok(start as usize)
}

/// What MAP_SHARED_VALIDATE accepts; MAP_SYNC is not among them (no file system here has it).
const KNOWN_FLAGS: u32 = linux::MAP_TYPE
    | linux::MAP_FIXED
    | linux::MAP_FIXED_NOREPLACE
    | linux::MAP_ANONYMOUS
    | linux::MAP_GROWSDOWN
    | linux::MAP_DENYWRITE
    | linux::MAP_EXECUTABLE
    | linux::MAP_UNINITIALIZED
    | linux::MAP_LOCKED
    | linux::MAP_NORESERVE
    | linux::MAP_POPULATE
    | linux::MAP_NONBLOCK
    | linux::MAP_STACK
    | linux::MAP_HUGETLB;

/// munmap(2).
pub fn munmap(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    space(current)?.unmap(arguments.u64(0), arguments.u64(1))?;
    Ok(0)
}

/// mprotect(2).
pub fn mprotect(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let bits = arguments.u64(2) as u32;
    let down = bits & linux::PROT_GROWSDOWN != 0;
    if bits & linux::PROT_GROWSUP != 0 {
        // No area here grows up.
        return Err(Errno::EINVAL);
    }
    let protection = protection(bits & !linux::PROT_GROWSDOWN)?;
    space(current)?.protect(arguments.u64(0), arguments.u64(1), protection, down)?;
    Ok(0)
}

/// mremap(2).
pub fn mremap(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = u32::try_from(arguments.u64(3))
        .ok()
        .and_then(RemapFlags::from_bits)
        .ok_or(Errno::EINVAL)?;
    let address = space(current)?.remap(
        arguments.u64(0),
        arguments.u64(1),
        arguments.u64(2),
        flags,
        arguments.u64(4),
    )?;
    Ok(address as usize)
}

/// brk(2): returns the break there is afterwards, whatever was asked.
pub fn brk(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    Ok(space(current)?.set_break(arguments.u64(0)) as usize)
}

/// madvise(2).
pub fn madvise(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let advice = Advice::from_number(arguments.int(2))?;
    space(current)?.advise(arguments.u64(0), arguments.u64(1), advice)?;
    Ok(0)
}

/// Whether the caller's locks have no limit.
fn may_lock_all(current: &Current) -> bool {
    current.is_capable(Capability::IpcLock)
}

/// mlock(2).
pub fn mlock(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    space(current)?.lock_range(
        arguments.u64(0),
        arguments.u64(1),
        LockMode::Now,
        may_lock_all(current),
    )?;
    Ok(0)
}

/// mlock2(2).
pub fn mlock2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let mode = match arguments.u64(2) as u32 {
        0 => LockMode::Now,
        linux::MLOCK_ONFAULT => LockMode::OnFault,
        _ => return Err(Errno::EINVAL),
    };
    space(current)?.lock_range(
        arguments.u64(0),
        arguments.u64(1),
        mode,
        may_lock_all(current),
    )?;
    Ok(0)
}

/// munlock(2).
pub fn munlock(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    space(current)?.lock_range(arguments.u64(0), arguments.u64(1), LockMode::Unlocked, true)?;
    Ok(0)
}

/// mlockall(2).
pub fn mlockall(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u64(0) as u32;
    let (now, future, on_fault) = (
        flags & linux::MCL_CURRENT != 0,
        flags & linux::MCL_FUTURE != 0,
        flags & linux::MCL_ONFAULT != 0,
    );
    let known = linux::MCL_CURRENT | linux::MCL_FUTURE | linux::MCL_ONFAULT;
    if flags == 0 || flags & !known != 0 || flags == linux::MCL_ONFAULT {
        return Err(Errno::EINVAL);
    }
    let mode = if on_fault {
        LockMode::OnFault
    } else {
        LockMode::Now
    };
    let later = if future { mode } else { LockMode::Unlocked };
    space(current)?.lock_all(now.then_some(mode), later, may_lock_all(current))?;
    Ok(0)
}

/// munlockall(2).
pub fn munlockall(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    space(current)?.unlock_all();
    Ok(0)
}

/// msync(2). Shared file mappings are the page cache's own pages, so there is nothing to write back to it.
pub fn msync(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u64(2) as u32;
    let known = linux::MS_ASYNC | linux::MS_INVALIDATE | linux::MS_SYNC;
    if flags & !known != 0
        || flags & (linux::MS_ASYNC | linux::MS_SYNC) == linux::MS_ASYNC | linux::MS_SYNC
    {
        return Err(Errno::EINVAL);
    }
    let (start, end) = checked_range(arguments.u64(0), arguments.u64(1))?;
    space(current)?.synchronise(start, end, flags & linux::MS_INVALIDATE != 0)?;
    Ok(0)
}

/// mincore(2).
pub fn mincore(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (start, end) = match checked_range(arguments.u64(0), arguments.u64(1)) {
        Err(_) if is_aligned(arguments.u64(0)) => return Err(Errno::ENOMEM),
        range => range?,
    };
    let mut target = UserAddr(arguments.u64(2));
    let mut at = start;
    while at < end {
        // In pieces: the answer is copied out with the address space unlocked.
        let stop = end.min(at + 256 * PAGE_SIZE);
        let mut answer = [0u8; 256];
        space(current)?.residency(at, stop, |page, resident| {
            if let Some(byte) = answer.get_mut(page as usize) {
                *byte = u8::from(resident);
            }
        })?;
        let count = ((stop - at) / PAGE_SIZE) as usize;
        user::copy_to_user(target, answer.get(..count).unwrap_or(&answer))?;
        target = UserAddr(target.0.wrapping_add(count as u64));
        at = stop;
    }
    Ok(0)
}
