//! getrusage(2), times(2).

use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::task::usage::{self, Usage, ticks};
use hal::user::{self, UserAddr};
use zerocopy::{Immutable, IntoBytes};

/// `struct rusage`. What the kernel doesn't count is 0, as on Linux.
#[derive(Clone, Copy, Debug, Default, IntoBytes, Immutable)]
#[repr(C)]
pub struct UserUsage {
    user: [u64; 2],
    system: [u64; 2],
    peak_resident: u64,
    uncounted: [u64; 11],
    voluntary_switches: u64,
    involuntary_switches: u64,
}

const _: () = assert!(size_of::<UserUsage>() == 144);

impl From<Usage> for UserUsage {
    fn from(usage: Usage) -> Self {
        let timeval = |time: u64| [time / 1_000_000_000, time / 1000 % 1_000_000];
        Self {
            user: timeval(usage.user),
            system: timeval(usage.system),
            peak_resident: usage.peak_resident,
            uncounted: [0; 11],
            voluntary_switches: usage.voluntary_switches,
            involuntary_switches: usage.involuntary_switches,
        }
    }
}

/// getrusage(2).
pub fn getrusage(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let process = current.process();
    let used = match arguments.int(0) {
        // RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD
        0 => usage::of_process(process),
        -1 => process.accounts().lock().children,
        1 => usage::of_thread(&current.arc()),
        _ => return Err(Errno::EINVAL),
    };
    user::write_value(UserAddr(arguments.u64(1)), &UserUsage::from(used))?;
    Ok(0)
}

/// times(2).
pub fn times(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.u64(0) != 0 {
        let process = current.process();
        let (own, children) = (
            usage::of_process(process),
            process.accounts().lock().children,
        );
        let fields = [own.user, own.system, children.user, children.system].map(ticks);
        user::write_value(UserAddr(arguments.u64(0)), &fields)?;
    }
    Ok(ticks(hal::time::now()) as usize)
}
