//! The jail: a property of a process that it can take on and never lose, inherited by every child.

use bitflags::bitflags;

/// `prctl(PR_SET_JAIL, how)`: jails the caller; `how` is a [`JailKind`]. The number spells "JAIL".
pub const PR_SET_JAIL: i32 = 0x4a41_494c;
/// `prctl(PR_GET_JAIL)`: returns the caller's [`JailState`] bits.
pub const PR_GET_JAIL: i32 = 0x4a41_494d;

/// How long a jail lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum JailKind {
    /// Until the process exits.
    UntilExit = 1,
    /// Until the process's next successful exec.
    UntilExec = 2,
}

impl JailKind {
    /// The kind with this number.
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::UntilExit),
            2 => Some(Self::UntilExec),
            _ => None,
        }
    }

    /// The bit that this kind sets.
    pub const fn state(self) -> JailState {
        match self {
            Self::UntilExit => JailState::UNTIL_EXIT,
            Self::UntilExec => JailState::UNTIL_EXEC,
        }
    }
}

bitflags! {
    /// The jails that a process is in; empty for an unjailed one.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct JailState: u32 {
        /// Jailed until it exits.
        const UNTIL_EXIT = 1;
        /// Jailed until its next successful exec.
        const UNTIL_EXEC = 2;
    }
}
