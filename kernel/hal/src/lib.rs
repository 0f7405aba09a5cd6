//! The hardware abstraction layer: all unsafe code of the kernel, behind a safe interface.
//!
//! Two backends share one interface: the aarch64 kernel (`target_os = "none"`) and a simulation on the
//! host that lets the portable kernel be unit-tested as an ordinary program.
#![no_std]

#[cfg(not(target_os = "none"))]
extern crate std;

pub mod sync;
