//! Changes of an overlay's directories. Everything happens in the upper layer; what lower layers have is hidden.
//!
//! Whoever calls holds the `change` locks of the overlay's directories, so nobody sees the steps through the overlay.

use super::inode::OverlayInode;
use super::layers::find;
use super::listing::Listing;
use super::upper::Upper;
use crate::vfs::inode::{Inode, NewInode, Renaming};
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::Name;
use crate::vfs::rename::Replacement;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

impl OverlayInode {
    fn upper_layer(&self) -> Result<&Upper> {
        self.layers.upper.as_ref().ok_or(Errno::EROFS)
    }

    pub(super) fn create_in_upper(
        &self,
        directory: &Arc<Inode>,
        name: &Name,
        new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        let upper = self.upper_layer()?;
        let holder = self.copy_up(directory)?;
        let shown = |location: &Location| {
            let location = Some(location.clone());
            Self::make(
                &self.layers,
                directory.super_block(),
                location,
                Vec::new(),
                None,
            )
        };
        if find(holder, name)?.is_none() {
            let made = upper.create(holder, name, new)?;
            return shown(&made).inspect_err(|_| {
                // Nobody has seen it.
                let _ = upper.remove(holder, name);
            });
        }
        // A whiteout is here: it goes in the same step in which the new file comes.
        let prepared = upper.prepare(new)?;
        let inode = shown(prepared.location())?;
        if new.kind == FileKind::Directory {
            self.layers.marks.make_opaque(prepared.location())?;
            prepared.displace(holder, name)?;
        } else {
            prepared.put(holder, name)?;
        }
        Ok(inode)
    }

    pub(super) fn link_in_upper(
        &self,
        directory: &Arc<Inode>,
        name: &Name,
        inode: &Arc<Inode>,
    ) -> Result<()> {
        let file = Self::of(inode)?.copy_up(inode)?;
        let holder = self.copy_up(directory)?;
        self.upper_layer()?.link(file, holder, name)
    }

    /// Checks that a directory shows nothing.
    fn check_empty(&self) -> Result<()> {
        if Listing::read(self)?.is_empty() {
            Ok(())
        } else {
            Err(Errno::ENOTEMPTY)
        }
    }

    pub(super) fn remove_name(
        &self,
        directory: &Arc<Inode>,
        name: &Name,
        inode: &Arc<Inode>,
    ) -> Result<()> {
        let own = Self::of(inode)?;
        if inode.is_directory() {
            own.check_empty()?;
        }
        let upper = self.upper_layer()?;
        let is_below = self.is_below(name)?;
        let holder = self.copy_up(directory)?;
        let _copying = own.copying.lock();
        if is_below {
            upper.hide(holder, name)?;
        } else {
            upper.remove(holder, name)?;
        }
        own.removed.store(true, Relaxed);
        Ok(())
    }

    pub(super) fn move_name(&self, renaming: &Renaming<'_>) -> Result<()> {
        let Renaming {
            inode,
            replaced,
            exchange,
            ..
        } = *renaming;
        let (moved, to) = (Self::of(inode)?, Self::of(renaming.to)?);
        let replaced_own = replaced.map(|replaced| Self::of(replaced)).transpose()?;
        if inode.is_directory() && !moved.is_upper_alone() {
            // Its lower parts would stay behind.
            return Err(Errno::EXDEV);
        }
        if let (Some(replaced), Some(own)) = (replaced, replaced_own)
            && replaced.is_directory()
        {
            if !exchange {
                own.check_empty()?;
            } else if !own.is_upper_alone() {
                return Err(Errno::EXDEV);
            }
        }
        let names = (
            &Name::from_slice(renaming.name),
            &Name::from_slice(renaming.new_name),
        );
        moved.copy_up(inode)?;
        self.copy_up(renaming.directory)?;
        to.copy_up(renaming.to)?;
        if exchange {
            let (Some(replaced), Some(own)) = (replaced, replaced_own) else {
                return Err(Errno::EIO);
            };
            own.copy_up(replaced)?;
            self.exchange_names(to, (moved, own), names)
        } else {
            let _going = replaced_own.map(|own| own.copying.lock());
            self.replace_name(to, moved, inode.is_directory(), names)?;
            if let Some(own) = replaced_own {
                own.removed.store(true, Relaxed);
            }
            Ok(())
        }
    }

    /// A directory that gets a name which lower layers have, too, must not show what they have.
    fn keep_apart(&self, directory: &Self, name: &Name) -> Result<()> {
        let own = self.shown()?;
        if own.inode().is_directory() && directory.is_below(name)? {
            self.layers.marks.make_opaque(own)?;
        }
        Ok(())
    }

    fn exchange_names(
        &self,
        to: &Self,
        (moved, other): (&Self, &Self),
        (name, new_name): (&Name, &Name),
    ) -> Result<()> {
        moved.keep_apart(to, new_name)?;
        other.keep_apart(self, name)?;
        self.upper_layer()?.rename(
            (self.shown()?, name),
            (to.shown()?, new_name),
            Replacement::Exchange,
        )
    }

    fn replace_name(
        &self,
        to: &Self,
        moved: &Self,
        is_directory: bool,
        (name, new_name): (&Name, &Name),
    ) -> Result<()> {
        let upper = self.upper_layer()?;
        let (from, target) = (self.shown()?, to.shown()?);
        moved.keep_apart(to, new_name)?;
        // Made before anything changes: there is no way back later.
        let whiteout = if self.is_below(name)? {
            Some(upper.prepare_whiteout()?)
        } else {
            None
        };
        let in_the_way = find(target, new_name)?;
        let by_exchange = in_the_way
            .as_ref()
            .is_some_and(|found| is_directory || found.inode().is_directory());
        if by_exchange {
            upper.rename((from, name), (target, new_name), Replacement::Exchange)?;
            match whiteout {
                Some(whiteout) => whiteout.displace(from, name).map(drop),
                None => upper.remove(from, name),
            }
        } else {
            upper.rename((from, name), (target, new_name), Replacement::Allowed)?;
            match whiteout {
                Some(whiteout) => whiteout.put(from, name).map(drop),
                None => Ok(()),
            }
        }
    }
}
