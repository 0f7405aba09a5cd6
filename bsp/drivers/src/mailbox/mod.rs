//! The Raspberry Pi's firmware, asked through its mailbox what board this is and for the screen's pixels.

#[cfg(any(test, target_os = "none"))]
mod facts;
#[cfg(any(test, target_os = "none"))]
mod message;
#[cfg(target_os = "none")]
mod registers;
#[cfg(any(test, target_os = "none"))]
mod screen;

#[cfg(target_os = "none")]
pub use registers::Mailbox;
