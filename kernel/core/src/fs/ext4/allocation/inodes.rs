//! Taking and freeing inodes.

use super::super::instance::Instance;
use super::super::update::Update;
use super::bitmap;
use super::groups::Counts;
use crate::{Errno, Result};
use core::sync::atomic::Ordering::Relaxed;

impl Instance {
    /// Takes an inode, in the group of `near` if there is one free: changes two blocks.
    ///
    /// # Errors
    /// `ENOSPC`; `EUCLEAN` for a group that says it has free inodes and has none; what reading and changing blocks says.
    pub fn take_inode(&self, update: &Update, near: u32, is_directory: bool) -> Result<u32> {
        let geometry = &self.geometry;
        let first = near.saturating_sub(1) / geometry.inodes_per_group;
        for step in 0..geometry.groups {
            let number = ((u64::from(first) + u64::from(step)) % u64::from(geometry.groups)) as u32;
            let group = self.groups.get(number)?;
            if group.free_inodes.load(Relaxed) == 0 {
                continue;
            }
            let base = number * geometry.inodes_per_group;
            // Inode 1 has bit 0.
            let from = (geometry.first_inode - 1).saturating_sub(base);
            let block = self.journal.block(group.inode_bitmap)?;
            let counts = Counts::of(&self.journal, geometry, number)?;
            let changing = group.withheld.lock();
            let end = geometry.inodes_per_group;
            let Some(index) = block.read(|bytes| bitmap::next_clear(bytes, from, end)) else {
                continue;
            };
            update.modify(&block, |bytes| bitmap::fill(bytes, index, 1, true))?;
            group.free_inodes.fetch_sub(1, Relaxed);
            self.groups.free_inodes.fetch_sub(1, Relaxed);
            drop(changing);
            counts.add(update, 0, -1, i32::from(is_directory))?;
            return Ok(base + index + 1);
        }
        Err(Errno::ENOSPC)
    }

    /// Frees an inode: changes two blocks.
    ///
    /// # Errors
    /// `EUCLEAN` if it is free; what reading and changing blocks says.
    pub fn free_inode(&self, update: &Update, inode: u32, was_directory: bool) -> Result<()> {
        let geometry = &self.geometry;
        if inode < geometry.first_inode || inode > geometry.inodes {
            return Err(Errno::EUCLEAN);
        }
        let number = (inode - 1) / geometry.inodes_per_group;
        let index = (inode - 1) % geometry.inodes_per_group;
        let group = self.groups.get(number)?;
        let block = self.journal.block(group.inode_bitmap)?;
        let counts = Counts::of(&self.journal, geometry, number)?;
        let changing = group.withheld.lock();
        let was_taken = update.modify(&block, |bytes| {
            let taken = bitmap::all_are(bytes, index, 1, true);
            bitmap::fill(bytes, index, 1, false);
            taken
        })?;
        if !was_taken {
            return Err(Errno::EUCLEAN);
        }
        group.free_inodes.fetch_add(1, Relaxed);
        self.groups.free_inodes.fetch_add(1, Relaxed);
        drop(changing);
        counts.add(update, 0, 1, -i32::from(was_directory))
    }
}
