//! Times as userland writes them, and as nanoseconds.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::errno::{Errno, Result};

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// `struct timespec` of the 64-bit ABI.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Timespec {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub nanoseconds: i64,
}

impl Timespec {
    /// From nanoseconds.
    pub fn from_nanoseconds(nanoseconds: u64) -> Timespec {
        Timespec {
            seconds: (nanoseconds / SECOND) as i64,
            nanoseconds: (nanoseconds % SECOND) as i64,
        }
    }

    /// As nanoseconds; what doesn't fit is 2^63 - 1 (292 years).
    ///
    /// # Errors
    /// EINVAL: negative, or the nanoseconds aren't below a second.
    pub fn to_nanoseconds(self) -> Result<u64> {
        if self.seconds < 0 || !(0..SECOND as i64).contains(&self.nanoseconds) {
            return Err(Errno::EINVAL);
        }
        let sum = (self.seconds as u64)
            .saturating_mul(SECOND)
            .saturating_add(self.nanoseconds as u64);
        Ok(sum.min(i64::MAX as u64))
    }
}

/// `struct timeval` of the 64-bit ABI.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Timeval {
    /// Seconds.
    pub seconds: i64,
    /// Microseconds, 0 to 999,999.
    pub microseconds: i64,
}

impl Timeval {
    /// From nanoseconds, rounded down.
    pub fn from_nanoseconds(nanoseconds: u64) -> Timeval {
        Timeval {
            seconds: (nanoseconds / SECOND) as i64,
            microseconds: (nanoseconds % SECOND / 1000) as i64,
        }
    }

    /// From nanoseconds, rounded up: what is left of a running timer is never shown as nothing.
    pub fn from_nanoseconds_up(nanoseconds: u64) -> Timeval {
        Timeval::from_nanoseconds(nanoseconds.saturating_add(999))
    }

    /// As nanoseconds; what doesn't fit is 2^63 - 1.
    ///
    /// # Errors
    /// EINVAL: negative, or the microseconds aren't below a second.
    pub fn to_nanoseconds(self) -> Result<u64> {
        if !(0..1_000_000).contains(&self.microseconds) {
            return Err(Errno::EINVAL);
        }
        Timespec {
            seconds: self.seconds,
            nanoseconds: self.microseconds * 1000,
        }
        .to_nanoseconds()
    }
}

/// `struct itimerspec`: a timer's period and its next expiry.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct IntervalTimespec {
    /// Period; zero: once.
    pub interval: Timespec,
    /// Time to the next expiry; zero: not armed.
    pub value: Timespec,
}

/// `struct itimerval`: as [`IntervalTimespec`], in microseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct IntervalTimeval {
    /// Period; zero: once.
    pub interval: Timeval,
    /// Time to the next expiry; zero: not armed.
    pub value: Timeval,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timespec_converts_and_is_checked() {
        let time = Timespec {
            seconds: 3,
            nanoseconds: 5,
        };
        assert_eq!(time.to_nanoseconds(), Ok(3_000_000_005));
        assert_eq!(Timespec::from_nanoseconds(3_000_000_005), time);
        for (seconds, nanoseconds) in [(-1, 0), (0, -1), (0, 1_000_000_000)] {
            assert_eq!(
                Timespec {
                    seconds,
                    nanoseconds
                }
                .to_nanoseconds(),
                Err(Errno::EINVAL)
            );
        }
        let forever = Timespec {
            seconds: i64::MAX,
            nanoseconds: 999_999_999,
        };
        assert_eq!(forever.to_nanoseconds(), Ok(i64::MAX as u64));
    }

    #[test]
    fn timeval_rounds_as_stated() {
        assert_eq!(
            Timeval::from_nanoseconds(1_999),
            Timeval {
                seconds: 0,
                microseconds: 1
            }
        );
        assert_eq!(
            Timeval::from_nanoseconds_up(1_001),
            Timeval {
                seconds: 0,
                microseconds: 2
            }
        );
        assert_eq!(
            Timeval {
                seconds: 1,
                microseconds: 1_000_000
            }
            .to_nanoseconds(),
            Err(Errno::EINVAL)
        );
        assert_eq!(
            Timeval {
                seconds: 1,
                microseconds: 2
            }
            .to_nanoseconds(),
            Ok(1_000_002_000)
        );
    }
}
