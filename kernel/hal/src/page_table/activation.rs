//! Which address space a CPU runs in.

use super::asid::{asid, contexts};
use super::machine;
use super::table::{LEAF_LEVEL, Table, index};
use crate::frame::OutOfMemory;
use crate::sync::{InterruptGuard, MAX_CPUS, PerCpu};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed, Ordering::SeqCst};

/// The root table that is active on each CPU (physical address; 0 for none).
static ACTIVE: PerCpu<AtomicU64> = PerCpu::new([const { AtomicU64::new(0) }; MAX_CPUS]);

/// What activating an address space needs: the root table and the context. It outlives the page table's other
/// tables, as it may still be active then.
#[derive(Debug)]
pub struct Root {
    table: Table,
    context: AtomicU64,
}

impl Root {
    pub fn new() -> Result<Arc<Self>, OutOfMemory> {
        Ok(Arc::new(Self {
            table: Table::new()?,
            context: AtomicU64::new(0),
        }))
    }

    #[inline(always)]
    pub fn table(&self) -> Table {
        self.table
    }

    /// The level 3 table for an address in user space, if there is one.
    #[inline(always)]
    pub fn leaf_table(&self, address: u64) -> Option<Table> {
        let mut table = self.table;
        for level in 0..LEAF_LEVEL {
            // SAFETY: callers hold the page table that the tables belong to.
            let entry = unsafe { table.entries() }[index(address, level)].load(Relaxed);
            if entry == 0 {
                return None;
            }
            table = Table::of_entry(entry);
        }
        Some(table)
    }

    /// The ASID under which CPUs may have translations, if the address space was ever active.
    #[inline(always)]
    pub fn asid(&self) -> Option<u64> {
        match self.context.load(Relaxed) {
            0 => None,
            context => Some(asid(context)),
        }
    }

    /// Whether a CPU runs in it.
    pub fn is_active(&self) -> bool {
        ACTIVE
            .iter()
            .any(|active| active.load(SeqCst) == self.table.physical_address())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let here = InterruptGuard::new();
        if ACTIVE.current().load(Relaxed) == self.table.physical_address() {
            activate_none(&here);
        }
        // A CPU still using it would walk freed memory: then the (empty) root table is never freed.
        if !self.is_active() {
            // The page table has emptied the root when it was dropped.
            // SAFETY: no table points to a root and no CPU uses it; translations by its ASID are never used again
            // before the next generation, as only this root had that context.
            unsafe { self.table.free() };
        }
    }
}

/// The right to run in an address space. Cheap to clone; the scheduler keeps it beside the lock around the
/// [`super::UserPageTable`].
#[derive(Clone, Debug)]
pub struct Activation {
    pub(super) root: Arc<Root>,
}

impl Activation {
    /// Makes this CPU run in the address space. Nothing happens if it does already.
    #[inline]
    pub fn activate(&self, here: &InterruptGuard) {
        let root = self.root.table.physical_address();
        let active = ACTIVE.current();
        if active.load(Relaxed) == root {
            return;
        }
        active.store(root, Relaxed);
        let context = contexts().activate(&self.root.context, here, machine::invalidate_this_cpu);
        machine::set_user_table(root, asid(context));
    }

    /// Whether both are the same address space.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }
}

/// Makes this CPU run in no user address space: for kernel tasks, and before the last reference to the active
/// address space goes.
#[inline]
pub fn activate_none(_here: &InterruptGuard) {
    let active = ACTIVE.current();
    if active.load(Relaxed) != 0 {
        machine::set_no_user_table();
        active.store(0, SeqCst);
    }
}
