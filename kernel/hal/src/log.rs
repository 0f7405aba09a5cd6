//! Text to the console, before and besides the kernel's own log.

use core::fmt;

/// Writes text to the console: a newline becomes carriage return and newline.
pub fn write(text: &[u8]) {
    return_carriages(text, crate::console::write);
}

/// Hands text to `write`, each newline as carriage return and newline.
pub fn return_carriages(text: &[u8], mut write: impl FnMut(&[u8])) {
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match line.split_last() {
            Some((b'\n', rest)) => {
                write(rest);
                write(b"\r\n");
            }
            _ => write(line),
        }
    }
}

/// The console as a formatter's target.
pub struct Writer;

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text.as_bytes());
        Ok(())
    }
}

/// Formats onto the console; used by `print!`.
pub fn print(arguments: fmt::Arguments<'_>) {
    // The writer never fails.
    let _ = fmt::Write::write_fmt(&mut Writer, arguments);
}

/// Prints to the console, without the kernel's log.
#[macro_export]
macro_rules! print {
    ($($argument:tt)*) => { $crate::log::print(::core::format_args!($($argument)*)) };
}

/// Prints a line to the console, without the kernel's log.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($($argument:tt)*) => { $crate::log::print(::core::format_args!("{}\n", ::core::format_args!($($argument)*))) };
}
