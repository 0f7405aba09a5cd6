//! The hardware abstraction layer: all unsafe code of the kernel, behind a safe interface.
#![no_std]
