//! The capabilities by name, and sets of them (capabilities(7)).

use core::ops::{BitAnd, BitOr};

/// A right that the system's owner has; numbers are Linux's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Capability {
    Chown = 0,
    DacOverride = 1,
    DacReadSearch = 2,
    Fowner = 3,
    Fsetid = 4,
    Kill = 5,
    Setgid = 6,
    Setuid = 7,
    Setpcap = 8,
    LinuxImmutable = 9,
    NetBindService = 10,
    NetBroadcast = 11,
    NetAdmin = 12,
    NetRaw = 13,
    IpcLock = 14,
    IpcOwner = 15,
    SysModule = 16,
    SysRawio = 17,
    SysChroot = 18,
    SysPtrace = 19,
    SysPacct = 20,
    SysAdmin = 21,
    SysBoot = 22,
    SysNice = 23,
    SysResource = 24,
    SysTime = 25,
    SysTtyConfig = 26,
    Mknod = 27,
    Lease = 28,
    AuditWrite = 29,
    AuditControl = 30,
    Setfcap = 31,
    MacOverride = 32,
    MacAdmin = 33,
    Syslog = 34,
    WakeAlarm = 35,
    BlockSuspend = 36,
    AuditRead = 37,
    Perfmon = 38,
    Bpf = 39,
    CheckpointRestore = 40,
}

impl Capability {
    /// The highest number (`CAP_LAST_CAP`).
    pub const LAST: u32 = Self::CheckpointRestore as u32;

    /// Its place in a set of capabilities.
    pub const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// A set of capabilities, one bit each. It never holds a number that no capability has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// None.
    pub const EMPTY: Self = Self(0);
    /// All there are.
    pub const ALL: Self = Self((1 << (Capability::LAST + 1)) - 1);
    /// Those that a change of the file user takes or gives, because they are about files (`CAP_FS_SET`).
    pub const FILES: Self = Self(
        Capability::Chown.bit()
            | Capability::DacOverride.bit()
            | Capability::DacReadSearch.bit()
            | Capability::Fowner.bit()
            | Capability::Fsetid.bit()
            | Capability::LinuxImmutable.bit()
            | Capability::Mknod.bit()
            | Capability::MacOverride.bit(),
    );

    /// The set with these bits; those of no capability are left out.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// One bit for each member.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The set of the one capability with this number; `None` if no capability has it.
    pub const fn of_number(number: u64) -> Option<Self> {
        if number > Capability::LAST as u64 {
            None
        } else {
            Some(Self(1 << number))
        }
    }

    /// Whether a capability is in it.
    #[inline]
    pub const fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Whether all of it is in `other`.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What is in it and not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitAnd for CapabilitySet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for CapabilitySet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_without_a_capability_stay_out() {
        assert_eq!(CapabilitySet::from_bits(u64::MAX), CapabilitySet::ALL);
        assert_eq!(CapabilitySet::of_number(41), None);
        assert_eq!(
            CapabilitySet::of_number(40).map(CapabilitySet::bits),
            Some(Capability::CheckpointRestore.bit())
        );
    }
}
