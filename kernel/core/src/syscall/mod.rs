//! System call dispatch: from a number to its handler, and from its result to the registers.

pub mod arguments;

pub use arguments::Arguments;

use crate::errno::Result;
use crate::task::Current;

/// Handles one system call; its result goes to x0.
pub type Handler = fn(&Current, &mut Arguments) -> Result<usize>;
