//! Signals that wait to be delivered: a set, and what is told with each.

use super::{Signal, SignalInfo, SignalSet};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use alloc::vec::Vec;

/// Pending signals of a thread or of a process.
#[derive(Default)]
pub struct Pending {
    set: SignalSet,
    /// In order of arrival; a standard signal is in it at most once, a real-time one as often as it was sent.
    queue: Vec<SignalInfo>,
}

impl Pending {
    /// None.
    pub const fn new() -> Self {
        Self {
            set: SignalSet::EMPTY,
            queue: Vec::new(),
        }
    }

    /// Which signals wait.
    #[inline]
    pub fn set(&self) -> SignalSet {
        self.set
    }

    /// How many are queued.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Makes a signal pending. A standard signal that already is stays as it was. When the queue holds `limit`
    /// entries or memory is short, a signal still becomes pending, without what is told of it.
    ///
    /// # Errors
    /// `EAGAIN` for a real-time signal that a program sent with a value and that doesn't fit (sigqueue(3)).
    pub fn add(&mut self, info: SignalInfo, limit: usize) -> Result<()> {
        let signal = info.signal;
        if !signal.is_real_time() && self.set.contains(signal) {
            return Ok(());
        }
        // The kernel's own must not lose what they tell; they are at most one per standard signal.
        let fits = self.queue.len() < limit || !signal.is_real_time();
        if fits && self.queue.make_room(1).is_ok() {
            self.queue.push(info);
        } else if signal.is_real_time()
            && info.is_from_user()
            && info.code != super::information::SI_USER
        {
            return Err(Errno::EAGAIN);
        }
        self.set.insert(signal);
        Ok(())
    }

    /// Takes the signal to deliver next of those not in `blocked`.
    #[inline]
    pub fn take(&mut self, blocked: SignalSet) -> Option<SignalInfo> {
        let signal = self.set.without(blocked).first()?;
        Some(self.take_one(signal))
    }

    fn take_one(&mut self, signal: Signal) -> SignalInfo {
        let mut found = None;
        let mut more = false;
        for (index, info) in self.queue.iter().enumerate() {
            if info.signal == signal {
                if found.is_some() {
                    more = true;
                    break;
                }
                found = Some(index);
            }
        }
        if !more {
            self.set.remove(signal);
        }
        match found {
            Some(index) => self.queue.remove(index),
            None => SignalInfo::user(signal, super::information::SI_USER, 0, 0),
        }
    }

    /// Forgets the signals of `set`.
    pub fn discard(&mut self, set: SignalSet) {
        if !self.set.intersection(set).is_empty() {
            self.set = self.set.without(set);
            self.queue.retain(|info| !set.contains(info.signal));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::information::{SI_KERNEL, SI_USER};

    fn user(number: i32, pid: u32) -> SignalInfo {
        SignalInfo::user(Signal::new(number).unwrap(), SI_USER, pid, 0)
    }

    #[test]
    fn a_standard_signal_waits_once_and_keeps_its_first_sender() {
        let mut pending = Pending::new();
        pending.add(user(10, 1), 8).unwrap();
        pending.add(user(10, 2), 8).unwrap();
        assert_eq!(pending.take(SignalSet::EMPTY).unwrap().payload[0], 1);
        assert!(pending.take(SignalSet::EMPTY).is_none());
    }

    #[test]
    fn real_time_signals_queue_in_order() {
        let mut pending = Pending::new();
        for pid in 1..=3 {
            pending.add(user(40, pid), 8).unwrap();
        }
        for pid in 1..=3 {
            assert_eq!(pending.take(SignalSet::EMPTY).unwrap().payload[0], pid);
        }
        assert!(pending.set().is_empty());
    }

    #[test]
    fn faults_come_first_then_lower_numbers() {
        let mut pending = Pending::new();
        for number in [34, 15, 2, 11] {
            pending.add(user(number, 0), 8).unwrap();
        }
        let order: Vec<u8> = core::iter::from_fn(|| pending.take(SignalSet::EMPTY))
            .map(|info| info.signal.number())
            .collect();
        assert_eq!(order, [11, 2, 15, 34]);
    }

    #[test]
    fn blocked_signals_stay() {
        let mut pending = Pending::new();
        pending.add(user(15, 0), 8).unwrap();
        assert!(pending.take(SignalSet::of(&[Signal::SIGTERM])).is_none());
        assert!(pending.take(SignalSet::EMPTY).is_some());
    }

    #[test]
    fn a_full_queue_refuses_values_but_never_loses_a_signal() {
        let mut pending = Pending::new();
        pending
            .add(
                SignalInfo {
                    code: -1,
                    ..user(40, 1)
                },
                1,
            )
            .unwrap();
        assert_eq!(
            pending.add(
                SignalInfo {
                    code: -1,
                    ..user(41, 1)
                },
                1
            ),
            Err(Errno::EAGAIN)
        );
        pending.add(user(42, 1), 1).unwrap();
        pending
            .add(
                SignalInfo {
                    code: SI_KERNEL,
                    ..user(43, 1)
                },
                1,
            )
            .unwrap();
        assert!(
            pending.set().contains(Signal::new(42).unwrap())
                && pending.set().contains(Signal::new(43).unwrap())
        );
        assert!(!pending.set().contains(Signal::new(41).unwrap()));
    }

    #[test]
    fn discarding_forgets_both_the_bit_and_the_information() {
        let mut pending = Pending::new();
        pending.add(user(20, 0), 8).unwrap();
        pending.add(user(18, 0), 8).unwrap();
        pending.discard(SignalSet::STOPPING);
        assert_eq!(
            pending.take(SignalSet::EMPTY).unwrap().signal,
            Signal::SIGCONT
        );
        assert_eq!(pending.queued(), 0);
    }
}
