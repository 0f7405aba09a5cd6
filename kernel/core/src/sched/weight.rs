//! Nice levels as weights: each level is worth about 10 % of CPU time, a factor of 1.25.

/// The weight of nice level 0.
pub const NICE_0: u32 = 1024;
/// The weight of SCHED_IDLE: less than that of any nice level.
pub const IDLE: u32 = 3;

/// Linux's weights (`sched_prio_to_weight`, kernel/sched/core.c; sched(7)), from nice -20 to 19.
const WEIGHTS: [u32; 40] = [
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15,
];

/// The weight of a nice level; levels beyond the range count as its ends.
pub fn of_nice(nice: i32) -> u32 {
    WEIGHTS[(nice.clamp(-20, 19) + 20) as usize]
}

/// Run time in nanoseconds as virtual run time: slower for heavier threads.
#[inline]
pub fn virtual_time(nanoseconds: u64, weight: u32) -> u64 {
    if weight == NICE_0 {
        return nanoseconds;
    }
    // A CPU's time slice is below 2^54 ns (half a year), so the product fits.
    nanoseconds.saturating_mul(u64::from(NICE_0)) / u64::from(weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_worth_a_quarter() {
        for nice in -20..19 {
            let ratio = f64::from(of_nice(nice)) / f64::from(of_nice(nice + 1));
            assert!((1.15..1.35).contains(&ratio), "{nice}: {ratio}");
        }
    }

    #[test]
    fn virtual_time_runs_slower_for_heavier_threads() {
        assert_eq!(virtual_time(1000, of_nice(0)), 1000);
        assert!(virtual_time(1000, of_nice(-5)) < 400);
        assert!(virtual_time(1000, of_nice(5)) > 2500);
    }
}
