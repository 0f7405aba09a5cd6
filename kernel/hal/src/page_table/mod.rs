//! User address spaces: four levels of tables with 4 KiB pages and 48-bit addresses, address-space
//! identifiers, and the invalidation of translations (TLB).
//!
//! A [`UserPageTable`] owns its tables and one share of every frame mapped in it. Its holder changes it with
//! `&mut self` (under a sleeping lock); the scheduler needs only the [`Activation`], which may be used at any
//! time. Translations are invalidated, on all CPUs, before a frame's share is given up, so safe code can't
//! keep a way into freed memory.
//!
//! Accessed and dirty state is kept by software: an entry is accessed as soon as it is mapped, and dirty as
//! soon as it is writable. Whoever wants to know about writes maps read-only first.
//!
//! # Where hardware reads what this writes
//! Entries are published with a barrier, so a retried access succeeds. A thread on another CPU may still take
//! one fault more on a page that has just become accessible: the fault handler must take "already as wanted"
//! for success.

mod activation;
mod asid;
mod entry;
mod fork;
mod invalidation;
mod range;
mod run;
mod survey;
mod table;
#[cfg(test)]
mod tests;
mod user_page_table;

#[cfg(not(target_os = "none"))]
#[path = "machine_host.rs"]
mod machine;
#[cfg(target_os = "none")]
#[path = "machine_aarch64.rs"]
mod machine;

pub use activation::{Activation, activate_none};
pub use fork::Fork;
pub use run::Run;
pub use user_page_table::UserPageTable;

use crate::frame::FrameRef;

/// What a program may do with a page. Writable or executable pages are readable too, as on all CPUs of the
/// architecture; a page with none of the three keeps its content but faults on every access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    pub read: bool,
    pub write: bool,
    pub execute: bool,
}

/// Whom writes to a page are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// For this address space alone: a frame that others own too is copied before it is written.
    Private,
    /// For all who have the frame.
    Shared,
}

/// What becomes of private pages in a copied address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkMode {
    /// Private pages are shared until one side writes.
    CopyOnWrite,
    /// Both sides go on using the same pages.
    Share,
}

/// A mapped page.
#[derive(Debug)]
pub struct Mapping<'a> {
    /// The page's frame, owned by the page table.
    pub frame: FrameRef<'a>,
    /// Programs may read it.
    pub readable: bool,
    /// Programs may write it right now.
    pub writable: bool,
    /// Programs may execute it.
    pub executable: bool,
    /// Writing is allowed after [`UserPageTable::resolve_copy_on_write`].
    pub copy_on_write: bool,
    /// Mapped [`Sharing::Shared`].
    pub shared: bool,
    /// It has been writable since it was mapped.
    pub dirty: bool,
    /// It may have been accessed.
    pub accessed: bool,
}

/// Prepares for user address spaces, once at boot, after the frame allocator.
pub fn initialise() {
    asid::set_bits(machine::asid_bits());
}
