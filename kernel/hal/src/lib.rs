//! The hardware abstraction layer: all unsafe code of the kernel, behind a safe interface.
//!
//! Two backends share one interface: the aarch64 kernel (`target_os = "none"`) and a simulation on the
//! host that lets the portable kernel be unit-tested as an ordinary program.
#![no_std]

extern crate alloc;
#[cfg(not(target_os = "none"))]
extern crate std;

pub mod boot;
pub mod console;
pub mod cpu;
pub mod entry;
pub mod exception;
pub mod fault_injection;
pub mod frame;
pub mod frame_buffer;
pub mod heap;
#[cfg(target_os = "none")]
pub mod interrupt;
#[cfg(target_os = "none")]
mod kernel_map;
pub mod layout;
pub mod log;
#[cfg(target_os = "none")]
mod memory_routines;
#[cfg(target_os = "none")]
pub mod mmio;
pub mod page_table;
#[cfg(target_os = "none")]
pub mod panic;
pub mod random;
pub mod sync;
pub mod task;
pub mod time;
pub mod user;
pub mod vdso;

pub use entry::Kernel;
