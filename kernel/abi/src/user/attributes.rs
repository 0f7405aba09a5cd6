//! Attributes of the calling thread that a manager sets for a program: capabilities (capabilities(7)), scheduling
//! (sched_setattr(2)), I/O priority (ioprio_set(2)), personality (personality(2)).

use super::{Result, kernel};
use linux_raw_sys::{general as number, prctl};

/// `_LINUX_CAPABILITY_VERSION_3`
const CAPABILITY_VERSION: u32 = 0x2008_0522;

/// Sets three sets of capabilities, one bit each.
pub fn set_capabilities(effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
    let sets = [effective, permitted, inheritable];
    let [low, high] = [0, 32].map(|shift| sets.map(|set| (set >> shift) as u32));
    let data = [low, high];
    let header = [CAPABILITY_VERSION, 0];
    kernel::call_reading_two(number::__NR_capset as usize, &header, &data).map(drop)
}

fn prctl_numbers(numbers: [usize; 5]) -> Result<()> {
    kernel::call_with_numbers(number::__NR_prctl as usize, numbers).map(drop)
}

/// Takes a capability out of the bounding set.
pub fn drop_bounding(capability: u32) -> Result<()> {
    prctl_numbers([
        prctl::PR_CAPBSET_DROP as usize,
        capability as usize,
        0,
        0,
        0,
    ])
}

/// Puts a capability into the ambient set.
pub fn raise_ambient(capability: u32) -> Result<()> {
    prctl_numbers([
        prctl::PR_CAP_AMBIENT as usize,
        prctl::PR_CAP_AMBIENT_RAISE as usize,
        capability as usize,
        0,
        0,
    ])
}

/// Keeps what is permitted when the user changes, until exec.
pub fn keep_capabilities() -> Result<()> {
    prctl_numbers([prctl::PR_SET_KEEPCAPS as usize, 1, 0, 0, 0])
}

/// `struct sched_attr`, as of its first version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Scheduling {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
}

impl Scheduling {
    /// A policy that goes by nice level, with flags (`SCHED_FLAG_*`).
    pub const fn new(policy: u32, nice: i32, flags: u64) -> Self {
        Self {
            size: 48,
            policy,
            flags,
            nice,
            priority: 0,
            runtime: 0,
            deadline: 0,
            period: 0,
        }
    }
}

/// sched_setattr(2) of the calling thread.
pub fn set_scheduling(scheduling: Scheduling) -> Result<()> {
    let arguments = [0; 6];
    kernel::call_reading(
        number::__NR_sched_setattr as usize,
        arguments,
        1,
        &[scheduling],
    )
    .map(drop)
}

/// Lets the calling thread run on these processors only: one bit each, the lowest of the first word for number 0.
pub fn set_affinity(processors: &[u64]) -> Result<()> {
    let arguments = [0, size_of_val(processors), 0, 0, 0, 0];
    let call = number::__NR_sched_setaffinity as usize;
    kernel::call_reading(call, arguments, 2, processors).map(drop)
}

/// `IOPRIO_WHO_PROCESS`
const WHO_PROCESS: usize = 1;

/// Sets the I/O priority of the calling thread: the class from bit 13 on, the level below.
pub fn set_io_priority(priority: u32) -> Result<()> {
    let numbers = [WHO_PROCESS, 0, priority as usize, 0, 0];
    kernel::call_with_numbers(number::__NR_ioprio_set as usize, numbers).map(drop)
}

/// The I/O priority of the calling thread.
pub fn io_priority() -> Result<u32> {
    let numbers = [WHO_PROCESS, 0, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_ioprio_get as usize, numbers).map(|value| value as u32)
}

/// Sets the personality; the one before.
pub fn set_personality(personality: u32) -> Result<u32> {
    let numbers = [personality as usize, 0, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_personality as usize, numbers).map(|old| old as u32)
}
