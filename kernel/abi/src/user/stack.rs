//! The memory of the calling thread's stack.

use super::kernel;
use std::fs;
use std::io;
use std::ops::Range;

/// Gives the memory back that deeper calls of before have left on the main thread's stack: a process that is there to
/// wait keeps only what it waits with. Nothing happens in other threads. Not to be called by a signal handler.
///
/// # Errors
/// Those of reading /proc/self/maps, which says where the stack is, and of madvise(2).
pub fn discard_unused() -> io::Result<()> {
    match main_stack(&fs::read_to_string("/proc/self/maps")?) {
        Some(stack) => Ok(kernel::discard_stack_within(stack)?),
        None => Ok(()),
    }
}

/// The addresses of the main thread's stack.
fn main_stack(maps: &str) -> Option<Range<usize>> {
    let line = maps.lines().find(|line| line.ends_with("[stack]"))?;
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}
