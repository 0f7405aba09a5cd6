//! What a process does with each signal: Linux's `struct sigaction` (rt_sigaction(2)).

use super::number::DefaultAction;
use super::{Signal, SignalSet};
use alloc::sync::Arc;
use bitflags::bitflags;
use hal::sync::IrqSpinLock;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// The flags of an action (`SA_*`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ActionFlags: u64 {
        const NO_CHILD_STOP = 1;
        const NO_CHILD_WAIT = 2;
        const SIGINFO = 4;
        const RESTORER = 0x0400_0000;
        const ON_STACK = 0x0800_0000;
        const RESTART = 0x1000_0000;
        const NO_DEFER = 0x4000_0000;
        const RESET_HANDLER = 0x8000_0000;
    }
}

/// `struct sigaction` as the kernel's callers on arm64 give it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Action {
    pub handler: u64,
    pub flags: u64,
    pub restorer: u64,
    pub mask: u64,
}

const DEFAULT: u64 = 0;
const IGNORE: u64 = 1;

/// What an action means for a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Ignore,
    Terminate,
    Stop,
    Continue,
    /// Runs a handler of the program.
    Handle,
}

impl Action {
    /// Its flags.
    pub fn flags(&self) -> ActionFlags {
        ActionFlags::from_bits_retain(self.flags)
    }

    /// The signals blocked while the handler runs, besides the signal itself.
    pub fn mask(&self) -> SignalSet {
        SignalSet(self.mask)
    }

    /// Whether the program left it as it is by default.
    pub fn is_default(&self) -> bool {
        self.handler == DEFAULT
    }

    /// Whether the program said to ignore it.
    pub fn is_ignore(&self) -> bool {
        self.handler == IGNORE
    }

    /// What is to be done for `signal`.
    pub fn disposition(&self, signal: Signal) -> Disposition {
        match self.handler {
            IGNORE => Disposition::Ignore,
            DEFAULT => match signal.default_action() {
                DefaultAction::Ignore => Disposition::Ignore,
                DefaultAction::Terminate => Disposition::Terminate,
                DefaultAction::Stop => Disposition::Stop,
                DefaultAction::Continue => Disposition::Continue,
            },
            _ => Disposition::Handle,
        }
    }

    /// Whether the signal has no effect, so that it needn't even be made pending.
    pub fn discards(&self, signal: Signal) -> bool {
        matches!(self.disposition(signal), Disposition::Ignore)
    }
}

/// The actions for all signals.
pub type Actions = [Action; Signal::LAST as usize];

/// A process's actions: its own, or shared with another process (clone with CLONE_SIGHAND but not CLONE_THREAD).
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every process has its own, which needs no second allocation"
)]
pub enum ActionTable {
    Own(Actions),
    Shared(Arc<IrqSpinLock<Actions>>),
}

impl ActionTable {
    /// All default.
    pub const fn new() -> Self {
        ActionTable::Own(
            [Action {
                handler: 0,
                flags: 0,
                restorer: 0,
                mask: 0,
            }; Signal::LAST as usize],
        )
    }

    /// The action for `signal`.
    #[inline]
    pub fn get(&self, signal: Signal) -> Action {
        let index = usize::from(signal.number() - 1);
        match self {
            ActionTable::Own(actions) => actions[index],
            ActionTable::Shared(actions) => actions.lock()[index],
        }
    }

    /// Sets the action for `signal`.
    #[inline]
    pub fn set(&mut self, signal: Signal, action: Action) {
        let index = usize::from(signal.number() - 1);
        match self {
            ActionTable::Own(actions) => actions[index] = action,
            ActionTable::Shared(actions) => actions.lock()[index] = action,
        }
    }

    /// Sets the action for `signal`; gives the one before.
    #[inline]
    pub fn replace(&mut self, signal: Signal, action: Action) -> Action {
        let index = usize::from(signal.number() - 1);
        match self {
            ActionTable::Own(actions) => core::mem::replace(&mut actions[index], action),
            ActionTable::Shared(actions) => core::mem::replace(&mut actions.lock()[index], action),
        }
    }

    /// A copy that changes by itself.
    pub fn duplicate(&self) -> Self {
        match self {
            ActionTable::Own(actions) => ActionTable::Own(*actions),
            ActionTable::Shared(actions) => ActionTable::Own(*actions.lock()),
        }
    }

    /// The same actions for another process.
    pub fn share(&mut self) -> Self {
        let shared = match self {
            ActionTable::Own(actions) => Arc::new(IrqSpinLock::new(*actions)),
            ActionTable::Shared(actions) => actions.clone(),
        };
        *self = ActionTable::Shared(shared.clone());
        ActionTable::Shared(shared)
    }

    /// For a new program: its own table, handled signals back to the default, ignored ones stay so.
    pub fn reset_for_exec(&mut self) {
        if let ActionTable::Shared(_) = self {
            *self = self.duplicate();
        }
        if let ActionTable::Own(actions) = self {
            for action in actions {
                let handler = if action.handler == IGNORE {
                    IGNORE
                } else {
                    DEFAULT
                };
                *action = Action {
                    handler,
                    ..Action::default()
                };
            }
        }
    }
}

impl Default for ActionTable {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_keeps_ignored_signals_ignored_and_nothing_else() {
        let mut table = ActionTable::new();
        table.set(
            Signal::SIGINT,
            Action {
                handler: IGNORE,
                flags: 4,
                restorer: 9,
                mask: 1,
            },
        );
        table.set(
            Signal::SIGTERM,
            Action {
                handler: 0x1000,
                flags: 4,
                restorer: 9,
                mask: 1,
            },
        );
        table.reset_for_exec();
        assert!(table.get(Signal::SIGINT).is_ignore());
        assert_eq!(table.get(Signal::SIGINT).flags, 0);
        assert_eq!(table.get(Signal::SIGTERM), Action::default());
    }

    #[test]
    fn shared_actions_change_together_until_exec() {
        let mut one = ActionTable::new();
        let mut other = one.share();
        other.set(
            Signal::SIGUSR1,
            Action {
                handler: 5,
                ..Action::default()
            },
        );
        assert_eq!(one.get(Signal::SIGUSR1).handler, 5);
        other.reset_for_exec();
        assert_eq!(one.get(Signal::SIGUSR1).handler, 5);
        assert_eq!(other.get(Signal::SIGUSR1).handler, 0);
    }
}
