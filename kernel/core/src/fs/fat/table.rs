//! The file allocation table: which clusters are free, and which follows which.

use super::region;
use crate::block::Volume;
use crate::heap::MakeRoom;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::vfs::transfer::{Destination, Source};
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hadris_fat_raw::{FIRST_DATA_CLUSTER, FatKind, Geometry};
use hal::frame::Frame;

/// The table of a mounted volume.
pub struct Table {
    pages: Arc<PageCache>,
    kind: FatKind,
    /// The last cluster.
    last: u32,
    /// Free clusters as far as they are known; a hint until they were counted.
    free: Option<u32>,
    is_counted: bool,
    /// Where looking for a free cluster begins.
    next: u32,
    /// Whether something was allocated or released since the counts were taken.
    is_changed: bool,
    /// The page that was looked at last: chains are mostly in one.
    page: Option<(u64, Frame)>,
}

impl Table {
    /// The table of a volume, with what its information sector says: free clusters, and where to look for one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(
        volume: &Arc<Volume>,
        geometry: &Geometry,
        (free, next): (Option<u32>, Option<u32>),
    ) -> Result<Self> {
        let mut copies = Vec::new();
        copies.make_room(geometry.fat_count().into())?;
        copies.push(geometry.fat_copy(geometry.active_fat()));
        if geometry.mirrored() {
            copies.extend((1..geometry.fat_count()).map(|copy| geometry.fat_copy(copy)));
        }
        let last = geometry.max_cluster();
        Ok(Self {
            pages: region::pages(volume, copies, geometry.fat_size(), geometry)?,
            kind: geometry.kind(),
            last,
            free: free.filter(|&free| free < last),
            is_counted: false,
            next: next
                .filter(|next| (FIRST_DATA_CLUSTER..=last).contains(next))
                .unwrap_or(FIRST_DATA_CLUSTER),
            is_changed: false,
            page: None,
        })
    }

    /// The pages of the table.
    pub fn pages(&self) -> &Arc<PageCache> {
        &self.pages
    }

    /// Number of clusters.
    pub fn clusters(&self) -> u32 {
        self.last - FIRST_DATA_CLUSTER + 1
    }

    /// Free clusters and where to look for one, if that has changed since it was asked for the last time. Only FAT32 wants
    /// to know.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn take_change(&mut self) -> Result<Option<(u32, u32)>> {
        if self.kind != FatKind::Fat32 || !core::mem::take(&mut self.is_changed) {
            return Ok(None);
        }
        let free = match self.free {
            Some(free) => free,
            None => self.count()?,
        };
        Ok(Some((free, self.next)))
    }

    /// Bytes of an entry, and where they are.
    fn place(&self, cluster: u32) -> (u64, usize) {
        (
            self.kind.entry_offset(cluster.into()),
            self.kind.entry_len(),
        )
    }

    /// The entry of a cluster of the volume.
    fn entry(&mut self, cluster: u32) -> Result<u32> {
        let (position, length) = self.place(cluster);
        let mut bytes = [0; 4];
        let index = position / PAGE_SIZE as u64;
        let offset = (position % PAGE_SIZE as u64) as usize;
        let target = bytes.get_mut(..length).unwrap_or(&mut []);
        if offset + length > PAGE_SIZE {
            // One of FAT12, on the border of two pages.
            self.pages
                .read(&mut Destination::kernel(target), position)?;
        } else {
            let frame = match &self.page {
                Some((known, frame)) if *known == index => frame,
                _ => &self.page.insert((index, self.pages.obtain(index)?)).1,
            };
            frame.read(offset, target);
        }
        Ok(self.kind.decode(cluster.into(), &bytes) & self.kind.mask())
    }

    fn set_entry(&mut self, cluster: u32, value: u32) -> Result<()> {
        let (position, length) = self.place(cluster);
        let mut bytes = [0; 4];
        let target = bytes.get_mut(..length).unwrap_or(&mut []);
        self.pages
            .read(&mut Destination::kernel(target), position)?;
        self.kind.encode(cluster.into(), value, target);
        self.pages.write(&mut Source::kernel(target), position)?;
        self.is_changed = true;
        Ok(())
    }

    fn check(&self, cluster: u32) -> Result<()> {
        if (FIRST_DATA_CLUSTER..=self.last).contains(&cluster) {
            Ok(())
        } else {
            Err(Errno::EUCLEAN)
        }
    }

    /// The cluster that follows; `None` after the last one of a chain.
    ///
    /// # Errors
    /// `EUCLEAN` for a chain that makes no sense; `EIO`, `ENOMEM`.
    pub fn following(&mut self, cluster: u32) -> Result<Option<u32>> {
        self.check(cluster)?;
        let entry = self.entry(cluster)?;
        self.kind.next(entry, self.last).map_err(|_| Errno::EUCLEAN)
    }

    /// Takes a free cluster and appends it to the chain that ends with `after`, or makes it one of its own.
    ///
    /// # Errors
    /// `ENOSPC`; `EIO`, `ENOMEM`.
    pub fn allocate(&mut self, after: Option<u32>) -> Result<u32> {
        if self.is_counted && self.free == Some(0) {
            return Err(Errno::ENOSPC);
        }
        let count = self.clusters();
        // Next to the one before, so that files are read in one piece.
        let first = after.map_or(self.next, |after| after + 1);
        let first = if first > self.last {
            FIRST_DATA_CLUSTER
        } else {
            first
        };
        let mut found = None;
        for step in 0..count {
            let cluster = FIRST_DATA_CLUSTER + (first - FIRST_DATA_CLUSTER + step) % count;
            if self.entry(cluster)? == 0 {
                found = Some(cluster);
                break;
            }
        }
        let Some(cluster) = found else {
            (self.free, self.is_counted) = (Some(0), true);
            return Err(Errno::ENOSPC);
        };
        self.set_entry(cluster, self.kind.mask())?;
        if let Some(after) = after
            && let Err(error) = self.set_entry(after, cluster)
        {
            let _ = self.set_entry(cluster, 0);
            return Err(error);
        }
        self.free = self.free.map(|free| free.saturating_sub(1));
        self.next = cluster;
        Ok(cluster)
    }

    /// Makes a cluster the last one of its chain.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn end_with(&mut self, cluster: u32) -> Result<()> {
        self.check(cluster)?;
        self.set_entry(cluster, self.kind.mask())
    }

    /// Frees the clusters of a chain from `first` on.
    ///
    /// # Errors
    /// `EUCLEAN` for a chain that makes no sense, after what comes before was freed; `EIO`, `ENOMEM`.
    pub fn release(&mut self, first: u32) -> Result<()> {
        let mut next = Some(first);
        while let Some(cluster) = next {
            // In a chain that bites its tail, one that is free already comes.
            next = self.following(cluster)?;
            self.set_entry(cluster, 0)?;
            self.free = self.free.map(|free| (free + 1).min(self.clusters()));
        }
        Ok(())
    }

    /// Number of free clusters, counted the first time.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn count(&mut self) -> Result<u32> {
        if let Some(free) = self.free
            && self.is_counted
        {
            return Ok(free);
        }
        let mut free = 0;
        for cluster in FIRST_DATA_CLUSTER..=self.last {
            free += u32::from(self.entry(cluster)? == 0);
        }
        (self.free, self.is_counted) = (Some(free), true);
        Ok(free)
    }
}
