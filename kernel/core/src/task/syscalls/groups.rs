//! Process groups and sessions: setpgid(2), getpgid(2), setsid(2), getsid(2).

use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::group::{ProcessGroup, Session};
use crate::task::process::ProcessFlags;
use crate::task::{self, Current, Process, family, registry};
use alloc::sync::Arc;

/// setpgid(2).
pub fn setpgid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (pid, group) = (arguments.int(0), arguments.int(1));
    if group < 0 {
        return Err(Errno::EINVAL);
    }
    let own = current.process();
    let process = task::find_process_or_self(current, pid)?;
    let is_self = Arc::ptr_eq(&process, own);
    if !is_self {
        let is_child = process
            .parent()
            .is_some_and(|parent| Arc::ptr_eq(&parent, own));
        if !is_child {
            return Err(Errno::ESRCH);
        }
        if !Arc::ptr_eq(&process.session(), &own.session()) {
            return Err(Errno::EPERM);
        }
        if process.flags().contains(ProcessFlags::HAS_EXECUTED) {
            return Err(Errno::EACCES);
        }
    }
    if process.is_session_leader() {
        return Err(Errno::EPERM);
    }
    let contexts = own.contexts();
    let wanted = if group == 0 {
        contexts.number_of(process.number()).ok_or(Errno::ESRCH)?
    } else {
        group as u32
    };
    let target = if Some(wanted) == contexts.number_of(process.number()) {
        existing_or_new(&process)
    } else {
        let target = task::find_group(current, wanted as i32).map_err(|_| Errno::EPERM)?;
        if !Arc::ptr_eq(target.session(), &own.session()) {
            return Err(Errno::EPERM);
        }
        target
    };
    if !Arc::ptr_eq(&process.group(), &target) {
        family::move_to_group(&process, &target);
    }
    Ok(0)
}

/// The group that bears the number of `process`, made if there is none.
fn existing_or_new(process: &Arc<Process>) -> Arc<ProcessGroup> {
    let own = process.group();
    if Arc::ptr_eq(own.number(), process.number()) {
        return own;
    }
    let group = ProcessGroup::new(process.number().clone(), own.session().clone());
    registry::publish_group(&group);
    group
}

/// getpgid(2).
pub fn getpgid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let process = task::find_process_or_self(current, arguments.int(0))?;
    Ok(seen(current, process.group().number()))
}

/// getsid(2).
pub fn getsid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let process = task::find_process_or_self(current, arguments.int(0))?;
    Ok(seen(current, process.session().number()))
}

/// A number as the caller sees it; 0 for a group or session from outside of its list.
fn seen(current: &Current, number: &crate::context::TaskNumber) -> usize {
    current.process().contexts().number_of(number).unwrap_or(0) as usize
}

/// setsid(2).
pub fn setsid(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    let process = current.process();
    if registry::find_group(process.host_pid()).is_some_and(|group| !group.is_empty()) {
        return Err(Errno::EPERM);
    }
    let session = Session::new(process.number().clone());
    let group = ProcessGroup::new(process.number().clone(), session.clone());
    registry::publish_session(&session);
    registry::publish_group(&group);
    family::move_to_group(process, &group);
    Ok(process.number().own() as usize)
}
