//! How much memory the pages of an area take, for /proc.

use super::PAGE_SIZE;
use super::address_space::{AddressSpace, Inner};
use super::area::{Area, AreaFlags, Label, Source};
use core::ops::AddAssign;

/// What the mapped pages of an area, or of several, take, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Pages with a frame behind them.
    pub resident: u64,
    /// The same, each page divided by the number of those who map it.
    pub proportional: u64,
    /// Of that the pages that have been writable.
    pub proportional_dirty: u64,
    /// Of that the anonymous pages.
    pub proportional_anonymous: u64,
    /// Of that the pages of shared memory.
    pub proportional_shared_memory: u64,
    /// Pages that others map too, never written here.
    pub shared_clean: u64,
    /// Pages that others map too.
    pub shared_dirty: u64,
    /// Pages that nobody else maps, never written here.
    pub private_clean: u64,
    /// Pages that nobody else maps.
    pub private_dirty: u64,
    /// Pages that belong to no file: they go when the last who maps them is gone.
    pub anonymous: u64,
    /// Pages of memory that processes share without a file.
    pub shared_memory: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.resident += other.resident;
        self.proportional += other.proportional;
        self.proportional_dirty += other.proportional_dirty;
        self.proportional_anonymous += other.proportional_anonymous;
        self.proportional_shared_memory += other.proportional_shared_memory;
        self.shared_clean += other.shared_clean;
        self.shared_dirty += other.shared_dirty;
        self.private_clean += other.private_clean;
        self.private_dirty += other.private_dirty;
        self.anonymous += other.anonymous;
        self.shared_memory += other.shared_memory;
    }
}

impl AddressSpace {
    /// Calls `each` for every area in order of address with what its pages take; `each` must not touch user memory, as the
    /// address space is locked. It returns whether it wants more.
    pub fn for_each_usage(&self, mut each: impl FnMut(&Area, Usage) -> bool) {
        let inner = self.inner.lock();
        for area in inner.areas.as_slice() {
            if !each(area, inner.usage(area)) {
                return;
            }
        }
    }

    /// What all its pages take.
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        self.for_each_usage(|_, usage| {
            sum += usage;
            true
        });
        sum
    }

    /// Bytes of its page tables.
    pub fn table_bytes(&self) -> u64 {
        self.inner.lock().table.table_bytes()
    }
}

impl Inner {
    fn usage(&self, area: &Area) -> Usage {
        let is_shared = area.flags.contains(AreaFlags::SHARED);
        let is_shared_memory = match &area.source {
            Source::Object { mapped, .. } => mapped.file.is_none() && area.label != Label::Vdso,
            Source::Anonymous => false,
        };
        let mut usage = Usage::default();
        self.table.for_each_page(area.start, area.end, |page| {
            if page.frame.is_shared_zero() {
                return;
            }
            // A private page of a file that was never writable is the file's own.
            let is_own = match area.source {
                Source::Anonymous => true,
                Source::Object { .. } => page.dirty && !is_shared,
            };
            let keepers = u32::from(!is_own);
            let owners = u64::from(page.frame.owners().saturating_sub(keepers).max(1));
            let part = PAGE_SIZE / owners;
            usage.resident += PAGE_SIZE;
            usage.proportional += part;
            if page.dirty {
                usage.proportional_dirty += part;
            }
            *match (owners > 1, page.dirty) {
                (true, false) => &mut usage.shared_clean,
                (true, true) => &mut usage.shared_dirty,
                (false, false) => &mut usage.private_clean,
                (false, true) => &mut usage.private_dirty,
            } += PAGE_SIZE;
            if is_own {
                usage.anonymous += PAGE_SIZE;
                usage.proportional_anonymous += part;
            } else if is_shared_memory {
                usage.shared_memory += PAGE_SIZE;
                usage.proportional_shared_memory += part;
            }
        });
        usage
    }
}
