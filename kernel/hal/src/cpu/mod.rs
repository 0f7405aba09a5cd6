//! Processors: their numbers, data of their own, signals between them, and power.

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

pub use machine::{exit, online, power_off, reset, send_reschedule, wait_for_interrupt};
#[cfg(target_os = "none")]
pub use features::{asid_bits, has_pan};
pub use crate::sync::{MAX_CPUS, PerCpu, cpu_id as id};
