//! The jail: a property of a process that it takes on by itself and can't lose, inherited by every child.

use core::sync::atomic::{AtomicU32, Ordering};

use gantry_abi::jail::{JailKind, JailState};


/// The jail of one process.
#[derive(Debug, Default)]
pub struct Jail {
    state: AtomicU32,
}

impl Jail {
    /// What a child of a process in this jail starts with.
    pub fn inherit(&self) -> Self {
        Jail {
            state: AtomicU32::new(self.state.load(Ordering::Relaxed)),
        }
    }

    /// The jails that hold now.
    pub fn state(&self) -> JailState {
        JailState::from_bits_truncate(self.state.load(Ordering::Relaxed))
    }

    /// Whether any jail holds.
    pub fn is_jailed(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }

    /// Takes on a jail.
    pub fn enter(&self, kind: JailKind) {
        self.state.fetch_or(kind.state().bits(), Ordering::Relaxed);
    }

    /// Ends the jail that lasts until exec.
    pub(super) fn leave_at_exec(&self) {
        self.state.fetch_and(!JailState::UNTIL_EXEC.bits(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_ends_only_the_jail_until_exec() {
        let jail = Jail::default();
        jail.enter(JailKind::UntilExec);
        jail.enter(JailKind::UntilExit);
        let child = jail.inherit();
        jail.leave_at_exec();
        assert_eq!(jail.state(), JailState::UNTIL_EXIT);
        assert_eq!(child.state(), JailState::all());
    }
}
