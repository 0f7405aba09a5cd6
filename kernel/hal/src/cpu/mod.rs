//! Processors: their numbers, data of their own, signals between them, and power.

mod per_cpu;
#[cfg(not(target_os = "none"))]
#[path = "host.rs"]
mod machine;
#[cfg(target_os = "none")]
#[path = "machine.rs"]
mod machine;
#[cfg(target_os = "none")]
pub mod features;
#[cfg(target_os = "none")]
pub mod power;

pub use machine::{exit, id, online, power_off, reset, send_reschedule, wait_for_interrupt};
#[cfg(target_os = "none")]
pub use features::{asid_bits, has_pan};
pub use per_cpu::PerCpu;

/// The most CPUs the kernel uses.
pub const MAX_CPUS: usize = 8;
