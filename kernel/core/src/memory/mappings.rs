//! Who maps an object: for taking pages away when a file gets shorter.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use hal::sync::SpinLock;

use super::address_space::AddressSpace;
use super::area::{AreaFlags, Source};
use super::{MemoryObject, PAGE_SIZE};
use crate::errno::Result;
use crate::heap::MakeRoom;

/// The address spaces that have mapped an object and may still do. Every object that can lose pages has one.
///
/// Entries are added when an area is made or forked and stay until their address space is gone; adding cleans up now
/// and then, so there are never many more than live ones.
pub struct Mappings {
    list: SpinLock<List>,
}

struct List {
    spaces: Vec<Weak<AddressSpace>>,
    /// How often it was cleaned up, which moves entries.
    cleanings: u64,
}

impl Mappings {
    /// Nobody.
    pub const fn new() -> Mappings {
        Mappings {
            list: SpinLock::new(List {
                spaces: Vec::new(),
                cleanings: 0,
            }),
        }
    }

    /// Notes that an address space maps the object. Called with it locked.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn add(&self, space: &Weak<AddressSpace>) -> Result<()> {
        let mut list = self.list.lock();
        let List { spaces, cleanings } = &mut *list;
        // Mappings of one program follow each other.
        if spaces.last().is_some_and(|last| last.ptr_eq(space)) {
            return Ok(());
        }
        if spaces.len() == spaces.capacity() {
            spaces.retain(|other| other.strong_count() > 0 && !other.ptr_eq(space));
            *cleanings += 1;
            spaces.make_room(1)?;
        }
        spaces.push(space.clone());
        Ok(())
    }

    /// Unmaps pages from `first` to before `behind` of `object` everywhere, with `copies` private copies of them as
    /// well (the file has become shorter; otherwise they have only become holes). The object must not give them out
    /// any more. Sleeps; no lock that a fault takes may be held.
    pub fn unmap_pages(&self, object: &dyn MemoryObject, first: u64, behind: u64, copies: bool) {
        let (mut next, mut seen) = (0, 0);
        while let Some(space) = self.from(&mut next, &mut seen) {
            space.unmap_object_pages(object, first, behind, copies);
        }
    }

    /// The next living address space from index `next` on. When entries have moved since the last call it begins
    /// again: doing one twice does no harm.
    fn from(&self, next: &mut usize, cleanings: &mut u64) -> Option<Arc<AddressSpace>> {
        let list = self.list.lock();
        if *cleanings != list.cleanings {
            (*next, *cleanings) = (0, list.cleanings);
        }
        loop {
            let space = list.spaces.get(*next)?;
            *next += 1;
            if let Some(space) = space.upgrade() {
                return Some(space);
            }
        }
    }
}

impl Default for Mappings {
    fn default() -> Self {
        Mappings::new()
    }
}

impl AddressSpace {
    fn unmap_object_pages(&self, object: &dyn MemoryObject, first: u64, behind: u64, copies: bool) {
        let mut inner = self.inner.lock();
        inner.note_resident();
        let inner = &mut *inner;
        for area in inner.areas.as_slice() {
            let Source::Object {
                mapped,
                first: start,
            } = &area.source
            else {
                continue;
            };
            let same = core::ptr::addr_eq(Arc::as_ptr(&mapped.object), object);
            let shared = area.flags.contains(AreaFlags::SHARED);
            if !same || !(shared || copies) {
                continue;
            }
            let pages = area.length() / PAGE_SIZE;
            let from = first.saturating_sub(*start).min(pages);
            let to = behind.saturating_sub(*start).min(pages);
            if from < to {
                inner
                    .table
                    .unmap_range(area.start + from * PAGE_SIZE, area.start + to * PAGE_SIZE);
            }
        }
    }
}
