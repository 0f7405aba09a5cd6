//! The machine as a whole: its name, its numbers, its random bytes, its end.

pub mod random;
