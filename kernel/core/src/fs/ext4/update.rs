//! A change of metadata: a handle of the journal that knows whether something has been changed by it.

use super::journal::{Handle, MetadataBlock, TransactionId};
use crate::Result;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A change that gets to the medium as a whole or not at all.
pub struct Update<'a> {
    handle: Handle<'a>,
    has_changed: AtomicBool,
}

impl<'a> Update<'a> {
    pub(super) fn new(handle: Handle<'a>) -> Self {
        Self {
            handle,
            has_changed: AtomicBool::new(false),
        }
    }

    /// Whether a block has been changed: the change can't be given up any more.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed.load(Relaxed)
    }

    /// Changes a block. `change` runs with a spin lock held.
    ///
    /// # Errors
    /// `EROFS` if the journal has given up; `ENOMEM`.
    pub fn modify<R>(
        &self,
        block: &Arc<MetadataBlock>,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R> {
        let result = self.handle.modify(block, change)?;
        self.has_changed.store(true, Relaxed);
        Ok(result)
    }

    /// Notes that a block holds no metadata any more.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn forget(&self, number: u64) -> Result<()> {
        self.handle.forget(number)
    }

    /// The transaction that this is a part of.
    pub fn transaction(&self) -> TransactionId {
        self.handle.transaction()
    }
}
