//! The Raspberry Pi's firmware, asked through its mailbox what board this is.

#[cfg(any(test, target_os = "none"))]
mod message;

#[cfg(target_os = "none")]
mod registers;

#[cfg(target_os = "none")]
pub use registers::ask;
