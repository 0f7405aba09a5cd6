//! The clock and this CPU's timer.

#[cfg(not(target_os = "none"))]
#[path = "time/host.rs"]
mod clock;
#[cfg(target_os = "none")]
#[path = "time/generic_timer.rs"]
mod clock;

#[cfg(target_os = "none")]
pub(crate) use clock::silence;
pub use clock::{conversion, counter, frequency, now, set_deadline};
#[cfg(target_os = "none")]
pub use clock::{initialise, initialise_cpu};
