//! Who may signal whom (kill(2)).

use super::{Origin, Signal};
use crate::task::{Capability, Current, Process};
use alloc::sync::Arc;

/// Whether the caller may send `signal` to `process`: one with CAP_KILL may, one with the same real or effective user
/// as the receiver's real or saved one may, and SIGCONT is free within a session.
pub fn may_signal(current: &Current, process: &Arc<Process>, signal: Option<Signal>) -> bool {
    if Arc::ptr_eq(process, current.process()) {
        return true;
    }
    let allowed = current.with_credentials(|own| {
        own.is_capable(Capability::Kill)
            || match process.any_thread() {
                Some(thread) => thread.with_credentials(|other| {
                    [own.uid, own.euid]
                        .iter()
                        .any(|&uid| uid == other.uid || uid == other.suid)
                }),
                None => own.uid == process.owner() || own.euid == process.owner(),
            }
    });
    allowed
        || (signal == Some(Signal::SIGCONT)
            && Arc::ptr_eq(&process.session(), &current.process().session()))
}

/// How a signal from the caller meets `process`: number 1 of a list is protected from the list's members.
pub fn origin(current: &Current, process: &Process) -> Origin {
    let contexts = current.process().contexts();
    if !contexts.sees_everyone() && contexts.number_of(process.number()) == Some(1) {
        Origin::Inside
    } else {
        Origin::Outside
    }
}
