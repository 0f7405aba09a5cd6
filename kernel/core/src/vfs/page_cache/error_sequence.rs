//! Failures to write back, told once to every open file (Linux's lib/errseq.c).

use crate::{Errno, Result};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Somebody has been told of the last failure.
const TOLD: u64 = 1 << 16;
/// One more failure.
const FAILURE: u64 = 1 << 17;
/// The error number of the last failure.
const NUMBER: u64 = TOLD - 1;

/// The failures of one file so far.
#[derive(Debug, Default)]
pub struct ErrorSequence(AtomicU64);

/// How far an open file has been told of them.
#[derive(Debug, Default)]
pub struct Seen(AtomicU64);

impl ErrorSequence {
    /// No failures.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Notes a failure.
    pub fn note(&self, error: Errno) {
        let number = u64::from(error.number());
        let _ = self.0.fetch_update(Relaxed, Relaxed, |value| {
            // A second failure that nobody was told of in between is no news.
            if value & TOLD == 0 && value & NUMBER == number {
                return None;
            }
            Some(((value & !(FAILURE - 1)) + FAILURE) | number)
        });
    }

    /// What a file that is opened now has seen: a failure that nobody was told of is still to be told to it.
    pub fn sample(&self) -> Seen {
        let value = self.0.load(Relaxed);
        let untold = value != 0 && value & TOLD == 0;
        Seen(AtomicU64::new(if untold { 0 } else { value }))
    }

    /// Tells of a failure since the last time.
    ///
    /// # Errors
    /// The last failure's.
    pub fn check(&self, seen: &Seen) -> Result<()> {
        let value = self.0.load(Relaxed);
        if value | TOLD == seen.0.load(Relaxed) | TOLD || value == 0 {
            return Ok(());
        }
        let told = value | TOLD;
        // One that failed meanwhile remains to be told.
        let _ = self.0.compare_exchange(value, told, Relaxed, Relaxed);
        seen.0.store(told, Relaxed);
        Err(Errno::from_number((value & NUMBER) as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_open_file_is_told_once() {
        let errors = ErrorSequence::new();
        let early = errors.sample();
        assert_eq!(errors.check(&early), Ok(()));
        errors.note(Errno::EIO);
        errors.note(Errno::EIO);
        let late = errors.sample();
        for seen in [&early, &late] {
            assert_eq!(errors.check(seen), Err(Errno::EIO));
            assert_eq!(errors.check(seen), Ok(()));
        }
        // Whoever comes after somebody was told isn't.
        assert_eq!(errors.check(&errors.sample()), Ok(()));
        errors.note(Errno::ENOSPC);
        assert_eq!(errors.check(&early), Err(Errno::ENOSPC));
        assert_eq!(errors.check(&late), Err(Errno::ENOSPC));
    }
}
