//! Controlling terminals and job control (credentials(7), setsid(2), tty_ioctl(4)).
//!
//! A session has at most one terminal and a terminal at most one session; either's reference to the other
//! is changed under the terminal's `control` lock. The terminal refers weakly, so that a session that ends
//! leaves nothing behind.

use alloc::sync::{Arc, Weak};

use super::Terminal;
use crate::signal::{Signal, SignalInfo};
use crate::task::group::{ProcessGroup, Session};
use crate::task::{Capability, Current, Process, family, registry};
use crate::{Errno, Result};

/// Whom a terminal belongs to.
#[derive(Default)]
pub struct Control {
    session: Weak<Session>,
    foreground: Weak<ProcessGroup>,
}

impl Control {
    /// The session whose controlling terminal this is.
    pub fn session(&self) -> Option<Arc<Session>> {
        self.session.upgrade()
    }

    /// The group that the keyboard signals.
    pub fn foreground(&self) -> Option<Arc<ProcessGroup>> {
        self.foreground.upgrade()
    }
}

impl Terminal {
    /// The foreground group.
    pub fn foreground(&self) -> Option<Arc<ProcessGroup>> {
        self.control.lock().foreground()
    }

    /// Whether this is the controlling terminal of the process.
    pub fn controls(&self, process: &Process) -> bool {
        family::group(process)
            .session()
            .terminal()
            .is_some_and(|terminal| core::ptr::eq(&*terminal, self))
    }

    fn is_in_background(&self, process: &Process) -> Option<Arc<ProcessGroup>> {
        let group = family::group(process);
        if !group
            .session()
            .terminal()
            .is_some_and(|terminal| core::ptr::eq(&*terminal, self))
        {
            return None;
        }
        let foreground = self.foreground()?;
        (!Arc::ptr_eq(&foreground, &group)).then_some(group)
    }

    /// Stops a background process that reads from its controlling terminal.
    ///
    /// # Errors
    /// `RESTART_SYSCALL` once SIGTTIN is on its way; `EIO` if nothing would come of it: the signal is blocked
    /// or ignored, or nobody could continue the group.
    pub fn check_read(&self, current: &Current) -> Result<()> {
        let Some(group) = self.is_in_background(current.process()) else {
            return Ok(());
        };
        if is_deaf(current, Signal::SIGTTIN) || family::is_orphaned_group(&group) {
            return Err(Errno::EIO);
        }
        group.signal(SignalInfo::kernel(Signal::SIGTTIN));
        Err(Errno::RESTART_SYSCALL)
    }

    /// Stops a background process that changes its controlling terminal, or writes to one with `TOSTOP`.
    ///
    /// # Errors
    /// `RESTART_SYSCALL` once SIGTTOU is on its way; `EIO` if nobody could continue the group. A process that
    /// blocks or ignores the signal may go on.
    pub fn check_change(&self, current: &Current) -> Result<()> {
        let Some(group) = self.is_in_background(current.process()) else {
            return Ok(());
        };
        if is_deaf(current, Signal::SIGTTOU) {
            return Ok(());
        }
        if family::is_orphaned_group(&group) {
            return Err(Errno::EIO);
        }
        group.signal(SignalInfo::kernel(Signal::SIGTTOU));
        Err(Errno::RESTART_SYSCALL)
    }

    /// Whether the terminal has no session, or one that the caller sees: what a privileged caller may take away. A
    /// container that was handed a terminal of the host's can use it, not take it over.
    pub fn is_in_sight(&self, current: &Current) -> bool {
        let session = self.control.lock().session();
        session.is_none_or(|session| sees(current, &session))
    }

    /// Makes it the controlling terminal of the caller's session (`TIOCSCTTY`). With `steal`, which only a
    /// caller with CAP_SYS_ADMIN may, another session loses it.
    ///
    /// # Errors
    /// `EPERM` unless the caller leads a session without terminal, and the terminal has no session or one that may be
    /// robbed: see [`Self::is_in_sight`].
    pub fn acquire(self: &Arc<Self>, current: &Current, steal: bool) -> Result<()> {
        let process = current.process();
        let group = family::group(process);
        let session = group.session();
        if self.controls(process) && leads(process, session) {
            return Ok(());
        }
        if !leads(process, session) || session.terminal().is_some() {
            return Err(Errno::EPERM);
        }
        let owner = self.control.lock().session();
        if owner.as_ref().is_some_and(|owner| {
            !steal || !current.is_capable(Capability::SysAdmin) || !sees(current, owner)
        }) {
            return Err(Errno::EPERM);
        }
        let robbed = {
            let mut control = self.control.lock();
            let is_as_before = match (control.session(), &owner) {
                (None, _) => true,
                (Some(now), Some(owner)) => Arc::ptr_eq(&now, owner),
                (Some(_), None) => false,
            };
            if !is_as_before {
                return Err(Errno::EPERM);
            }
            control.session = Arc::downgrade(session);
            control.foreground = Arc::downgrade(&group);
            owner
        };
        if let Some(robbed) = robbed {
            drop(robbed.set_terminal(None));
        }
        drop(session.set_terminal(Some(Arc::clone(self))));
        Ok(())
    }

    /// Makes it the controlling terminal if the caller, who opens it, could use one.
    pub fn acquire_on_open(self: &Arc<Self>, current: &Current) {
        // A terminal that can't be had is opened all the same.
        let _ = self.acquire(current, false);
    }

    /// Takes the terminal away from its session: hangs up the foreground group and who is still writing.
    fn hang_up_session(&self) {
        let (session, foreground) = {
            let mut control = self.control.lock();
            let control = core::mem::take(&mut *control);
            (control.session(), control.foreground())
        };
        if let Some(group) = foreground {
            group.signal(SignalInfo::kernel(Signal::SIGHUP));
            group.signal(SignalInfo::kernel(Signal::SIGCONT));
        }
        if let Some(session) = session {
            drop(session.set_terminal(None));
        }
    }

    /// The other end is gone for good: the session's leader and the foreground group hear of it, reads end.
    pub fn hang_up(&self) {
        let session = self.control.lock().session();
        self.end_openings();
        if let Some(session) = session {
            if let Some(leader) = registry::find(session.number().host()) {
                let group = family::group(&leader);
                group.signal(SignalInfo::kernel(Signal::SIGHUP));
                group.signal(SignalInfo::kernel(Signal::SIGCONT));
            }
            self.hang_up_session();
        }
    }

    /// Gives up the controlling terminal (`TIOCNOTTY`).
    ///
    /// # Errors
    /// `ENOTTY` unless it is the caller's; `EPERM` for a caller that doesn't lead its session: the whole session
    /// has the terminal, and no process of it alone can be without.
    pub fn give_up(&self, current: &Current) -> Result<()> {
        let process = current.process();
        if !self.controls(process) {
            return Err(Errno::ENOTTY);
        }
        if !leads(process, family::group(process).session()) {
            return Err(Errno::EPERM);
        }
        self.hang_up_session();
        Ok(())
    }

    /// The foreground group's number in the caller's eyes, 0 for one out of sight (`TIOCGPGRP`).
    ///
    /// # Errors
    /// `ENOTTY` unless it is the caller's controlling terminal.
    pub fn foreground_number(&self, current: &Current) -> Result<u32> {
        if !self.controls(current.process()) {
            return Err(Errno::ENOTTY);
        }
        let foreground = self.foreground();
        Ok(foreground
            .and_then(|group| current.process().contexts().number_of(group.number()))
            .unwrap_or(0))
    }

    /// The session's number in the caller's eyes, 0 for one out of sight (`TIOCGSID`).
    ///
    /// # Errors
    /// `ENOTTY` unless it is the caller's controlling terminal.
    pub fn session_number(&self, current: &Current) -> Result<u32> {
        if !self.controls(current.process()) {
            return Err(Errno::ENOTTY);
        }
        let session = self.control.lock().session();
        Ok(session
            .and_then(|session| current.process().contexts().number_of(session.number()))
            .unwrap_or(0))
    }

    /// Makes a group of the caller's session the foreground one (`TIOCSPGRP`).
    ///
    /// # Errors
    /// `ENOTTY` unless it is the caller's controlling terminal; `EINVAL` for a negative number; `ESRCH` for an
    /// unknown group, `EPERM` for one of another session; what [`Self::check_change`] says.
    pub fn set_foreground(&self, current: &Current, number: i32) -> Result<()> {
        self.check_change(current).map_err(|error| {
            if error == Errno::EIO {
                Errno::ENOTTY
            } else {
                error
            }
        })?;
        let process = current.process();
        if !self.controls(process) {
            return Err(Errno::ENOTTY);
        }
        let number = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
        let host = process.contexts().host_number(number).ok_or(Errno::ESRCH)?;
        let group = registry::find_group(host).ok_or(Errno::ESRCH)?;
        if !Arc::ptr_eq(group.session(), family::group(process).session()) {
            return Err(Errno::EPERM);
        }
        self.control.lock().foreground = Arc::downgrade(&group);
        Ok(())
    }
}

/// Whether a session is one of the caller's process list.
fn sees(current: &Current, session: &Session) -> bool {
    let contexts = current.process().contexts();
    contexts.number_of(session.number()).is_some()
}

fn leads(process: &Process, session: &Session) -> bool {
    session.number().host() == process.host_pid()
}

/// Whether a signal to the caller would have no effect.
fn is_deaf(current: &Current, signal: Signal) -> bool {
    current.signals().blocked().contains(signal)
        || current
            .process()
            .shared()
            .lock()
            .actions
            .get(signal)
            .is_ignore()
}

/// A process exits: if it leads a session with a terminal, the terminal is given up.
pub fn leader_exits(process: &Process) {
    let group = family::group(process);
    let session = group.session();
    if leads(process, session)
        && let Some(terminal) = session.terminal()
    {
        terminal.end_openings();
        terminal.hang_up_session();
    }
}
