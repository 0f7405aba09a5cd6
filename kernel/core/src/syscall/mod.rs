//! System call dispatch: from a number to its handler, and from its result to the registers.

pub mod arguments;
pub mod extensible;
pub mod table;

pub use arguments::Arguments;

use crate::errno::{Errno, Result};
use crate::task::Current;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hal::exception::UserRegisters;

/// Handles one system call; its result goes to x0.
pub type Handler = fn(&Current, &mut Arguments) -> Result<usize>;

/// Runs the system call that the registers ask for: number in x8, arguments in x0 to x5, result to x0
/// (Linux's convention on arm64, syscall(2)).
#[inline]
pub fn dispatch(current: &Current, registers: &mut UserRegisters) {
    let first_argument = registers.x[0];
    let number = registers.x[8] as u32 as usize;
    let Some(&Some(handler)) = table::TABLE.get(number) else {
        registers.x[0] = unknown(current, number).as_return_value();
        return;
    };
    registers.x[0] = match handler(current, &mut Arguments { registers }) {
        Ok(value) => value as u64,
        Err(error) => {
            if error.is_restart() {
                current.note_interrupted_call(first_argument);
            }
            error.as_return_value()
        }
    };
}

/// Which unknown numbers have been logged.
static LOGGED: [AtomicU64; 17] = [const { AtomicU64::new(0) }; 17];

/// An unknown call: logged once per number.
#[cold]
fn unknown(current: &Current, number: usize) -> Errno {
    let (word, bit) = (number / 64, 1 << (number % 64));
    let new = LOGGED
        .get(word)
        .is_some_and(|logged| logged.fetch_or(bit, Relaxed) & bit == 0);
    if new {
        let name = current.process().command_name();
        crate::log::warn!(
            "system call {number} is not implemented (first used by {name}, process {})",
            current.process().host_pid()
        );
    }
    Errno::ENOSYS
}
