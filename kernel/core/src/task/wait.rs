//! Waiting for children (wait4(2), waitid(2)).

use super::family::Member;
use super::group::ProcessGroup;
use super::usage::Usage;
use super::{Current, Process, exit, family, usage};
use crate::errno::{Errno, Result};
use crate::signal::information::{CLD_CONTINUED, CLD_STOPPED};
use crate::signal::state::JobState;
use crate::signal::{Signal, SignalInfo};
use alloc::sync::Arc;
use bitflags::bitflags;

bitflags! {
    /// Options of wait4 and waitid.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct WaitOptions: u32 {
        const NO_HANG = 1;
        const STOPPED = 2;
        const EXITED = 4;
        const CONTINUED = 8;
        const NO_WAIT = 0x0100_0000;
        const NO_THREAD = 0x2000_0000;
        const ALL = 0x4000_0000;
        const CLONE = 0x8000_0000;
    }
}

/// Which children are waited for.
pub enum Wanted {
    Any,
    /// The one with this host number.
    Process(u32),
    Group(Arc<ProcessGroup>),
    /// None: who was asked for isn't in sight.
    Nobody,
}

/// A child that changed state.
pub struct Report {
    /// Its number, as the waiting process sees it.
    pub number: u32,
    /// The status word of wait4.
    pub status: u32,
    /// What waitid tells.
    pub info: SignalInfo,
    pub usage: Usage,
}

/// Status word of a continued child.
const CONTINUED_STATUS: u32 = 0xffff;

/// Waits until a wanted child has changed state as the options say; none with `NO_HANG` when no child has.
///
/// # Errors
/// `ECHILD` when there is no such child; `RESTART_SYSCALL` when a signal comes first.
pub fn wait(current: &Current, wanted: &Wanted, options: WaitOptions) -> Result<Option<Report>> {
    let process = current.process();
    let attempt = || -> Option<Result<Option<Report>>> {
        loop {
            return match look(process, wanted, options) {
                Look::Found(child, change) => match report(process, &child, change, options) {
                    Some(report) => Some(Ok(Some(report))),
                    // Another thread took it first.
                    None => continue,
                },
                Look::NoSuchChild => Some(Err(Errno::ECHILD)),
                Look::NotYet if options.contains(WaitOptions::NO_HANG) => Some(Ok(None)),
                Look::NotYet => None,
            };
        }
    };
    process.child_changed.wait_interruptible(attempt)?
}

#[derive(Clone, Copy)]
enum Change {
    Exited,
    Stopped(Signal),
    Continued,
}

enum Look {
    Found(Arc<Process>, Change),
    NotYet,
    NoSuchChild,
}

fn look(process: &Process, wanted: &Wanted, options: WaitOptions) -> Look {
    let mut any = false;
    let found = family::find_child(process, |member| {
        if !is_wanted(process, member, wanted, options) {
            return None;
        }
        any = true;
        change_of(member, options).map(|change| (member.process.clone(), change))
    });
    match found {
        Some((child, change)) => Look::Found(child, change),
        None if any => Look::NotYet,
        None => Look::NoSuchChild,
    }
}

fn is_wanted(process: &Process, member: &Member, wanted: &Wanted, options: WaitOptions) -> bool {
    let child = &member.process;
    let chosen = match wanted {
        Wanted::Any => true,
        Wanted::Process(number) => child.host_pid() == *number,
        Wanted::Group(group) => Arc::ptr_eq(&member.group, group),
        Wanted::Nobody => false,
    };
    let is_clone = child.exit_signal() != Some(Signal::SIGCHLD);
    let kind =
        options.contains(WaitOptions::ALL) || is_clone == options.contains(WaitOptions::CLONE);
    chosen && kind && process.contexts().sees(child.number())
}

fn change_of(member: &Member, options: WaitOptions) -> Option<Change> {
    if member.zombie {
        return options
            .contains(WaitOptions::EXITED)
            .then_some(Change::Exited);
    }
    if !options.intersects(WaitOptions::STOPPED | WaitOptions::CONTINUED) {
        return None;
    }
    let mut shared = member.process.shared().lock();
    let keep = options.contains(WaitOptions::NO_WAIT);
    match shared.job {
        JobState::Stopped(signal)
            if shared.stop_unreported && options.contains(WaitOptions::STOPPED) =>
        {
            shared.stop_unreported = keep;
            Some(Change::Stopped(signal))
        }
        JobState::Running
            if shared.continue_unreported && options.contains(WaitOptions::CONTINUED) =>
        {
            shared.continue_unreported = keep;
            Some(Change::Continued)
        }
        _ => None,
    }
}

/// Makes the report, and reaps an exited child unless it is to stay; none if another reaped it first.
fn report(
    process: &Process,
    child: &Arc<Process>,
    change: Change,
    options: WaitOptions,
) -> Option<Report> {
    let number = child.number_seen_by(process)?;
    let uid = child.owner();
    match change {
        Change::Exited => {
            let info = exit::end_information(child, number);
            let status = child.exit_status();
            let accounts = *child.accounts().lock();
            if !options.contains(WaitOptions::NO_WAIT) {
                if !exit::reap(child) {
                    return None;
                }
                let mut own = process.accounts().lock();
                own.children += accounts.ended;
                own.children += accounts.children;
            }
            let mut used = accounts.ended;
            used += accounts.children;
            Some(Report {
                number,
                status,
                info,
                usage: used,
            })
        }
        Change::Stopped(signal) => {
            let value = u32::from(signal.number());
            let info = SignalInfo::child(CLD_STOPPED, number, uid, value as i32, 0, 0);
            Some(Report {
                number,
                status: value << 8 | 0x7f,
                info,
                usage: usage::of_process(child),
            })
        }
        Change::Continued => {
            let value = i32::from(Signal::SIGCONT.number());
            let info = SignalInfo::child(CLD_CONTINUED, number, uid, value, 0, 0);
            Some(Report {
                number,
                status: CONTINUED_STATUS,
                info,
                usage: usage::of_process(child),
            })
        }
    }
}
