//! Clocks, sleeping and timers.

pub mod value;
