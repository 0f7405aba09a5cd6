//! sysinfo(2) and getrandom(2).

use hal::user::{self, UserAddr};
use linux_raw_sys::general as linux;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::load;
use super::random::{self, RandomStream};
use crate::errno::{Errno, Result};
use crate::memory::PAGE_SIZE;
use crate::syscall::Arguments;
use crate::task::{Current, registry};
use crate::time::SECOND;

/// `struct sysinfo` of the 64-bit ABI.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SystemInformation {
    uptime: i64,
    loads: [u64; 3],
    total_memory: u64,
    free_memory: u64,
    shared_memory: u64,
    buffer_memory: u64,
    total_swap: u64,
    free_swap: u64,
    tasks: u16,
    padding_1: [u16; 3],
    total_high: u64,
    free_high: u64,
    unit: u32,
    padding_2: u32,
}

const _: () = assert!(size_of::<SystemInformation>() == 112);

/// `1 << SI_LOAD_SHIFT`: 1.0 in the load averages of sysinfo(2).
const LOAD_ONE: u64 = 1 << 16;

/// sysinfo(2). Inside a container the tasks counted are its own.
pub fn sysinfo(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let own = match current.process().contexts().list() {
        Some(list) => list.host_numbers()?,
        None => None,
    };
    let tasks = own.map_or_else(|| registry::counts().1, |numbers| numbers.len());
    let information = SystemInformation {
        uptime: hal::time::now().div_ceil(SECOND) as i64,
        loads: load::averages().map(|average| average * (LOAD_ONE / load::ONE)),
        total_memory: hal::frame::total() * PAGE_SIZE,
        free_memory: hal::frame::free() * PAGE_SIZE,
        shared_memory: 0,
        buffer_memory: 0,
        total_swap: 0,
        free_swap: 0,
        tasks: u16::try_from(tasks).unwrap_or(u16::MAX),
        padding_1: [0; 3],
        total_high: 0,
        free_high: 0,
        unit: 1,
        padding_2: 0,
    };
    user::write_value(UserAddr(arguments.u64(0)), &information)?;
    Ok(0)
}

/// getrandom(2). The generator is seeded before the first program runs, so no request waits.
pub fn getrandom(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(2);
    let both = linux::GRND_INSECURE | linux::GRND_RANDOM;
    if flags & !(linux::GRND_NONBLOCK | both) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    let (address, length) = (arguments.u64(0), arguments.usize(1).min(i32::MAX as usize));
    let mut piece = [0; 256];
    if let Some(small) = piece.get_mut(..length) {
        random::fill(small);
        user::copy_to_user(UserAddr(address), small)?;
        return Ok(length);
    }
    let mut stream = RandomStream::new();
    let mut done = 0;
    while done < length {
        let count = piece.len().min(length - done);
        stream.fill(&mut piece);
        let copied = user::copy_to_user(
            UserAddr(address.wrapping_add(done as u64)),
            piece.get(..count).unwrap_or(&piece),
        );
        if copied.is_err() {
            break;
        }
        done += count;
        // A long request can be interrupted; what it got so far counts.
        if current.signal_pending() {
            break;
        }
    }
    if done == 0 {
        Err(Errno::EFAULT)
    } else {
        Ok(done)
    }
}
