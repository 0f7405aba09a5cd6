//! Program execution: from a file and its arguments to a running image (execve(2), elf(5)).
//!
//! * [`elf`], [`script`]: what a program file says; pure. [`arguments`]: strings of the caller.
//! * [`stack`]: the initial stack; pure. [`load`]: mapping an image. [`vdso`]: the page of user-mode kernel code.
//! * [`privileges`]: set-user-ID and set-group-ID. [`threads`]: ending the other threads.
//! * [`run`]: all of it in order, with the point of no return. [`syscalls`].

pub mod arguments;
pub mod elf;
pub mod load;
pub mod privileges;
pub mod run;
pub mod script;
pub mod stack;
pub mod syscalls;
pub mod threads;
pub mod vdso;
