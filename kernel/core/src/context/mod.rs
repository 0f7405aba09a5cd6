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
//! *Described*: an open descriptor with a configuration, no id ([`descriptor`]). *Created*: has an id and
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
//! 2. The state of a [`descriptor::Descriptor`] (sleeping): described or created, and the configuration.
//! 3. The family of processes (`task::family`), which terminals lock in their interrupts. So the locks that
//!    come after it mask interrupts: `ProcessContexts::set` (which contexts a process is attached to), then
//!    `TaskNumber::inside` (the list that a number is in), then the leaves `Life::counts` (the counts and with them the state) and
//!    `ProcessList::table` (numbers, closed, frozen).
//! 4. Spinning leaves, none inside another: `ProcessContexts::pending` (what the next exec attaches),
//!    `HostnameContext::names` (host and domain name), `Registry::ids` (the last id and the living contexts).
//!
//! The mount table of a VFS root is guarded by the lock of names (`vfs::path_node::NAMES`).
//!
//! A hold is never dropped with one of 3 or 4 locked: its drop may unmount and sleep. Processes are looked
//! up in the registry of tasks, and signals are sent, with at most 1 held.

pub mod boot;
pub mod descriptor;
pub mod freezer;
pub mod gate;
pub mod hostname;
pub mod hostname_calls;
pub mod jail;
pub mod life;
pub mod members;
pub mod number;
pub mod process_contexts;
pub mod process_list;
pub mod registry;
pub mod set;
pub mod syscalls;
#[cfg(test)]
mod tests;
pub mod transition;
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

pub use transition::{
    Adopter, Prepared, adopter, before_exit, leave_at_exit, prepare_exec, share_list,
};

use alloc::sync::Arc;

use gantry_abi::context::{ContextType, OpenFlags};

use crate::Result;
use crate::task::{Current, Process};
use process_list::Passage;

/// A type of context.
pub trait Context: Sized + Send + Sync + 'static {
    /// The type's number and name.
    const TYPE: ContextType;

    /// Whether a context that had members and has none may get new ones.
    const RUNS_AGAIN: bool = true;

    /// What a descriptor knows of a context before it is created.
    type Description: Default + Send;

    /// The counted life of this context.
    fn life(&self) -> &Life;

    /// The ids of this type.
    fn registry() -> &'static Registry<Self>;

    /// Makes a context as described.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn create(id: u64, description: &Self::Description, current: &Current) -> Result<Self>;

    /// A request on a descriptor before creation.
    ///
    /// # Errors
    /// `EINVAL` for a request of another type, `ENXIO` for one that needs the context; the request's own.
    fn configure(
        description: &mut Self::Description,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize>;

    /// A request on a descriptor of a created context.
    ///
    /// # Errors
    /// `EINVAL` for a request of another type; the request's own.
    fn command(
        context: &Arc<Self>,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize>;

    /// Taken before a process is attached, and kept until it is all there.
    fn pass(_context: &Arc<Self>) -> Option<Passage> {
        None
    }

    /// Whether a process may be attached now.
    ///
    /// # Errors
    /// `EAGAIN` when none may ever be again.
    fn admit(&self) -> Result<()> {
        Ok(())
    }

    /// A process was attached: what that means for it. Nothing here can fail.
    fn attached(_context: &Arc<Self>, _process: &Arc<Process>) {}

    /// A process went from here to another context of the type, where it is all there by now.
    fn left(_left: &Arc<Self>, _process: &Arc<Process>) {}

    /// How many members have ended for want of memory; `None`: that isn't counted for this type.
    fn memory_kills(&self) -> Option<u64> {
        None
    }

    /// A descriptor that was opened with these flags is closed. It still holds the context.
    fn closed(_context: &Arc<Self>, _flags: OpenFlags) {}

    /// Releases what the context holds. Called once, when its last hold is gone, with no lock held.
    fn destroy(&self) {}
}
