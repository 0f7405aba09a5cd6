//! Clocks, sleeping and timers.
//!
//! * [`clock`]: the clocks; the wall clock is the monotonic one plus an offset.
//! * [`sleep`]: nanosleep and its family.
//! * [`alarm`]: a timer on any clock, the base of the three kinds below.
//! * [`interval`]: setitimer. [`posix`]: timer_create. [`timerfd`]: timers as files.
//! * [`cpu_limit`][]: RLIMIT_CPU.
//! * [`value`]: times as userland writes them.

mod adjust;
pub mod alarm;
pub mod clock;
pub mod cpu_limit;
pub mod interval;
pub mod posix;
pub mod process_timers;
pub mod sleep;
pub mod syscalls;
pub mod timerfd;
pub mod value;

pub use clock::{Clock, realtime};
pub use process_timers::ProcessTimers;
pub use value::{SECOND, Timespec, Timeval};
