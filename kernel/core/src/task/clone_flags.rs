//! The flags of clone(2), and which go together.

use crate::errno::{Errno, Result};
use bitflags::bitflags;

bitflags! {
    /// What a clone shares with its maker, and what is done for it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct CloneFlags: u64 {
        const MEMORY = 0x100;
        const FS = 0x200;
        const FILES = 0x400;
        const HANDLERS = 0x800;
        const PIDFD = 0x1000;
        const TRACE = 0x2000;
        const VFORK = 0x4000;
        const PARENT = 0x8000;
        const THREAD = 0x1_0000;
        const SYSTEM_V_SEMAPHORES = 0x4_0000;
        const SET_THREAD_POINTER = 0x8_0000;
        const PARENT_SET_TID = 0x10_0000;
        const CHILD_CLEAR_TID = 0x20_0000;
        const DETACHED = 0x40_0000;
        const UNTRACED = 0x80_0000;
        const CHILD_SET_TID = 0x100_0000;
        const IO = 0x8000_0000;
        const CLEAR_HANDLERS = 0x1_0000_0000;
        /// The namespaces of Linux, which this kernel doesn't have: mount, cgroup, uts, ipc, user, pid, network, time.
        const NAMESPACES = 0x2_0000 | 0x200_0000 | 0x400_0000 | 0x800_0000 | 0x1000_0000 | 0x2000_0000 | 0x4000_0000 | 0x80;
    }
}

impl CloneFlags {
    /// Takes flags that a program gave, if they make sense together.
    ///
    /// # Errors
    /// `EINVAL` for flags that are unknown, contradict each other, or ask for what the kernel doesn't have.
    pub fn checked(bits: u64) -> Result<Self> {
        let flags = Self::from_bits(bits).ok_or(Errno::EINVAL)?;
        let implies =
            |one: CloneFlags, other: CloneFlags| !flags.contains(one) || flags.contains(other);
        let excludes = |one: CloneFlags, other: CloneFlags| !flags.contains(one | other);
        let sound = implies(Self::THREAD, Self::HANDLERS)
            && implies(Self::HANDLERS, Self::MEMORY)
            && excludes(Self::HANDLERS, Self::CLEAR_HANDLERS)
            && !flags.intersects(Self::NAMESPACES | Self::PIDFD);
        if sound { Ok(flags) } else { Err(Errno::EINVAL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_handlers_and_memory() {
        assert!(CloneFlags::checked(0x1_0000).is_err());
        assert!(CloneFlags::checked(0x1_0800).is_err());
        assert!(CloneFlags::checked(0x1_0900).is_ok());
        assert!(CloneFlags::checked(0x800).is_err());
        // What musl and glibc give for a thread.
        assert!(CloneFlags::checked(0x7d_0f00).is_ok());
        assert!(CloneFlags::checked(0x3d_0f00).is_ok());
    }

    #[test]
    fn namespaces_are_refused() {
        for flag in [0x2_0000, 0x2000_0000, 0x4000_0000, 0x1000_0000, 0x80] {
            assert_eq!(CloneFlags::checked(flag), Err(Errno::EINVAL));
        }
    }
}
