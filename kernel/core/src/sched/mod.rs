//! Scheduling, sleeping and timers.
