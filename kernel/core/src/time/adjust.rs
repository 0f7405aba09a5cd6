//! adjtimex(2): the state of clock discipline. The clock isn't disciplined, so it can be read only.

use hal::user::{self, UserAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::clock;
use super::syscalls::may_set_clock;
use super::value::Timeval;
use crate::errno::{Errno, Result};
use crate::task::Current;

/// `struct timex` of the 64-bit ABI.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Timex {
    modes: u32,
    padding_1: u32,
    offset: i64,
    frequency: i64,
    maximum_error: i64,
    estimated_error: i64,
    status: i32,
    padding_2: i32,
    constant: i64,
    precision: i64,
    tolerance: i64,
    time: Timeval,
    tick: i64,
    pulse: [i64; 2],
    shift: i32,
    padding_3: i32,
    stability: i64,
    counts: [i64; 4],
    atomic_offset: i32,
    reserved: [i32; 11],
}

const _: () = assert!(size_of::<Timex>() == 208);

/// STA_UNSYNC: not synchronised with anything.
const UNSYNCHRONISED: i32 = 0x40;
/// TIME_ERROR, the state of such a clock.
const TIME_ERROR: usize = 5;
/// NTP_PHASE_LIMIT of Linux's include/linux/timex.h: the error of a clock nobody has set, microseconds.
const LARGEST_ERROR: i64 = 16_000_000;

/// Reads the state into the structure at `address`.
///
/// # Errors
/// EPERM: a change, by somebody who may not set the clock. EOPNOTSUPP: a change. EFAULT.
pub(super) fn adjust(current: &Current, address: UserAddr) -> Result<usize> {
    let mut timex = user::read_value::<Timex>(address)?;
    // ADJ_OFFSET_SS_READ (0xa001) asks for what is left of an adjustment: nothing.
    if timex.modes != 0 && timex.modes != 0xa001 {
        may_set_clock(current)?;
        return Err(Errno::EOPNOTSUPP);
    }
    timex = Timex {
        modes: timex.modes,
        padding_1: 0,
        offset: 0,
        frequency: 0,
        maximum_error: LARGEST_ERROR,
        estimated_error: LARGEST_ERROR,
        status: UNSYNCHRONISED,
        padding_2: 0,
        constant: 2,
        precision: 1,
        // 500 parts in a million, in units of 2^-16 of one.
        tolerance: 500 << 16,
        time: Timeval::from_nanoseconds(clock::realtime()),
        tick: 10_000,
        pulse: [0; 2],
        shift: 0,
        padding_3: 0,
        stability: 0,
        counts: [0; 4],
        atomic_offset: 0,
        reserved: [0; 11],
    };
    user::write_value(address, &timex)?;
    Ok(TIME_ERROR)
}
