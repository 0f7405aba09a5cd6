//! Capabilities as a configuration names them (capabilities(7)).

use std::fmt::{self, Display, Formatter};

/// Their names: the index is the number.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// A set, one bit each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// Adds the one with this name; false if there is none.
    pub fn insert(&mut self, name: &str) -> bool {
        let number = NAMES.iter().position(|known| *known == name);
        if let Some(number) = number {
            self.0 |= 1 << number;
        }
        number.is_some()
    }

    /// Whether the one with this name is in it.
    pub fn contains(self, name: &str) -> bool {
        let mut one = Self::default();
        one.insert(name) && one.is_subset(self)
    }

    /// One bit each.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of it is in `other`.
    pub fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// What is in both.
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is not in `other`.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl Display for CapabilitySet {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return formatter.write_str("none");
        }
        let mut separator = "";
        for (number, name) in NAMES.iter().enumerate() {
            if self.0 >> number & 1 != 0 {
                write!(formatter, "{separator}{name}")?;
                separator = " ";
            }
        }
        Ok(())
    }
}

/// The five sets of a program.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What it, or a program that it executes, can have at all.
    pub bounding: CapabilitySet,
    /// What it may do.
    pub effective: CapabilitySet,
    /// What it can make effective.
    pub permitted: CapabilitySet,
    /// What a file with inheritable capabilities gives.
    pub inheritable: CapabilitySet,
    /// What programs of another user than 0 have without files that give anything.
    pub ambient: CapabilitySet,
}
