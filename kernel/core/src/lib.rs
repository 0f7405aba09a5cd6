//! The portable kernel: tasks, memory, files, contexts and system calls.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
