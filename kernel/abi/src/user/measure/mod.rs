//! System calls and memory accesses with as little around them as can be, for programs that measure what
//! the kernel takes for them. The standard library adds work of its own to most of these.

mod calls;
mod handler;
mod mapping;
mod thread;

pub use calls::{
    clock_by_call, counter, counter_frequency, fork_and_execute, fork_and_exit, parent_by_call,
    unknown_call, vfork_and_execute, vfork_and_exit,
};
pub use handler::{handled, install_handler, signal_this_process};
pub use mapping::{Mapping, PAGE_SIZE};
pub use thread::start_and_join;
