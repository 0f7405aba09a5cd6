//! The address space of a process: its areas and its page table under one lock.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use hal::page_table::{Activation, ForkMode, UserPageTable};
use hal::sync::InterruptGuard;

use super::PAGE_SIZE;
use super::area::{Area, AreaFlags, MappedObject, Source};
use super::areas::Areas;
use super::request::{Layout, MemoryLimits, Statistics};
use crate::errno::Result;
use crate::sched::Mutex;

/// First address behind user space (48-bit addresses).
pub const USER_END: u64 = 1 << 48;

/// The lowest address an ordinary mapping may have (vm.mmap_min_addr's default).
pub const LOWEST_ADDRESS: u64 = 0x1_0000;

/// First address behind the part of user space that programs get unless they ask for more: it is large enough for nearly
/// all of them, and takes one table of the second level instead of two. What finds no room there goes above.
pub const WINDOW_END: u64 = 1 << 39;

/// Least distance from the stack's end to the mapping base, as on Linux: room for the stack and what a limit of more
/// than 128 MiB adds.
const STACK_ROOM: u64 = 128 << 20;

/// Pages over which the mapping base is spread at random (Linux's mmap_rnd_bits for 4 KiB pages: 18 to 33).
const MAPPING_SPREAD: u64 = 1 << 18;

/// Pages over which the stack's end is spread at random.
const STACK_SPREAD: u64 = 1 << 16;

/// A user address space, shared by the threads of a process (and by vfork until exec).
///
/// Locking: one sleeping lock guards areas and page table together. Memory objects are called with it held; no
/// user memory is touched under it, so faults never nest.
pub struct AddressSpace {
    pub(super) inner: Mutex<Inner>,
    pub(super) limits: MemoryLimits,
    /// What a context switch needs of the page table; apart from the lock, which a switch can't wait for.
    activation: Activation,
    /// For objects to find their mappings by.
    this: Weak<AddressSpace>,
}

impl AddressSpace {
    /// An empty address space with Linux's default limits.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new() -> Result<Arc<AddressSpace>> {
        hal::frame::headroom()?;
        let inner = Inner {
            areas: Areas::new(),
            table: UserPageTable::new()?,
            layout: Layout::default(),
            heap_end: 0,
            mapping_base: WINDOW_END - STACK_ROOM,
            future_lock: AreaFlags::empty(),
            counts: Counts::default(),
            released: Vec::new(),
        };
        Ok(AddressSpace::with(MemoryLimits::default(), inner))
    }

    /// Chooses where a new program has its stack and its mappings; to be called before there are any. Returns the first
    /// address behind the stack, below which no mapping without an address comes nearer than the stack's limit. With
    /// `random` 0 all programs have them at the same addresses.
    pub fn arrange(&self, random: u64, behind_stack: u64) -> u64 {
        let spread = |random: u64, pages: u64| random % pages * PAGE_SIZE;
        let top = WINDOW_END - behind_stack - spread(random, STACK_SPREAD);
        let limit = self.limits.stack.load(Ordering::Relaxed) & !(PAGE_SIZE - 1);
        let room = limit.clamp(STACK_ROOM, (WINDOW_END / 6 * 5) & !(PAGE_SIZE - 1));
        self.inner.lock().mapping_base = top - room - spread(random >> 32, MAPPING_SPREAD);
        top
    }

    fn with(limits: MemoryLimits, inner: Inner) -> Arc<AddressSpace> {
        let activation = inner.table.activation();
        Arc::new_cyclic(|this| AddressSpace {
            inner: Mutex::new(inner),
            limits,
            activation,
            this: this.clone(),
        })
    }

    /// Runs `change` with the lock held, and drops what it released afterwards.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.inner.lock();
        let result = change(&mut inner);
        let released = core::mem::take(&mut inner.released);
        drop(inner);
        drop(released);
        result
    }

    /// A copy for a child: private pages are shared until one side writes, shared ones stay shared.
    ///
    /// # Errors
    /// ENOMEM; nothing has changed then.
    pub fn fork(&self) -> Result<Arc<AddressSpace>> {
        hal::frame::headroom()?;
        let mut child_table = UserPageTable::new()?;
        let mut parent = self.inner.lock();
        let areas = parent.areas.fork()?;
        let mut counts = Counts::default();
        let mut fork = parent.table.begin_fork(&mut child_table);
        for area in areas.as_slice() {
            counts.add(area);
            // Pages of shared areas are found in their objects when the child touches them.
            if !area
                .flags
                .intersects(AreaFlags::SHARED | AreaFlags::WIPE_ON_FORK)
            {
                fork.copy_range(area.start, area.end, ForkMode::CopyOnWrite)?;
            }
        }
        drop(fork);
        let inner = Inner {
            areas,
            table: child_table,
            layout: parent.layout,
            heap_end: parent.heap_end,
            mapping_base: parent.mapping_base,
            future_lock: AreaFlags::empty(),
            counts,
            released: Vec::new(),
        };
        let child = AddressSpace::with(self.limits.copy(), inner);
        // Still with the parent locked: nobody takes pages away between the copy and this.
        for area in child.inner.lock().areas.as_slice() {
            child.announce(&area.source)?;
        }
        Ok(child)
    }

    /// Tells an object that it is mapped here.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn announce(&self, source: &Source) -> Result<()> {
        match source {
            Source::Object { mapped, .. } => mapped
                .object
                .mappings()
                .map_or(Ok(()), |mappings| mappings.add(&self.this)),
            Source::Anonymous => Ok(()),
        }
    }

    /// Makes this the address space of the running CPU. Called at a context switch.
    pub fn activate(&self, here: &InterruptGuard) {
        self.activation.activate(here);
    }

    /// The limits observed here; setrlimit(2) and exec store them.
    pub fn limits(&self) -> &MemoryLimits {
        &self.limits
    }

    /// Where exec put the parts of the program.
    pub fn layout(&self) -> Layout {
        self.inner.lock().layout
    }

    /// Says where exec put the parts of the program; the heap is empty then.
    pub fn set_layout(&self, layout: Layout) {
        let mut inner = self.inner.lock();
        inner.layout = layout;
        inner.heap_end = layout.heap_start;
    }

    /// Its sizes, for /proc.
    pub fn statistics(&self) -> Statistics {
        let mut inner = self.inner.lock();
        inner.note_resident();
        let (layout, counts) = (inner.layout, inner.counts);
        Statistics {
            total: counts.total,
            peak_total: counts.peak_total,
            resident: inner.table.resident_pages(),
            peak_resident: counts.peak_resident,
            text: (layout.code_end.saturating_sub(layout.code_start)).div_ceil(PAGE_SIZE),
            data: counts.data,
            stack: counts.stack,
            locked: counts.locked,
        }
    }

    /// Calls `each` for every area in order of address, with the address space locked: `each` must not touch user
    /// memory. It returns whether it wants more.
    pub fn for_each_area(&self, from: u64, mut each: impl FnMut(&Area) -> bool) {
        let inner = self.inner.lock();
        let first = inner.areas.first_ending_after(from);
        for area in inner.areas.as_slice().get(first..).unwrap_or_default() {
            if !each(area) {
                return;
            }
        }
    }
}

/// What the lock guards.
pub(super) struct Inner {
    pub(super) areas: Areas,
    pub(super) table: UserPageTable,
    pub(super) layout: Layout,
    /// The program break; the heap's areas lie between the layout's heap start and its next page boundary.
    pub(super) heap_end: u64,
    /// Mappings without an address go below this.
    pub(super) mapping_base: u64,
    /// mlockall(MCL_FUTURE): flags for new areas.
    pub(super) future_lock: AreaFlags,
    pub(super) counts: Counts,
    /// What unmapped areas mapped, dropped once the lock is released.
    pub(super) released: Vec<Arc<MappedObject>>,
}

/// Pages by kind, kept with every change so that limits and /proc need no walk.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) total: u64,
    pub(super) peak_total: u64,
    pub(super) data: u64,
    pub(super) stack: u64,
    pub(super) locked: u64,
    pub(super) peak_resident: u64,
}

impl Counts {
    /// Takes an area in.
    pub(super) fn add(&mut self, area: &Area) {
        let pages = area.length() / PAGE_SIZE;
        self.total += pages;
        self.peak_total = self.peak_total.max(self.total);
        if area.is_data() {
            self.data += pages;
        }
        if area.flags.contains(AreaFlags::GROWS_DOWN) {
            self.stack += pages;
        }
        if area.flags.contains(AreaFlags::LOCKED) {
            self.locked += pages;
        }
    }

    /// Takes an area out.
    pub(super) fn subtract(&mut self, area: &Area) {
        let pages = area.length() / PAGE_SIZE;
        self.total -= pages;
        if area.is_data() {
            self.data -= pages;
        }
        if area.flags.contains(AreaFlags::GROWS_DOWN) {
            self.stack -= pages;
        }
        if area.flags.contains(AreaFlags::LOCKED) {
            self.locked -= pages;
        }
    }
}
