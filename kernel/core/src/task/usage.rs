//! What processes have used: times, switches, page faults (getrusage(2)).

use super::{Process, ThreadRef};
use core::ops::AddAssign;

/// Sums of usage. Times in ns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub user: u64,
    pub system: u64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
    /// The most memory it had at once, KiB.
    pub peak_resident: u64,
}

impl AddAssign for Usage {
    /// Sums, but for the peak, which is the larger.
    fn add_assign(&mut self, other: Usage) {
        self.user += other.user;
        self.system += other.system;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
        self.peak_resident = self.peak_resident.max(other.peak_resident);
    }
}

/// What a process keeps of usage besides its living threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accounts {
    /// Threads that have ended.
    pub ended: Usage,
    /// Children that were waited for, with theirs.
    pub children: Usage,
}

/// What a thread has used up to now.
pub fn of_thread(thread: &ThreadRef) -> Usage {
    let (user, system) = thread_times(thread);
    let (voluntary_switches, involuntary_switches) = thread.scheduling().switches();
    Usage {
        user,
        system,
        voluntary_switches,
        involuntary_switches,
        peak_resident: 0,
    }
}

/// User and system time of a thread up to now, ns. Callable from interrupts.
pub fn thread_times(thread: &ThreadRef) -> (u64, u64) {
    let (user, system) = thread.scheduling().times();
    let more = crate::sched::cpu::uncharged(thread);
    if thread.scheduling().is_in_user() {
        (user + more, system)
    } else {
        (user, system + more)
    }
}

/// The sums of user and system time of a process's threads up to now, those that have ended included, ns. Callable
/// from interrupts.
pub fn process_times(process: &Process) -> (u64, u64) {
    let ended = process.accounts().lock().ended;
    let shared = process.shared().lock();
    shared
        .threads
        .iter()
        .fold((ended.user, ended.system), |(user, system), thread| {
            let times = thread_times(thread);
            (user + times.0, system + times.1)
        })
}

/// What all threads of a process have used up to now, the ended ones included.
pub fn of_process(process: &Process) -> Usage {
    let mut sum = process.accounts().lock().ended;
    let memory = {
        let shared = process.shared().lock();
        for thread in &shared.threads {
            sum += of_thread(thread);
        }
        shared.threads.first().cloned()
    };
    if let Some(memory) = memory.and_then(|thread| thread.address_space()) {
        sum.peak_resident = sum.peak_resident.max(memory.statistics().peak_resident * 4);
    }
    sum
}

/// Clock ticks (100 a second) of ns, as times(2) and /proc count.
pub fn ticks(nanoseconds: u64) -> u64 {
    nanoseconds / 10_000_000
}
