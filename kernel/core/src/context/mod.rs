//! Contexts: the isolated views that processes share.
//!
//! A context is one view of one type: which processes are seen and under which numbers
//! ([`ProcessList`]), the file tree ([`VfsRootContext`]), or the host name ([`HostnameContext`]). Every
//! process has exactly one of each ([`ContextSet`]); entering one replaces the one of its type.
//!
//! # States
//! ```text
//!   described ──create──▶ created ──attach──▶ running ──last detaches──▶ empty
//!       │                    │                   ▲                        │  │
//!       │                    │                   └──attach (not a list)───┘  │
//!       └──close──▶ (gone)   └──────────────last hold goes──────────────────▶ destroyed
//! ```
//! *Described*: an open descriptor with a configuration, no id (`descriptor`). *Created*: has an id and
//! never had a member. *Running*: has members. *Empty*: had members and has none; a process list never
//! leaves this state but to be destroyed. *Destroyed*: nothing holds it; what it held is released.
//! The boot contexts (id 1) are held for ever and are always running.
//!
//! # Holds
//! Attached processes, pending slots and open descriptors each hold a context through a counted guard
//! ([`life::Hold`]). Whoever drops the last one destroys the context there and then.
//!
//! # Locks, outermost first
//! 1. [`gate::Gate`] of a process list (sleeping): shared from a process's admission until it is in the
//!    registry of tasks; exclusive for what must reach every member (signal, freezer, death of number 1).
//! 2. The state of a `descriptor::Descriptor` (sleeping): described or created, and the configuration.
//! 3. `ProcessContexts::set` and `ProcessContexts::pending` (spinning): the contexts and slots of one
//!    process. Never both at once.
//! 4. `TaskNumber::inside` (masks interrupts, since it comes after the family of processes, which a
//!    terminal's interrupt locks): the list that a number is in.
//! 5. Leaves (spinning), none inside another: `Life::counts` (the counts and with them the state),
//!    `ProcessList::table` (numbers, closed, frozen; masks interrupts, where a number's last bearer may
//!    go), `HostnameContext::names`, `Registry::ids`.
//!
//! A hold is never dropped with one of 3 to 5 locked: its drop may unmount and sleep. Processes are looked
//! up in the registry of tasks, and signals are sent, with at most 1 held.

pub mod gate;
pub mod hostname;
pub mod jail;
pub mod life;
pub mod number;
pub mod process_contexts;
pub mod process_list;
pub mod registry;
pub mod set;
pub mod vfs_root;

pub use hostname::HostnameContext;
pub use jail::Jail;
pub use life::{Attachment, Life, Opened, Pending};
pub use number::TaskNumber;
pub use process_contexts::{Inherited, ProcessContexts};
pub use process_list::ProcessList;
pub use registry::Registry;
pub use set::{ContextSet, PendingSlots};
pub use vfs_root::VfsRootContext;

use gantry_abi::context::ContextType;

/// A type of context.
pub trait Context: Sized + Send + Sync + 'static {
    /// The type's number and name.
    const TYPE: ContextType;

    /// Whether a context that had members and has none may get new ones.
    const RUNS_AGAIN: bool = true;

    /// The counted life of this context.
    fn life(&self) -> &Life;

    /// The ids of this type.
    fn registry() -> &'static Registry<Self>;

    /// Releases what the context holds. Called once, when its last hold is gone, with no lock held.
    fn destroy(&self);
}
