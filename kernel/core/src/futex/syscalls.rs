//! futex(2), set_robust_list(2), get_robust_list(2).

use super::operations::{self, Wait, WordOperation};
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::inspection::{By, may_inspect};
use crate::task::{self, Current};
use crate::time::value::Timespec;
use core::sync::atomic::Ordering::Relaxed;
use hal::user::{self, UserAddr};

const WAIT: u32 = 0;
const WAKE: u32 = 1;
const REQUEUE: u32 = 3;
const CMP_REQUEUE: u32 = 4;
const WAKE_OP: u32 = 5;
const WAIT_BITSET: u32 = 9;
const WAKE_BITSET: u32 = 10;
/// Only one address space is meant.
const PRIVATE: u32 = 128;
/// The absolute timeout is on the wall clock.
const CLOCK_REALTIME: u32 = 256;
/// Size of `struct robust_list_head`.
const ROBUST_HEAD_SIZE: usize = 24;

/// futex(2). Operations with priority inheritance don't exist: ENOSYS.
pub fn futex(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let address = arguments.u64(0);
    let operation = arguments.u32(1);
    let value = arguments.u32(2);
    let second = arguments.u64(4);
    let private = operation & PRIVATE != 0;
    let limit = |count: u32| {
        if (count as i32) < 0 {
            0
        } else {
            count as usize
        }
    };
    match operation & !(PRIVATE | CLOCK_REALTIME) {
        command @ (WAIT | WAIT_BITSET) => {
            let mask = if command == WAIT {
                u32::MAX
            } else {
                arguments.u32(5)
            };
            let deadline = deadline(
                arguments.u64(3),
                command == WAIT,
                operation & CLOCK_REALTIME != 0,
            )?;
            operations::wait(
                current,
                Wait {
                    address,
                    value,
                    mask,
                    private,
                    deadline,
                },
            )
            .map(|()| 0)
        }
        // The call wakes at least one, whatever the count says.
        WAKE => operations::wake(current, address, private, limit(value).max(1), u32::MAX),
        WAKE_BITSET => operations::wake(
            current,
            address,
            private,
            limit(value).max(1),
            arguments.u32(5),
        ),
        command @ (REQUEUE | CMP_REQUEUE) => {
            let (wake, moved) = (value as i32, arguments.int(3));
            if wake < 0 || moved < 0 {
                return Err(Errno::EINVAL);
            }
            let expected = (command == CMP_REQUEUE).then(|| arguments.u32(5));
            operations::requeue(
                current,
                (address, second),
                private,
                (wake as usize, moved as usize),
                expected,
            )
        }
        WAKE_OP => {
            let operation = WordOperation::decode(arguments.u32(5))?;
            let limits = (limit(value).max(1), limit(arguments.u32(3)).max(1));
            operations::wake_operation(current, (address, second), private, limits, operation)
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// When a wait ends, ns since boot.
fn deadline(address: u64, relative: bool, wall_clock: bool) -> Result<Option<u64>> {
    if address == 0 {
        return Ok(None);
    }
    let time: Timespec = user::read_value(UserAddr(address))?;
    let time = time.to_nanoseconds()?;
    let now = hal::time::now();
    Ok(Some(if relative {
        now.saturating_add(time)
    } else if wall_clock {
        let ahead = i128::from(time) - i128::from(hal::time::now());
        now.saturating_add(u64::try_from(ahead).unwrap_or(0))
    } else {
        time
    }))
}

/// set_robust_list(2).
pub fn set_robust_list(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.usize(1) != ROBUST_HEAD_SIZE {
        return Err(Errno::EINVAL);
    }
    current.robust_list.store(arguments.u64(0), Relaxed);
    Ok(0)
}

/// get_robust_list(2): of a thread that the caller may inspect.
pub fn get_robust_list(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let thread = task::find_thread_or_self(current, arguments.int(0))?;
    if !may_inspect(current, thread.process(), Some(&thread), By::RealUser) {
        return Err(Errno::EPERM);
    }
    user::write_value(
        UserAddr(arguments.u64(1)),
        &thread.robust_list.load(Relaxed),
    )?;
    user::write_value(UserAddr(arguments.u64(2)), &(ROBUST_HEAD_SIZE as u64))?;
    Ok(0)
}
