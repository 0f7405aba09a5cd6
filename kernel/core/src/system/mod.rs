//! The machine as a whole: its name, its numbers, its random bytes, its log and its end.

pub mod board;
pub mod identity;
pub mod information;
pub mod kernel_log;
pub mod load;
pub mod power;
pub mod random;
