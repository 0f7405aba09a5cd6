//! wait4(2), waitid(2).

use super::usage::UserUsage;
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::process_descriptor::process_of;
use crate::task::wait::{Report, WaitOptions, Wanted, wait};
use crate::task::{self, Current};
use hal::user::{self, UserAddr};

/// The child that a program calls `number`; one out of sight is nobody's child.
fn process(current: &Current, number: i32) -> Wanted {
    task::find_process(current, number).map_or(Wanted::Nobody, |process| {
        Wanted::Process(process.host_pid())
    })
}

/// The child of a process descriptor.
fn descriptor(current: &Current, descriptor: i32) -> Result<Wanted> {
    let file = current.files().get(descriptor)?;
    let process = process_of(&file)?;
    let in_sight = current.process().contexts().sees(process.number());
    Ok(if in_sight {
        Wanted::Process(process.host_pid())
    } else {
        Wanted::Nobody
    })
}

fn group(current: &Current, number: i32) -> Wanted {
    task::find_group(current, number).map_or(Wanted::Nobody, Wanted::Group)
}

/// wait4(2).
pub fn wait4(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let allowed = WaitOptions::NO_HANG
        | WaitOptions::STOPPED
        | WaitOptions::CONTINUED
        | WaitOptions::NO_THREAD
        | WaitOptions::ALL
        | WaitOptions::CLONE;
    let options = WaitOptions::from_bits(arguments.u32(2))
        .filter(|&options| allowed.contains(options))
        .ok_or(Errno::EINVAL)?;
    let wanted = match arguments.int(0) {
        i32::MIN => return Err(Errno::ESRCH),
        -1 => Wanted::Any,
        0 => Wanted::Group(current.process().group()),
        number if number < 0 => group(current, -number),
        number => process(current, number),
    };
    let Some(report) = wait(current, &wanted, options | WaitOptions::EXITED)? else {
        return Ok(0);
    };
    if arguments.u64(1) != 0 {
        user::write_value(UserAddr(arguments.u64(1)), &report.status)?;
    }
    write_usage(arguments.u64(3), &report)?;
    Ok(report.number as usize)
}

fn write_usage(address: u64, report: &Report) -> Result<()> {
    if address != 0 {
        user::write_value(UserAddr(address), &UserUsage::from(report.usage))?;
    }
    Ok(())
}

/// waitid(2).
pub fn waitid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let allowed = WaitOptions::all();
    let options = WaitOptions::from_bits(arguments.u32(3))
        .filter(|&options| allowed.contains(options))
        .ok_or(Errno::EINVAL)?;
    if !options.intersects(WaitOptions::EXITED | WaitOptions::STOPPED | WaitOptions::CONTINUED) {
        return Err(Errno::EINVAL);
    }
    let number = arguments.int(1);
    let wanted = match arguments.int(0) {
        // P_ALL, P_PID, P_PGID
        0 => Wanted::Any,
        1 if number > 0 => process(current, number),
        2 if number == 0 => Wanted::Group(current.process().group()),
        2 if number > 0 => group(current, number),
        // P_PIDFD
        3 if number >= 0 => descriptor(current, number)?,
        _ => return Err(Errno::EINVAL),
    };
    let report = wait(current, &wanted, options)?;
    if arguments.u64(2) != 0 {
        // si_signo, si_errno, si_code, padding, si_pid, si_uid, si_status
        let mut fields = [0u32; 7];
        if let Some(report) = &report {
            let info = report.info.to_user();
            let pair = info.payload[0];
            fields = [
                info.number as u32,
                0,
                info.code as u32,
                0,
                pair as u32,
                (pair >> 32) as u32,
                info.payload[1] as u32,
            ];
        }
        user::write_value(UserAddr(arguments.u64(2)), &fields)?;
    }
    if let Some(report) = &report {
        write_usage(arguments.u64(4), report)?;
    }
    Ok(0)
}
