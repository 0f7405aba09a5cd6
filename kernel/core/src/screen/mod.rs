//! The screen: a terminal of the type `linux` that shows what the serial console shows.
//!
//! Whoever writes to the console changes [`grid`]'s cells at once, under a lock for a few bytes at a time
//! ([`emulator`]); a thread of the kernel draws what has changed, so that a line that scrolls is not drawn each time, and
//! pixels are never read. Input comes from the serial line alone, and so does the size that programs are told: the
//! terminal there is the one that somebody types at, and may well be smaller than the screen.

pub mod colour;
pub mod drawing;
pub mod emulator;
pub mod font;
pub mod grid;
#[cfg(target_os = "none")]
mod mirror;
mod tab_stops;
#[cfg(test)]
mod tests;

#[cfg(target_os = "none")]
pub use mirror::{show, start};

/// A host has no screen.
#[cfg(not(target_os = "none"))]
pub fn show() {}
