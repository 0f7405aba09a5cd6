//! The load average: how many threads wanted to run, averaged over 1, 5 and 15 minutes.
//!
//! Nothing samples it in the background, which would wake an idle machine for nothing. Instead each look takes the
//! number of threads that want to run now as having held since the last look, in steps of five seconds, with the
//! decay factors of Linux's include/linux/sched/loadavg.h. Looked at often (top, a monitor) it is as good as sampling.

use hal::sync::SpinLock;

/// Nanoseconds of a step.
const STEP: u64 = 5_000_000_000;

/// Fixed point: this is 1.0 (`FIXED_1`).
pub const ONE: u64 = 1 << 11;

/// Decay per step, fixed point: 1/exp(5 s / 1 min), 5 and 15 min.
const DECAY: [u64; 3] = [1884, 2014, 2037];

/// After so many steps nothing is left of what was before.
const LONGEST: u64 = 12 * 60 * 3;

struct Load {
    /// Fixed point, [`ONE`] is one thread.
    averages: [u64; 3],
    /// When it was brought up to date, ns since boot.
    updated: u64,
}

static LOAD: SpinLock<Load> = SpinLock::new(Load {
    averages: [0; 3],
    updated: 0,
});

impl Load {
    fn advance(&mut self, now: u64, active: u64) {
        let steps = now.saturating_sub(self.updated) / STEP;
        self.updated += steps * STEP;
        for (average, decay) in self.averages.iter_mut().zip(DECAY) {
            for _ in 0..steps.min(LONGEST) {
                let target = active * ONE;
                let sum = *average * decay + target * (ONE - decay);
                // Rounds towards the target, so that it is reached.
                *average = if target >= *average {
                    sum.div_ceil(ONE)
                } else {
                    sum / ONE
                };
            }
        }
    }
}

/// The averages over 1, 5 and 15 minutes, fixed point ([`ONE`] is one thread).
pub fn averages() -> [u64; 3] {
    // The one who looks runs, and isn't load of the machine's.
    let active = (crate::sched::cpu::runnable() as u64).saturating_sub(1);
    let mut load = LOAD.lock();
    load.advance(hal::time::now(), active);
    load.averages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_load_is_approached_and_forgotten() {
        let mut load = Load {
            averages: [0; 3],
            updated: 0,
        };
        load.advance(60_000_000_000, 2);
        let [one, five, fifteen] = load.averages;
        // 2 * (1 - 1/e) is 1.26.
        assert!((one * 100 / ONE).abs_diff(126) <= 2, "{one}");
        assert!(one > five && five > fifteen);
        load.advance(3_660_000_000_000, 2);
        assert_eq!(load.averages[0], 2 * ONE);
        load.advance(7_260_000_000_000, 0);
        assert_eq!(load.averages[0], 0);
    }
}
