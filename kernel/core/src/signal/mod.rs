//! Signals: generation, queues and delivery (signal(7)).
//!
//! * [`number`]: the signals, their sets and default actions. [`information`]: what is told with one.
//! * [`action`]: what a process does with each. [`pending`]: those that wait.
//! * [`state`]: a process's shared part and a thread's own. [`send`]: generation.
//! * [`deliver`]: what a thread does before it returns to user mode; [`frame`]: the handler's stack frame.
//! * [`stop`]: stopping and continuing. [`permission`]: who may signal whom.
//!
//! # Locks
//! A process's [`state::Shared`] (masks interrupts), then a thread's pending set, then wait queues and run queues.
//! The family lock (`task::family`) comes before.

pub mod action;
pub mod deliver;
pub mod frame;
pub mod information;
pub mod number;
pub mod pending;
pub mod permission;
pub mod send;
pub mod state;
pub mod stop;
pub mod syscalls;

pub use action::{Action, Disposition};
pub use information::SignalInfo;
pub use number::{Signal, SignalSet};
pub use pending::Pending;
pub use send::{Origin, force, to_process, to_thread};
pub use state::{ExitStatus, ThreadSignals};
