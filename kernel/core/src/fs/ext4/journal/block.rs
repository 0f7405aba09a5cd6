//! A block of metadata in memory.

use super::TransactionId;
use super::medium::{Medium, Slot};
use crate::Result;
use crate::heap::MakeRoom;
use crate::sched::Mutex;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use hal::frame;
use hal::sync::RwSpinLock;

/// A block of metadata: what all see who read it from here. Whoever has a share keeps it in memory.
pub struct MetadataBlock {
    number: u64,
    /// Whether the content is there.
    loaded: AtomicBool,
    /// Held while it is read from the volume.
    loading: Mutex<()>,
    content: RwSpinLock<Content>,
    /// It was used since memory was last short.
    used: AtomicBool,
}

pub(super) struct Content {
    pub bytes: Box<[u8]>,
    /// The transaction that changed it last.
    pub transaction: TransactionId,
}

impl MetadataBlock {
    /// One without content.
    pub(super) fn new(number: u64, size: usize) -> Result<Arc<Self>> {
        frame::headroom()?;
        let mut bytes = Vec::new();
        bytes.make_room_exact(size)?;
        bytes.resize(size, 0);
        Ok(Arc::new(Self {
            number,
            loaded: AtomicBool::new(false),
            loading: Mutex::new(()),
            content: RwSpinLock::new(Content {
                bytes: bytes.into_boxed_slice(),
                transaction: TransactionId::NONE,
            }),
            used: AtomicBool::new(true),
        }))
    }

    /// Where it is on the volume.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Looks at the bytes. `look` runs with a spin lock held: it doesn't sleep, touches no user memory and uses no other
    /// block.
    pub fn read<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        look(&self.content.read().bytes)
    }

    /// The content, to be changed or copied.
    pub(super) fn content(&self) -> &RwSpinLock<Content> {
        &self.content
    }

    /// Reads the content from the volume unless it is there.
    ///
    /// # Errors
    /// `EUCLEAN` for a block beyond the volume; `EIO`, `ENOMEM`.
    pub(super) fn load(&self, medium: &Medium) -> Result<()> {
        self.used.store(true, Relaxed);
        if self.loaded.load(Acquire) {
            return Ok(());
        }
        let _loading = self.loading.lock();
        if self.loaded.load(Relaxed) {
            return Ok(());
        }
        let slots = medium.slots(1)?;
        medium.read(slots.iter().map(|slot| (self.number, slot)))?;
        for slot in &slots {
            slot.read(&mut self.content.write().bytes);
        }
        self.loaded.store(true, Release);
        Ok(())
    }

    /// Makes the content zeros.
    pub(super) fn clear(&self) {
        self.used.store(true, Relaxed);
        let _loading = self.loading.lock();
        self.content.write().bytes.fill(0);
        self.loaded.store(true, Release);
    }

    /// Whether it was used since this was last asked.
    pub(super) fn take_used(&self) -> bool {
        self.used.swap(false, Relaxed)
    }

    /// Puts the content into a slot.
    pub(super) fn copy_to(&self, slot: &Slot) {
        slot.write(&self.content.read().bytes);
    }
}

impl core::fmt::Debug for MetadataBlock {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "block {}", self.number)
    }
}
