//! The policy of one CPU's queue: of those that wait, the one with the least virtual run time runs next.
//!
//! Pure: no clock, no locks. The queue holds those that wait for the CPU, not the one that runs.

use crate::errno::Result;
use crate::heap::MakeRoom;
use alloc::collections::BinaryHeap;
use core::cmp::Ordering;

/// In this time (ns) every runnable thread should have run once, if they are few.
pub const LATENCY: u64 = 6_000_000;
/// No slice is shorter (ns), however many wait.
pub const MINIMUM_SLICE: u64 = 750_000;
/// How far behind the queue a sleeper is placed at most (ns of virtual time), so that it runs soon.
const WAKE_CREDIT: u64 = LATENCY / 2;
/// A woken thread preempts only if it is behind the running one by more (ns of virtual time).
const WAKE_GRANULARITY: u64 = 1_000_000;

/// One that waits.
struct Waiting<T> {
    virtual_runtime: u64,
    /// Order of arrival: ties are served first come, first served.
    sequence: u64,
    task: T,
}

impl<T> Waiting<T> {
    fn key(&self) -> (u64, u64) {
        (self.virtual_runtime, self.sequence)
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl<T> Eq for Waiting<T> {}
impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Waiting<T> {
    /// Reversed: the heap's greatest is the one with the least virtual run time.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// A queue of runnable `T`.
pub struct RunQueue<T> {
    waiting: BinaryHeap<Waiting<T>>,
    sequence: u64,
    /// Never falls: newcomers and sleepers are placed relative to it.
    minimum: u64,
}

impl<T> Default for RunQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> RunQueue<T> {
    /// An empty queue.
    pub const fn new() -> Self {
        Self {
            waiting: BinaryHeap::new(),
            sequence: 0,
            minimum: 0,
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Makes room for `count` waiting, so that up to that many `push` never allocate.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn reserve(&mut self, count: usize) -> Result<()> {
        let missing = count.saturating_sub(self.waiting.len());
        self.waiting.make_room(missing)
    }

    /// The virtual time of the queue.
    pub fn minimum(&self) -> u64 {
        self.minimum
    }

    /// Brings the queue's virtual time up to what the running one, with this virtual run time, and the first that
    /// waits have both reached.
    pub fn advance(&mut self, running: u64) {
        let reached = self
            .waiting
            .peek()
            .map_or(running, |first| first.virtual_runtime.min(running));
        self.minimum = self.minimum.max(reached);
    }

    /// Where a sleeper that had `virtual_runtime` when it left this queue comes back.
    pub fn place_woken(&self, virtual_runtime: u64) -> u64 {
        virtual_runtime.max(self.minimum.saturating_sub(WAKE_CREDIT))
    }

    /// Where one from another queue, whose minimum was `minimum`, comes in: as far ahead as it was there.
    pub fn place_moved(&self, virtual_runtime: u64, minimum: u64) -> u64 {
        self.minimum + virtual_runtime.saturating_sub(minimum).min(LATENCY)
    }

    /// Adds one that waits from now on.
    pub fn push(&mut self, virtual_runtime: u64, task: T) {
        self.sequence += 1;
        self.waiting.push(Waiting {
            virtual_runtime,
            sequence: self.sequence,
            task,
        });
    }

    /// Takes the one to run next, with its virtual run time.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        let next = self.waiting.pop()?;
        self.minimum = self.minimum.max(next.virtual_runtime);
        Some((next.virtual_runtime, next.task))
    }

    /// Whether one that waits has a better claim than a running one with this virtual run time.
    pub fn has_better_than(&self, virtual_runtime: u64) -> bool {
        self.waiting
            .peek()
            .is_some_and(|first| first.virtual_runtime < virtual_runtime)
    }

    /// Takes any one that satisfies `wanted`, for another CPU; with its virtual run time.
    pub fn take(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Option<(u64, T)> {
        let sequence = self
            .waiting
            .iter()
            .find(|waiting| wanted(&waiting.task))?
            .sequence;
        let mut entries = core::mem::take(&mut self.waiting).into_vec();
        let position = entries
            .iter()
            .position(|waiting| waiting.sequence == sequence);
        let taken = position.map(|position| entries.swap_remove(position));
        self.waiting = entries.into();
        taken.map(|waiting| (waiting.virtual_runtime, waiting.task))
    }

    /// How long (ns) the running one may run while others wait.
    pub fn slice(&self) -> u64 {
        (LATENCY / (self.waiting.len() as u64 + 1)).max(MINIMUM_SLICE)
    }
}

/// Whether a woken thread should run at once in place of the running one.
pub fn preempts(woken: u64, running: u64) -> bool {
    woken.saturating_add(WAKE_GRANULARITY) < running
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::weight;
    use std::vec::Vec;

    /// A small repeatable random number generator.
    struct Random(u64);
    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % limit
        }
    }

    /// Runs always-runnable threads of the given weights for `total` ns; gives each one's run time.
    fn simulate(weights: &[u32], total: u64) -> Vec<u64> {
        let mut queue = RunQueue::new();
        let mut ran = std::vec![0u64; weights.len()];
        for index in 0..weights.len() {
            queue.push(0, index);
        }
        let mut now = 0;
        while now < total {
            let (virtual_runtime, index) = queue.pop().unwrap();
            let slice = queue.slice();
            ran[index] += slice;
            now += slice;
            queue.push(
                virtual_runtime + weight::virtual_time(slice, weights[index]),
                index,
            );
        }
        ran
    }

    #[test]
    fn equal_weights_share_equally() {
        let ran = simulate(&[1024; 5], 1_000_000_000);
        let (least, most) = (ran.iter().min().unwrap(), ran.iter().max().unwrap());
        assert!(most - least <= LATENCY, "{ran:?}");
    }

    #[test]
    fn shares_follow_weights() {
        let weights = [
            weight::of_nice(0),
            weight::of_nice(5),
            weight::of_nice(-5),
            weight::of_nice(19),
        ];
        let total = 60_000_000_000;
        let ran = simulate(&weights, total);
        let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        for (time, weight) in ran.iter().zip(weights) {
            let fair = total as f64 * f64::from(weight) / sum as f64;
            assert!(
                (*time as f64 - fair).abs() < fair * 0.1 + 2.0 * LATENCY as f64,
                "{ran:?} {fair}"
            );
        }
    }

    #[test]
    fn no_thread_is_lost_or_starved_under_random_operations() {
        let mut random = Random(0x1234_5678_9abc_def1);
        for _ in 0..50 {
            let count = 2 + random.below(20) as usize;
            let mut queue = RunQueue::new();
            queue.reserve(count).unwrap();
            let mut asleep: Vec<(u64, usize)> = Vec::new();
            let mut last_run = std::vec![0u64; count];
            for index in 0..count {
                queue.push(queue.minimum(), index);
            }
            for step in 1..5_000u64 {
                match random.below(4) {
                    0 if !asleep.is_empty() => {
                        let (virtual_runtime, index) =
                            asleep.swap_remove(random.below(asleep.len() as u64) as usize);
                        last_run[index] = step;
                        queue.push(queue.place_woken(virtual_runtime), index);
                    }
                    1 => {
                        if let Some((virtual_runtime, index)) = queue.pop() {
                            asleep.push((virtual_runtime + random.below(LATENCY), index));
                        }
                    }
                    _ => {
                        if let Some((virtual_runtime, index)) = queue.pop() {
                            last_run[index] = step;
                            queue.push(
                                virtual_runtime + MINIMUM_SLICE + random.below(LATENCY),
                                index,
                            );
                        }
                    }
                }
                assert_eq!(queue.len() + asleep.len(), count);
                for (index, last) in last_run.iter().enumerate() {
                    let sleeps = asleep.iter().any(|&(_, sleeper)| sleeper == index);
                    assert!(
                        sleeps || step - last < 40 * count as u64,
                        "starved: {index}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_long_sleeper_does_not_hold_the_cpu_for_the_time_it_slept() {
        let mut queue = RunQueue::new();
        queue.push(1_000_000_000, "busy");
        queue.pop();
        let placed = queue.place_woken(5);
        assert!(placed >= 1_000_000_000 - WAKE_CREDIT);
        assert!(preempts(placed, 1_000_000_000));
    }

    #[test]
    fn ties_are_served_in_order_of_arrival() {
        let mut queue = RunQueue::new();
        for index in 0..10 {
            queue.push(7, index);
        }
        let order: Vec<i32> = core::iter::from_fn(|| queue.pop())
            .map(|(_, index)| index)
            .collect();
        assert_eq!(order, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn take_removes_exactly_one_that_is_wanted() {
        let mut queue = RunQueue::new();
        for index in 0..10 {
            queue.push(index, index);
        }
        assert_eq!(queue.take(|&index| index == 4), Some((4, 4)));
        assert_eq!(queue.take(|&index| index == 4), None);
        assert_eq!(queue.len(), 9);
        assert_eq!(queue.pop(), Some((0, 0)));
    }
}
