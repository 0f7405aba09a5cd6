//! Resource limits (getrlimit(2)).

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// No limit (`RLIM_INFINITY`).
pub const INFINITY: u64 = u64::MAX;

/// What a limit is on (`RLIMIT_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Resource {
    CpuTime = 0,
    FileSize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    Resident = 5,
    Processes = 6,
    OpenFiles = 7,
    LockedMemory = 8,
    AddressSpace = 9,
    FileLocks = 10,
    PendingSignals = 11,
    MessageQueues = 12,
    Nice = 13,
    RealTimePriority = 14,
    RealTimeCpu = 15,
}

impl Resource {
    /// The resource with Linux's number.
    pub fn from_number(number: u32) -> Option<Self> {
        use Resource::*;
        const ALL: [Resource; 16] = [
            CpuTime,
            FileSize,
            Data,
            Stack,
            Core,
            Resident,
            Processes,
            OpenFiles,
            LockedMemory,
            AddressSpace,
            FileLocks,
            PendingSignals,
            MessageQueues,
            Nice,
            RealTimePriority,
            RealTimeCpu,
        ];
        ALL.get(number as usize).copied()
    }
}

/// `struct rlimit64`: what holds now and how far the process itself may raise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// All limits of a process.
#[derive(Clone, Copy, Debug)]
pub struct Limits([Limit; 16]);

impl Limits {
    /// What the first process has: Linux's defaults (include/asm-generic/resource.h), with as many processes and
    /// pending signals as it would give to a machine of 1 GiB.
    pub const fn initial() -> Self {
        const fn both(value: u64) -> Limit {
            Limit {
                soft: value,
                hard: value,
            }
        }
        let mut limits = [both(INFINITY); 16];
        limits[Resource::Stack as usize] = Limit {
            soft: 8 << 20,
            hard: INFINITY,
        };
        limits[Resource::Core as usize] = Limit {
            soft: 0,
            hard: INFINITY,
        };
        limits[Resource::Processes as usize] = both(4096);
        limits[Resource::OpenFiles as usize] = Limit {
            soft: 1024,
            hard: 4096,
        };
        limits[Resource::LockedMemory as usize] = both(8 << 20);
        limits[Resource::PendingSignals as usize] = both(4096);
        limits[Resource::MessageQueues as usize] = both(819_200);
        limits[Resource::Nice as usize] = both(0);
        limits[Resource::RealTimePriority as usize] = both(0);
        Self(limits)
    }

    /// One limit.
    pub fn get(&self, resource: Resource) -> Limit {
        self.0[resource as usize]
    }

    /// Sets one limit.
    pub fn set(&mut self, resource: Resource, limit: Limit) {
        self.0[resource as usize] = limit;
    }
}
