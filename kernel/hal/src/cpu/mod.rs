//! Processors: their numbers, data of their own, signals between them, and power.

#[cfg(target_os = "none")]
pub mod features;
#[cfg(not(target_os = "none"))]
#[path = "host.rs"]
mod machine;
#[cfg(target_os = "none")]
#[path = "machine.rs"]
mod machine;
#[cfg(target_os = "none")]
pub(crate) mod overflow;
#[cfg(target_os = "none")]
pub mod power;
#[cfg(target_os = "none")]
pub mod secondary;

pub use crate::sync::{MAX_CPUS, PerCpu, cpu_id as id};
#[cfg(target_os = "none")]
pub use features::{asid_bits, has_pan};
#[cfg(target_os = "none")]
pub use features::{hardware_capabilities, main_id};
#[cfg(target_os = "none")]
pub(crate) use machine::machine_barrier;
pub use machine::{exit, online, power_off, reset, send_reschedule, wait_for_interrupt};
#[cfg(not(target_os = "none"))]
pub use machine::{hardware_capabilities, main_id, start_others};
#[cfg(target_os = "none")]
pub(crate) use overflow::provide_first as provide_boot_emergency_stack;
#[cfg(target_os = "none")]
pub use secondary::start_others;
