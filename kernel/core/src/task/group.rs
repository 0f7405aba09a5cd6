//! Process groups and sessions: what job control acts on (credentials(7), setsid(2)).

use super::family;
use crate::context::TaskNumber;
use crate::signal::{SignalInfo, send};
use crate::tty::Terminal;
use alloc::sync::Arc;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;
use hal::sync::IrqSpinLock;

/// A session: the process groups of one login, and the terminal they share.
pub struct Session {
    number: Arc<TaskNumber>,
    terminal: IrqSpinLock<Option<Arc<Terminal>>>,
}

impl Session {
    /// A session that bears the number of its leader.
    pub fn new(number: Arc<TaskNumber>) -> Arc<Self> {
        Arc::new(Self {
            number,
            terminal: IrqSpinLock::new(None),
        })
    }

    /// Its number, which is its leader's.
    pub fn number(&self) -> &Arc<TaskNumber> {
        &self.number
    }

    /// Its controlling terminal.
    pub fn terminal(&self) -> Option<Arc<Terminal>> {
        self.terminal.lock().clone()
    }

    /// Gives it a controlling terminal, or takes it away; gives back the one it had.
    pub fn set_terminal(&self, terminal: Option<Arc<Terminal>>) -> Option<Arc<Terminal>> {
        core::mem::replace(&mut *self.terminal.lock(), terminal)
    }
}

/// A process group.
pub struct ProcessGroup {
    number: Arc<TaskNumber>,
    session: Arc<Session>,
    /// Any of its members in the family's tree; written under the family's lock.
    pub(super) member: AtomicU32,
}

impl ProcessGroup {
    /// A group that bears the number of its first member.
    pub fn new(number: Arc<TaskNumber>, session: Arc<Session>) -> Arc<Self> {
        Arc::new(Self {
            number,
            session,
            member: AtomicU32::new(super::tree::NONE),
        })
    }

    /// Its number, which is that of the process that made it.
    pub fn number(&self) -> &Arc<TaskNumber> {
        &self.number
    }

    /// The session it belongs to.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Sends a signal to every member, from the kernel. Callable from interrupts.
    pub fn signal(&self, info: SignalInfo) {
        family::for_each_member(self, |process| {
            // The kernel's own signals always find room.
            let _ = send::to_process(process, info, send::Origin::Kernel);
        });
    }

    /// Whether it has no living or unreaped member.
    pub fn is_empty(&self) -> bool {
        self.member.load(Relaxed) == super::tree::NONE
    }
}
