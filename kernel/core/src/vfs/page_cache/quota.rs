//! How many pages a file system in memory may have.

use crate::{Errno, Result};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many pages the files of one file system may have.
#[derive(Debug)]
pub struct PageQuota {
    limit: AtomicU64,
    used: AtomicU64,
}

impl PageQuota {
    /// A quota of `limit` pages; `u64::MAX` is none.
    pub const fn new(limit: u64) -> Self {
        Self {
            limit: AtomicU64::new(limit),
            used: AtomicU64::new(0),
        }
    }

    /// The limit in pages.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Changes the limit.
    ///
    /// # Errors
    /// `EINVAL` if more is in use.
    pub fn set_limit(&self, limit: u64) -> Result<()> {
        if self.used() > limit {
            return Err(Errno::EINVAL);
        }
        self.limit.store(limit, Relaxed);
        Ok(())
    }

    /// Pages in use.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Takes up to `count` pages; returns how many.
    pub(super) fn take_up_to(&self, count: u64) -> u64 {
        let before = self.used.fetch_add(count, Relaxed);
        let granted = self.limit().saturating_sub(before).min(count);
        self.used.fetch_sub(count - granted, Relaxed);
        granted
    }

    pub(super) fn take(&self) -> Result<()> {
        self.take_all(1)
    }

    /// Takes `count` pages.
    ///
    /// # Errors
    /// `ENOSPC` if there are not so many; none is taken then.
    pub(in crate::vfs) fn take_all(&self, count: u64) -> Result<()> {
        let granted = self.take_up_to(count);
        if granted == count {
            return Ok(());
        }
        self.give_back(granted);
        Err(Errno::ENOSPC)
    }

    /// Gives pages back that were taken.
    pub(in crate::vfs) fn give_back(&self, count: u64) {
        self.used.fetch_sub(count, Relaxed);
    }
}
