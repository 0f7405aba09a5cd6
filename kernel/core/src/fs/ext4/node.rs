//! What is in memory of an inode in use, besides what the rest of the kernel sees: its locks, the blocks that its pages
//! have been promised, and whether it has to be written.

use super::directory::NameIndex;
use super::extents::{Mapping, Tree};
use super::instance::Instance;
use crate::sched::Mutex;
use crate::vfs::inode::Inode;
use crate::vfs::page_cache::dirty::DirtySet;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::{Errno, Result};
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::AcqRel, Ordering::Relaxed};
use hal::sync::{Once, SpinLock};

/// An inode in use. The inode has it, and so have the pages of its content: the last of both lets go of what was deleted.
pub struct Node {
    pub instance: Arc<Instance>,
    pub number: u32,
    /// Held while content is written to blocks that it has, and while blocks are taken from it.
    pub layout: Mutex<()>,
    /// Held while the extent tree is used; inside a handle of the journal.
    pub extents: Mutex<()>,
    /// Where the names of a directory are. The blocks of the directory may be read with this held.
    pub names: Mutex<NameIndex>,
    /// Held while extended attributes are read or changed; outside a handle of the journal.
    pub attributes: Mutex<()>,
    /// Pages that have been promised blocks.
    promised: SpinLock<DirtySet>,
    /// The block behind the last one that was written.
    pub goal: AtomicU64,
    is_dirty: AtomicBool,
    inode: Once<Weak<Inode>>,
    pages: Once<Weak<PageCache>>,
    /// It has no name any more: its blocks and itself are to be freed when nobody uses it.
    pub is_deleted: AtomicBool,
}

impl Node {
    /// An inode that nobody uses yet.
    pub fn new(instance: &Arc<Instance>, number: u32) -> Arc<Self> {
        Arc::new(Self {
            instance: instance.clone(),
            number,
            layout: Mutex::new(()),
            extents: Mutex::new(()),
            names: Mutex::new(NameIndex::default()),
            attributes: Mutex::new(()),
            promised: SpinLock::new(DirtySet::new()),
            goal: AtomicU64::new(0),
            is_dirty: AtomicBool::new(false),
            inode: Once::new(),
            pages: Once::new(),
            is_deleted: AtomicBool::new(false),
        })
    }

    /// Makes known whose it is.
    pub fn belongs_to(&self, inode: &Arc<Inode>) {
        self.inode.call_once(|| Arc::downgrade(inode));
        if let Some(pages) = inode.page_cache() {
            self.pages.call_once(|| Arc::downgrade(pages));
        }
    }

    /// The inode, unless it is about to go.
    pub fn inode(&self) -> Option<Arc<Inode>> {
        self.inode.get().and_then(Weak::upgrade)
    }

    /// The size of its content as programs see it.
    pub fn size(&self) -> Option<u64> {
        Some(self.pages.get()?.upgrade()?.size())
    }

    /// Notes that it is to be written; whether it wasn't already.
    pub fn set_dirty(&self) -> bool {
        !self.is_dirty.load(Relaxed) && !self.is_dirty.swap(true, AcqRel)
    }

    /// Notes that it is being written; whether it has to be.
    pub fn take_dirty(&self) -> bool {
        self.is_dirty.swap(false, AcqRel)
    }

    /// Where a block of its content is.
    ///
    /// # Errors
    /// `EUCLEAN`, which ends all writing; `EIO`, `ENOMEM`.
    pub fn find(&self, block: u32) -> Result<Mapping> {
        let _extents = self.extents.lock();
        Tree::of(&self.instance, self.number)
            .find(block)
            .map_err(|error| self.judge(error, "the extent tree"))
    }

    /// Tells the instance of an error that a part of this inode gave.
    pub fn judge(&self, error: Errno, what: &str) -> Errno {
        self.instance
            .judge(error, format_args!("{what} of inode {}", self.number))
    }

    /// Promises a page blocks, `count` of them, unless it has been before.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub fn promise(&self, page: u64, count: u64) -> Result<()> {
        if self.promised.lock().contains(page) {
            return Ok(());
        }
        self.instance.reserve(count)?;
        if !self.promised.lock().add(page) {
            self.instance.unreserve(count);
        }
        Ok(())
    }

    /// Units of 512 bytes that its pages have been promised.
    pub fn promised_sectors(&self) -> u64 {
        self.promised.lock().count() * (PAGE_SIZE as u64 / 512)
    }

    /// Takes back what pages from `first` to before `end` were promised: they have their blocks, or are gone.
    pub fn keep_promises(&self, first: u64, end: u64) {
        let blocks = self.instance.blocks_per_page();
        loop {
            let taken = self.promised.lock().take_first(first, end);
            if taken.is_none() {
                return;
            }
            self.instance.unreserve(blocks);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.keep_promises(0, u64::MAX);
        if self.is_deleted.load(Relaxed) {
            self.instance.orphans.let_go(self.number);
        }
    }
}
