//! Which process ends when there is no memory left (proc(5), oom_score_adj).

use super::{Process, registry};
use crate::errno::{Errno, Result};
use crate::signal::Signal;
use crate::signal::send;
use crate::signal::state::ExitStatus;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};

/// The adjustment that protects a process for good (`OOM_SCORE_ADJ_MIN`).
const PROTECTED: i32 = -1000;
/// The one that makes it the first to go.
const FIRST: i32 = 1000;

/// How likely a process is to be chosen: thousandths of the machine's memory that count as if it used so much more.
#[derive(Debug, Default)]
pub struct MemoryScore {
    adjustment: AtomicI32,
    /// What it can go back to without the right to lower it: what one with the right set last.
    minimum: AtomicI32,
}

impl Clone for MemoryScore {
    fn clone(&self) -> Self {
        Self {
            adjustment: AtomicI32::new(self.adjustment()),
            minimum: AtomicI32::new(self.minimum.load(Relaxed)),
        }
    }
}

impl MemoryScore {
    /// From -1000 to 1000.
    pub fn adjustment(&self) -> i32 {
        self.adjustment.load(Relaxed)
    }

    /// Sets it; `may_lower` below its minimum.
    ///
    /// # Errors
    /// `EINVAL` out of range; `EACCES` below the minimum.
    pub fn adjust(&self, adjustment: i32, may_lower: bool) -> Result<()> {
        if !(PROTECTED..=FIRST).contains(&adjustment) {
            return Err(Errno::EINVAL);
        }
        if may_lower {
            self.minimum.store(adjustment, Relaxed);
        } else if adjustment < self.minimum.load(Relaxed) {
            return Err(Errno::EACCES);
        }
        self.adjustment.store(adjustment, Relaxed);
        Ok(())
    }
}

/// Pages by which processes are compared: those in memory, and the adjustment's. None for one that is never chosen.
/// Takes the lock of its address space.
pub fn points(process: &Process) -> Option<i64> {
    let adjustment = process.memory_score().adjustment();
    if adjustment == PROTECTED || process.host_pid() == 1 {
        return None;
    }
    let memory = process.any_thread()?.address_space()?;
    let total = hal::frame::total() as i64;
    Some(memory.statistics().resident as i64 + total * i64::from(adjustment) / 1000)
}

/// Kills the process with the most points, unless one that was chosen is still on its way out; gives it back. None if
/// there is nobody to choose, or no memory to choose with.
pub fn kill_one() -> Option<Arc<Process>> {
    let processes = registry::processes().ok()?;
    let scored = processes
        .iter()
        .filter_map(|process| Some((points(process)?, process)));
    let (points, victim) = scored.max_by_key(|(points, _)| *points)?;
    if !victim.is_exiting() {
        crate::log::error!(
            "out of memory: {} (process {}) is killed, with {} pages in memory or by its adjustment",
            victim.command_name(),
            victim.host_pid(),
            points
        );
        kill(victim);
    }
    Some(victim.clone())
}

/// Ends a process for want of memory; its process list counts it.
pub fn kill(victim: &Process) {
    if let Some(list) = victim.contexts().list() {
        list.count_memory_kill();
    }
    let mut shared = victim.shared().lock();
    send::end_process(victim, &mut shared, ExitStatus::Signal(Signal::SIGKILL));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_right_the_adjustment_can_only_go_back_to_what_the_right_left() {
        let score = MemoryScore::default();
        assert_eq!(score.adjust(1001, true), Err(Errno::EINVAL));
        assert_eq!(score.adjust(-1, false), Err(Errno::EACCES));
        score.adjust(500, false).unwrap();
        score.adjust(0, false).unwrap();
        score.adjust(-1000, true).unwrap();
        score.adjust(7, false).unwrap();
        assert_eq!(score.clone().adjustment(), 7);
        score.adjust(-1000, false).unwrap();
    }
}
