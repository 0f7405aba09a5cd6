//! Terminals.

pub mod discipline;
pub mod input_buffer;
pub mod output;
pub mod termios;
