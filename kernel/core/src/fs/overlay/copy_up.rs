//! Copying up: a file or directory of a lower layer gets its like in the upper one, before its first change.

use super::inode::OverlayInode;
use super::upper::keep_times;
use crate::heap::MakeRoom;
use crate::vfs::extended::Existing;
use crate::vfs::inode::{AttributeChange, Inode, NewInode};
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::boxed;
use crate::vfs::stored_file;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

impl OverlayInode {
    /// Where the file is in the upper layer, copied there if it wasn't.
    ///
    /// # Errors
    /// `EROFS` without an upper layer; `ENOSPC`, `ENOMEM`, `EIO`.
    pub(super) fn copy_up(&self, inode: &Inode) -> Result<&Location> {
        self.copy_up_to(inode, u64::MAX)
    }

    /// As [`Self::copy_up`], with no more than `length` bytes of content.
    pub(super) fn copy_up_to(&self, inode: &Inode, length: u64) -> Result<&Location> {
        if let Some(upper) = self.upper() {
            return Ok(upper);
        }
        // The directories above that aren't in the upper layer either, the deepest first.
        let mut above: Vec<&Arc<Inode>> = Vec::new();
        let mut own = self;
        while let Some(place) = &own.place
            && !self.removed.load(Relaxed)
        {
            own = Self::of(&place.parent)?;
            if own.upper().is_some() {
                break;
            }
            above.make_room(1)?;
            above.push(&place.parent);
        }
        for directory in above.into_iter().rev() {
            Self::of(directory)?.copy_one(directory, 0)?;
        }
        self.copy_one(inode, length)
    }

    fn copy_one(&self, inode: &Inode, length: u64) -> Result<&Location> {
        let _copying = self.copying.lock();
        if let Some(upper) = self.upper() {
            return Ok(upper);
        }
        let layers = &self.layers;
        let upper = layers.upper.as_ref().ok_or(Errno::EROFS)?;
        let (Some(lower), Some(place)) = (self.lowers.first(), &self.place) else {
            return Err(Errno::EIO);
        };
        let source = lower.inode();
        let target = link_target(source)?;
        let attributes = &source.attributes;
        let copy = upper.prepare(&NewInode {
            kind: source.kind(),
            permissions: attributes.permissions(),
            owner: attributes.owner(),
            group: attributes.group(),
            device: source.device(),
            target: &target,
        })?;
        let made = copy.location().inode();
        self.copy_extended(source, made)?;
        if source.kind() == FileKind::Regular {
            let (Some(from), Some(to)) = (source.page_cache(), made.page_cache()) else {
                return Err(Errno::EIO);
            };
            to.copy_from(from, from.size().min(length))?;
            if to.is_backed() && !layers.is_volatile {
                // Before the name leads to it: after a loss of power it is what it was, or what it became.
                stored_file::sync(made, to, true, &to.seen())?;
            }
        }
        let times = AttributeChange {
            accessed: Some(attributes.accessed()),
            modified: Some(attributes.modified()),
            ..AttributeChange::default()
        };
        made.operations().set_attributes(made, &times)?;
        let location = if self.removed.load(Relaxed) {
            // It stays with those who have it open.
            copy.location().clone()
        } else {
            let parent = Self::of(&place.parent)?.upper().ok_or(Errno::EIO)?;
            let mut location = None;
            keep_times(parent.inode(), || {
                location = Some(copy.put(parent, &place.name)?);
                Ok(())
            })?;
            location.ok_or(Errno::EIO)?
        };
        if !inode.is_directory() && attributes.links() > 1 {
            // The other names stay with the lower file, from which this one now differs.
            let made = location.inode();
            inode.set_number(layers.number(made.super_block(), made.number()));
        }
        Ok(self.upper.call_once(|| location))
    }

    /// Copies the extended attributes that aren't the overlay's own.
    fn copy_extended(&self, source: &Arc<Inode>, copy: &Arc<Inode>) -> Result<()> {
        let mut names: Vec<Box<[u8]>> = Vec::new();
        source.operations().list_extended(source, &mut |name| {
            if !self.layers.marks.is_own(name) {
                names.make_room(1)?;
                names.push(boxed(name)?);
            }
            Ok(())
        })?;
        for name in names {
            let value = source.operations().get_extended(source, &name)?;
            copy.operations()
                .set_extended(copy, &name, &value, Existing::Allowed)?;
        }
        Ok(())
    }
}

/// The target of a symbolic link; nothing for other files.
fn link_target(inode: &Arc<Inode>) -> Result<Vec<u8>> {
    if inode.kind() != FileKind::SymbolicLink {
        return Ok(Vec::new());
    }
    match inode.target() {
        Some(target) => boxed(target).map(Vec::from),
        None => inode.operations().link_text(inode),
    }
}
