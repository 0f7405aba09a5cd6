//! Inodes of an overlay: each shows a file of the upper layer, a file of a lower one until it is copied up, or
//! directories of several layers as one.
//!
//! Attributes are copies of the file's that is shown, so that permission checks and walks find them where those of
//! every file system are; they are renewed whenever the overlay changes them, and before they are reported.

use super::content::OverlayFile;
use super::layers::Layers;
use super::listing::OverlayDirectory;
use super::marks::{Entry, Opacity};
use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::task::Credentials;
use crate::vfs::attributes::Attributes;
use crate::vfs::extended::Existing;
use crate::vfs::file_operations::FileOperations;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{
    AttributeChange, Inode, InodeOperations, LinkTarget, NamePolicy, NewInode, Renaming,
};
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::{Name, boxed};
use crate::vfs::page_cache::PageCache;
use crate::vfs::permission::{self, READ, WRITE};
use crate::vfs::super_block::SuperBlock;
use crate::vfs::{change, special, stored_file};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hal::sync::Once;

/// Where a file is that is in no upper layer yet. It keeps that place for as long: directories that are not in the
/// upper layer alone can't be moved, and a file is copied up before it is moved or gets another name.
pub(super) struct Place {
    pub parent: Arc<Inode>,
    pub name: Name,
}

/// What an inode of an overlay shows.
pub struct OverlayInode {
    pub(super) layers: Arc<Layers>,
    /// The file or directory in the upper layer; set at most once.
    pub(super) upper: Once<Location>,
    /// The file in a lower layer, or the directories that show below the upper one, the uppermost first.
    pub(super) lowers: Vec<Location>,
    /// Where it is to be copied up to.
    pub(super) place: Option<Place>,
    /// Held while it is copied up and while its last name goes.
    pub(super) copying: Mutex<()>,
    /// Its name went: copied up, it gets none.
    pub(super) removed: AtomicBool,
}

impl OverlayInode {
    /// What an inode of an overlay shows.
    ///
    /// # Errors
    /// `EIO` for an inode of another file system.
    pub fn of(inode: &Inode) -> Result<&Self> {
        inode.operations().as_any().downcast_ref().ok_or(Errno::EIO)
    }

    /// An inode that shows files of the layers; at least one of `upper` and `lowers` is there.
    pub(super) fn make(
        layers: &Arc<Layers>,
        super_block: &Arc<SuperBlock>,
        upper: Option<Location>,
        lowers: Vec<Location>,
        place: Option<Place>,
    ) -> Result<Arc<Inode>> {
        hal::frame::headroom()?;
        let shown = upper.as_ref().or(lowers.first()).ok_or(Errno::EIO)?.clone();
        let real = shown.inode();
        real.operations().refresh(real)?;
        let own = Self {
            layers: layers.clone(),
            upper: upper.map_or_else(Once::new, Once::initialized),
            lowers,
            place,
            copying: Mutex::new(()),
            removed: AtomicBool::new(false),
        };
        let number = layers.number(real.super_block(), real.number());
        let attributes = Attributes::new(real.kind(), 0, 0, 0);
        let mut inode =
            Inode::new(super_block, number, attributes, Box::new(own)).with_device(real.device());
        if let Some(target) = real.target() {
            inode = inode.with_target(boxed(target)?);
        }
        Self::of(&inode)?.copy_attributes(&inode);
        Ok(Arc::new(inode))
    }

    /// Where it is in the upper layer.
    pub fn upper(&self) -> Option<&Location> {
        self.upper.get()
    }

    /// The file or the uppermost directory that it shows.
    ///
    /// # Errors
    /// Never but for a mistake here: `EIO`.
    pub(super) fn shown(&self) -> Result<&Location> {
        self.upper().or(self.lowers.first()).ok_or(Errno::EIO)
    }

    fn real(&self) -> Result<&Arc<Inode>> {
        self.shown().map(Location::inode)
    }

    /// Whether it is a directory of the upper layer alone, which can be moved like any other.
    pub(super) fn is_upper_alone(&self) -> bool {
        self.upper().is_some() && self.lowers.is_empty()
    }

    /// The directories that it shows, the uppermost first.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Location> {
        self.upper().into_iter().chain(&self.lowers)
    }

    /// Copies the attributes of what it shows to its own inode.
    pub(super) fn copy_attributes(&self, inode: &Inode) {
        let Ok(real) = self.real() else { return };
        let (own, shown) = (&inode.attributes, &real.attributes);
        own.set_permissions(shown.permissions());
        own.set_ownership(shown.owner(), shown.group());
        own.set_size(shown.size());
        own.set_accessed(shown.accessed());
        own.set_modified(shown.modified());
        own.set_changed(shown.changed());
        own.set_links(if inode.is_directory() && self.parts().nth(1).is_some() {
            // Counting the directories in all layers would take reading them; 1 tells programs not to rely on it.
            1
        } else if self.upper().is_none() && self.removed.load(Relaxed) {
            shown.links().saturating_sub(1)
        } else {
            shown.links()
        });
    }

    /// Whether a lower layer shows something of this name in this directory.
    pub(super) fn is_below(&self, name: &Name) -> Result<bool> {
        for directory in &self.lowers {
            let opacity = self.layers.marks.opacity(directory.inode())?;
            match self.layers.marks.entry(directory, opacity, name)? {
                Entry::Missing => {}
                Entry::Whiteout => return Ok(false),
                Entry::Directory(_) | Entry::File(_) => return Ok(true),
            }
        }
        Ok(false)
    }

    fn look_up(&self, directory: &Arc<Inode>, name: &Name) -> Result<Arc<Inode>> {
        let layers = &self.layers;
        let mut upper = None;
        let mut lowers = Vec::new();
        // The directory may be copied up meanwhile: which of its parts is the upper one is asked once.
        let upper_part = self.upper().map(|part| (part, true));
        let lower_parts = self.lowers.iter().map(|part| (part, false));
        for (part, is_upper) in upper_part.into_iter().chain(lower_parts) {
            layers.check(part.inode(), permission::EXECUTE)?;
            let opacity = layers.marks.opacity(part.inode())?;
            let (found, goes_on) = match layers.marks.entry(part, opacity, name)? {
                Entry::Missing => continue,
                Entry::Whiteout => break,
                // A file hides what is below; below a directory it shows nothing.
                Entry::File(_) if upper.is_some() || !lowers.is_empty() => break,
                Entry::File(found) => (found, false),
                Entry::Directory(found) => {
                    let opacity = layers.marks.opacity(found.inode())?;
                    (found, opacity != Opacity::Opaque)
                }
            };
            if is_upper {
                upper = Some(found);
            } else {
                lowers.make_room(1)?;
                lowers.push(found);
            }
            if !goes_on {
                break;
            }
        }
        let linked = upper
            .as_ref()
            .map(Location::inode)
            .filter(|inode| !inode.is_directory() && inode.attributes.links() > 1)
            .cloned();
        if let Some(inode) = linked.as_ref().and_then(|linked| layers.linked(linked)) {
            return Ok(inode);
        }
        if upper.is_none() && lowers.is_empty() {
            return Err(Errno::ENOENT);
        }
        let place = upper.is_none().then(|| Place {
            parent: directory.clone(),
            name: name.clone(),
        });
        let inode = Self::make(layers, directory.super_block(), upper, lowers, place)?;
        if let Some(linked) = linked {
            layers.remember_linked(&linked, &inode)?;
        }
        Ok(inode)
    }
}

impl Drop for OverlayInode {
    fn drop(&mut self) {
        if let Some(upper) = self.upper.get() {
            self.layers.forget_linked(upper.inode());
        }
    }
}

impl InodeOperations for OverlayInode {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Cached
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        self.look_up(directory, &Name::from_slice(name))
    }

    fn create(
        &self,
        directory: &Arc<Inode>,
        name: &[u8],
        new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        self.create_in_upper(directory, &Name::from_slice(name), new)
    }

    fn link(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        self.link_in_upper(directory, &Name::from_slice(name), inode)
    }

    fn unlink(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        self.remove_name(directory, &Name::from_slice(name), inode)
    }

    fn rename(&self, renaming: &Renaming<'_>) -> Result<()> {
        self.move_name(renaming)
    }

    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        let real = self.real()?;
        real.operations().follow_link(real)
    }

    fn open(
        &self,
        inode: &Arc<Inode>,
        location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        match inode.kind() {
            FileKind::Regular => {
                if flags.can_write() {
                    self.copy_up(inode)?;
                }
                Ok(Box::new(OverlayFile))
            }
            FileKind::Directory => Ok(Box::new(OverlayDirectory::new())),
            _ => special::open(inode, location, flags),
        }
    }

    fn check_access(&self, inode: &Inode, _credentials: &Credentials, mask: u32) -> Result<()> {
        let real = self.real()?;
        let mut mask = mask;
        // What isn't in the upper layer is read to be copied, not written.
        if self.upper().is_none() && permission::writes_to_file_system(inode.kind()) {
            if mask & WRITE != 0 {
                mask |= READ;
            }
            mask &= !WRITE;
        }
        self.layers.check(real, mask)
    }

    fn truncate(&self, inode: &Arc<Inode>, size: u64) -> Result<()> {
        let upper = self.copy_up_to(inode, size)?;
        change::truncate(upper.inode(), size)?;
        self.copy_attributes(inode);
        Ok(())
    }

    /// Only the upper layer is written to. With the option `volatile` nothing is promised.
    fn sync(&self, _inode: &Arc<Inode>, data_only: bool) -> Result<()> {
        match self.upper() {
            Some(upper) if !self.layers.is_volatile => {
                let upper = upper.inode();
                match upper.page_cache() {
                    Some(pages) => stored_file::sync(upper, pages, data_only, &pages.seen()),
                    None => upper.operations().sync(upper, data_only),
                }
            }
            _ => Ok(()),
        }
    }

    fn set_attributes(&self, inode: &Arc<Inode>, change: &AttributeChange) -> Result<()> {
        let upper = self.copy_up(inode)?.inode();
        upper.operations().set_attributes(upper, change)?;
        self.copy_attributes(inode);
        Ok(())
    }

    fn refresh(&self, inode: &Inode) -> Result<()> {
        let real = self.real()?;
        real.operations().refresh(real)?;
        self.copy_attributes(inode);
        Ok(())
    }

    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        self.real().ok()?.page_cache()
    }

    fn content(&self) -> Option<&Arc<Inode>> {
        self.real().ok().map(|real| real.content())
    }

    fn get_extended(&self, _inode: &Inode, name: &[u8]) -> Result<Vec<u8>> {
        let real = self.real()?;
        let get = |name: &[u8]| real.operations().get_extended(real, name);
        self.layers.marks.with_name_below(name, get)
    }

    fn set_extended(
        &self,
        inode: &Arc<Inode>,
        name: &[u8],
        value: &[u8],
        existing: Existing,
    ) -> Result<()> {
        self.layers.marks.with_name_below(name, |name| {
            let upper = self.copy_up(inode)?.inode();
            upper
                .operations()
                .set_extended(upper, name, value, existing)
        })
    }

    fn remove_extended(&self, inode: &Arc<Inode>, name: &[u8]) -> Result<()> {
        self.layers.marks.with_name_below(name, |name| {
            let real = self.real()?;
            // What isn't there isn't worth a copy.
            real.operations().get_extended(real, name)?;
            let upper = self.copy_up(inode)?.inode();
            upper.operations().remove_extended(upper, name)
        })
    }

    fn list_extended(
        &self,
        _inode: &Inode,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let real = self.real()?;
        let marks = self.layers.marks;
        real.operations()
            .list_extended(real, &mut |name| marks.with_name_above(name, &mut *each))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
