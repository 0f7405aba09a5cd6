//! Terminals.
//!
//! * [`discipline`][]: what becomes of each received byte; with [`input_buffer`] a plain state machine.
//! * [`output`][]: what becomes of each written byte. [`termios`]: the settings.
//! * [`terminal`][]: both, between a device and programs. [`file`]: open terminals. [`ioctl`]: requests.
//! * [`job_control`][]: sessions, foreground groups, hang-ups.
//! * [`pty`][], [`packet`]: pseudoterminals.
//! * [`console`][]: the system console and the device nodes.

pub mod console;
pub mod discipline;
pub mod file;
pub mod input_buffer;
pub mod ioctl;
pub mod job_control;
pub mod output;
pub mod packet;
pub mod pty;
pub mod terminal;
pub mod termios;

pub use terminal::Terminal;
