//! Descriptor tables: from small numbers to open files.

use super::file::File;
use super::record_lock::LockOwner;
use crate::heap::MakeRoom;
use crate::task::Thread;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::sync::SpinLock;

/// Most descriptors that any table has, whatever the limit says (Linux's fs.nr_open).
pub const DESCRIPTOR_LIMIT: u64 = 1_048_576;

const WORD: usize = u64::BITS as usize;

/// What the table's lock guards.
#[derive(Default)]
struct Slots {
    files: Vec<Option<Arc<File>>>,
    /// A bit for each descriptor in use (reserved ones too).
    used: Vec<u64>,
    /// A bit for each descriptor that closes at exec.
    close_on_exec: Vec<u64>,
    /// No descriptor below this one is free.
    lowest_free: usize,
}

/// The descriptors of a process (shared with `CLONE_FILES`). Its lock is a leaf: files are dropped outside it.
#[derive(Default)]
pub struct FdTable {
    slots: SpinLock<Slots>,
}

/// Ends a descriptor's hold on its file: POSIX locks of the caller's process go (fcntl(2)), the file is told.
fn release(file: &File) {
    if let Some(inode) = file.inode()
        && inode.locks.are_used()
        && let Some(current) = hal::task::try_current::<Thread>()
    {
        inode
            .locks
            .release_owner(LockOwner::Process(current.process().host_pid()));
    }
    file.operations().flush(file);
}

fn index(fd: i32) -> Result<usize> {
    usize::try_from(fd).map_err(|_| Errno::EBADF)
}

impl Slots {
    fn grow_to(&mut self, count: usize) -> Result<()> {
        if count <= self.files.len() {
            return Ok(());
        }
        let count = count.next_multiple_of(WORD).max(self.files.len() * 2);
        self.files.make_room_exact(count - self.files.len())?;
        let words = count / WORD;
        self.used.make_room_exact(words - self.used.len())?;
        self.close_on_exec
            .make_room_exact(words - self.close_on_exec.len())?;
        self.files.resize_with(count, || None);
        self.used.resize(words, 0);
        self.close_on_exec.resize(words, 0);
        Ok(())
    }

    /// The lowest free descriptor from `minimum` on, below `limit`; the table has grown to hold it.
    fn find_free(&mut self, minimum: usize, limit: u64) -> Result<usize> {
        let start = minimum.max(self.lowest_free);
        let mut word = start / WORD;
        let mut mask = u64::MAX << (start % WORD);
        let free = loop {
            let Some(&used) = self.used.get(word) else {
                break start.max(word * WORD);
            };
            let free = !used & mask;
            if free != 0 {
                break word * WORD + free.trailing_zeros() as usize;
            }
            word += 1;
            mask = u64::MAX;
        };
        if free as u64 >= limit.min(DESCRIPTOR_LIMIT) {
            return Err(Errno::EMFILE);
        }
        self.grow_to(free + 1)?;
        Ok(free)
    }

    fn occupy(&mut self, fd: usize, file: Arc<File>, close_on_exec: bool) -> Option<Arc<File>> {
        let bit = 1 << (fd % WORD);
        if let Some(word) = self.used.get_mut(fd / WORD) {
            *word |= bit;
        }
        if let Some(word) = self.close_on_exec.get_mut(fd / WORD) {
            *word = if close_on_exec {
                *word | bit
            } else {
                *word & !bit
            };
        }
        if fd == self.lowest_free {
            self.lowest_free = fd + 1;
        }
        self.files.get_mut(fd)?.replace(file)
    }

    fn vacate(&mut self, fd: usize) -> Option<Arc<File>> {
        let file = self.files.get_mut(fd)?.take()?;
        let bit = 1 << (fd % WORD);
        if let Some(word) = self.used.get_mut(fd / WORD) {
            *word &= !bit;
        }
        self.lowest_free = self.lowest_free.min(fd);
        Some(file)
    }

    fn closes_on_exec(&self, fd: usize) -> bool {
        self.close_on_exec
            .get(fd / WORD)
            .is_some_and(|word| word & (1 << (fd % WORD)) != 0)
    }
}

impl FdTable {
    /// A table without descriptors.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A copy with the same open files, for a clone without `CLONE_FILES`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn duplicate(&self) -> Result<Arc<Self>> {
        let mut copy = Slots::default();
        loop {
            let wanted = self.slots.lock().highest().map_or(0, |highest| highest + 1);
            copy.grow_to(wanted)?;
            let slots = self.slots.lock();
            let Some(length) = slots.highest().map(|highest| highest + 1) else {
                break;
            };
            if length > copy.files.len() {
                continue;
            }
            for (place, file) in copy.files.iter_mut().zip(slots.files.iter()) {
                place.clone_from(file);
            }
            for (place, word) in copy.used.iter_mut().zip(&slots.used) {
                *place = *word;
            }
            for (place, word) in copy.close_on_exec.iter_mut().zip(&slots.close_on_exec) {
                *place = *word;
            }
            copy.lowest_free = slots.lowest_free;
            break;
        }
        Ok(Arc::new(Self {
            slots: SpinLock::new(copy),
        }))
    }

    /// The open file of a descriptor.
    ///
    /// # Errors
    /// `EBADF`.
    #[inline]
    pub fn get(&self, fd: i32) -> Result<Arc<File>> {
        let slots = self.slots.lock();
        match slots.files.get(fd as u32 as usize) {
            Some(Some(file)) => Ok(file.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    /// Gives a file the lowest free descriptor from `minimum` on; `limit` is the process's `RLIMIT_NOFILE`.
    ///
    /// # Errors
    /// `EMFILE`, `ENOMEM`; `EINVAL` if `minimum` is not below the limit.
    pub fn install(
        &self,
        file: Arc<File>,
        close_on_exec: bool,
        minimum: u32,
        limit: u64,
    ) -> Result<i32> {
        if minimum != 0 && u64::from(minimum) >= limit {
            return Err(Errno::EINVAL);
        }
        let mut slots = self.slots.lock();
        let fd = slots.find_free(minimum as usize, limit)?;
        // The slot was free: nothing is displaced.
        let _none = slots.occupy(fd, file, close_on_exec);
        Ok(fd as i32)
    }

    /// Gives two files descriptors, or neither (pipe2, socketpair).
    ///
    /// # Errors
    /// As [`Self::install`].
    pub fn install_pair(
        &self,
        first: Arc<File>,
        second: Arc<File>,
        close_on_exec: bool,
        limit: u64,
    ) -> Result<(i32, i32)> {
        let one = self.install(first, close_on_exec, 0, limit)?;
        match self.install(second, close_on_exec, 0, limit) {
            Ok(two) => Ok((one, two)),
            Err(error) => {
                // A thread that shares the table may have closed it already.
                let _ = self.close(one);
                Err(error)
            }
        }
    }

    /// Gives a file the descriptor `fd`, closing what had it (dup2).
    ///
    /// # Errors
    /// `EBADF` if `fd` is not below the limit; `ENOMEM`.
    pub fn install_at(
        &self,
        fd: i32,
        file: Arc<File>,
        close_on_exec: bool,
        limit: u64,
    ) -> Result<()> {
        let fd = index(fd)?;
        if fd as u64 >= limit.min(DESCRIPTOR_LIMIT) {
            return Err(Errno::EBADF);
        }
        let mut slots = self.slots.lock();
        slots.grow_to(fd + 1)?;
        let displaced = slots.occupy(fd, file, close_on_exec);
        drop(slots);
        if let Some(displaced) = displaced {
            release(&displaced);
        }
        Ok(())
    }

    /// Closes a descriptor.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn close(&self, fd: i32) -> Result<()> {
        let fd = index(fd)?;
        let file = self.slots.lock().vacate(fd).ok_or(Errno::EBADF)?;
        release(&file);
        Ok(())
    }

    /// Whether a descriptor closes at exec.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn closes_on_exec(&self, fd: i32) -> Result<bool> {
        let fd = index(fd)?;
        let slots = self.slots.lock();
        slots
            .files
            .get(fd)
            .and_then(Option::as_ref)
            .ok_or(Errno::EBADF)?;
        Ok(slots.closes_on_exec(fd))
    }

    /// Sets whether a descriptor closes at exec.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn set_close_on_exec(&self, fd: i32, close: bool) -> Result<()> {
        let fd = index(fd)?;
        let mut slots = self.slots.lock();
        slots
            .files
            .get(fd)
            .and_then(Option::as_ref)
            .ok_or(Errno::EBADF)?;
        let bit = 1 << (fd % WORD);
        if let Some(word) = slots.close_on_exec.get_mut(fd / WORD) {
            *word = if close { *word | bit } else { *word & !bit };
        }
        Ok(())
    }

    /// The first descriptor in use from `first` on, with its file.
    pub fn next(&self, first: u32) -> Option<(i32, Arc<File>)> {
        let slots = self.slots.lock();
        let mut word = first as usize / WORD;
        let mut mask = u64::MAX << (first as usize % WORD);
        while let Some(&used) = slots.used.get(word) {
            let used = used & mask;
            if used != 0 {
                let fd = word * WORD + used.trailing_zeros() as usize;
                return Some((fd as i32, slots.files.get(fd)?.clone()?));
            }
            word += 1;
            mask = u64::MAX;
        }
        None
    }

    /// Closes every descriptor for which `condition` says yes.
    pub fn close_where(&self, mut condition: impl FnMut(i32, &Arc<File>) -> bool) {
        let mut first = 0;
        while let Some((fd, file)) = self.next(first) {
            first = fd as u32 + 1;
            if condition(fd, &file) {
                // A thread that shares the table may have closed it in between.
                let _ = self.close(fd);
            }
        }
    }

    /// Closes every descriptor that closes at exec.
    pub fn close_on_exec(&self) {
        let mut word = 0;
        loop {
            let mut slots = self.slots.lock();
            let (Some(&used), Some(&marked)) =
                (slots.used.get(word), slots.close_on_exec.get(word))
            else {
                return;
            };
            let bits = used & marked;
            if bits == 0 {
                word += 1;
                continue;
            }
            let file = slots.vacate(word * WORD + bits.trailing_zeros() as usize);
            drop(slots);
            if let Some(file) = file {
                release(&file);
            }
        }
    }

    /// Number of open descriptors.
    pub fn len(&self) -> usize {
        self.slots
            .lock()
            .used
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether no descriptor is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of descriptors that the table has room for (`FDSize` in /proc/N/status).
    pub fn capacity(&self) -> usize {
        self.slots.lock().files.len()
    }
}

impl Slots {
    fn highest(&self) -> Option<usize> {
        let (word, used) = self
            .used
            .iter()
            .enumerate()
            .rev()
            .find(|(_, used)| **used != 0)?;
        Some(word * WORD + (WORD - 1 - used.leading_zeros() as usize))
    }
}

impl Drop for FdTable {
    fn drop(&mut self) {
        for file in self
            .slots
            .get_mut()
            .files
            .iter_mut()
            .filter_map(Option::take)
        {
            release(&file);
        }
    }
}
