//! The upper layer and its working directory. What is to appear in the upper layer is made in the working directory
//! and then moved to its place in one step, so that nobody ever sees half of it.

use super::layers::{find, open_directory};
use crate::heap::MakeRoom;
use crate::task::Credentials;
use crate::vfs::fs_context::{FsContext, View};
use crate::vfs::inode::{AttributeChange, Inode, NewInode};
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::location::Location;
use crate::vfs::name::Name;
use crate::vfs::namespace::{self, Creation, Removal};
use crate::vfs::path_node::PathNode;
use crate::vfs::rename::{self, Replacement};
use crate::vfs::walk::{Last, Parent};
use crate::{Errno, Result};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The directory in the working directory that is the overlay's own.
const WORK: &[u8] = b"work";

/// The upper layer.
pub struct Upper {
    /// Its root directory.
    pub root: Location,
    /// Where things are made.
    work: Location,
    /// The directory that holds that: the one that was named.
    base: Arc<PathNode>,
    mounter: Credentials,
    fs: Arc<FsContext>,
    next_name: AtomicU64,
}

fn place(directory: &Location, name: &Name) -> Parent {
    Parent {
        directory: directory.clone(),
        last: Last::Normal(name.clone()),
        trailing_slash: false,
    }
}

/// Something in the working directory; removed when dropped there.
pub struct Temporary<'u> {
    upper: &'u Upper,
    name: Name,
    location: Location,
    /// It is at its place, or gone.
    settled: bool,
}

impl Temporary<'_> {
    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Moves it to its place. What is there goes, which can be nothing but a file unless both are directories.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn put(mut self, directory: &Location, name: &Name) -> Result<Location> {
        self.exchange_or_put(directory, name, Replacement::Allowed)?;
        self.settled = true;
        Ok(self.location.clone())
    }

    /// Exchanges it with what is at its place, which is removed with everything in it.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn displace(mut self, directory: &Location, name: &Name) -> Result<Location> {
        self.exchange_or_put(directory, name, Replacement::Exchange)?;
        self.settled = true;
        // What stays in the working directory is in nobody's way: the next mount removes it.
        let _ = self.upper.remove(&self.upper.work, &self.name);
        Ok(self.location.clone())
    }

    fn exchange_or_put(
        &self,
        directory: &Location,
        name: &Name,
        replacement: Replacement,
    ) -> Result<()> {
        let upper = self.upper;
        let from = place(&upper.work, &self.name);
        rename::rename(&upper.view(), &from, &place(directory, name), replacement)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.upper.remove(&self.upper.work, &self.name);
        }
    }
}

impl Upper {
    /// An upper layer with a working directory in the same mount: an empty directory `work` is made in it, anew if an
    /// earlier overlay left one.
    ///
    /// # Errors
    /// `EACCES`, `ENOSPC`, `ENOMEM`; `ENOTDIR` if `work` is something else.
    pub fn new(root: Location, work: &Location, mounter: &Credentials) -> Result<Self> {
        hal::frame::headroom()?;
        let fs = FsContext::new(root.clone());
        fs.set_umask(0);
        let base = Location {
            mount: root.mount.clone(),
            node: work.node.clone(),
        };
        let mut upper = Self {
            work: base.clone(),
            base: base.node.clone(),
            root,
            mounter: mounter.clone(),
            fs,
            next_name: AtomicU64::new(0),
        };
        let name = Name::from_slice(WORK);
        upper.work = match find(&base, &name)? {
            Some(found) if found.inode().is_directory() => {
                upper.clear(&found)?;
                found
            }
            Some(_) => return Err(Errno::ENOTDIR),
            None => namespace::create(
                &upper.view(),
                &place(&base, &name),
                &Creation::plain(FileKind::Directory, 0),
            )?,
        };
        Ok(upper)
    }

    /// Whether this is its upper directory, and whether this is its working directory.
    pub fn is_at(&self, upper: &Location, work: &Location) -> (bool, bool) {
        (
            Arc::ptr_eq(&self.root.node, &upper.node),
            Arc::ptr_eq(&self.base, &work.node),
        )
    }

    fn view(&self) -> View<'_> {
        View {
            fs: &self.fs,
            credentials: &self.mounter,
        }
    }

    /// Makes a file in a directory of the upper layer, owned as `new` says.
    ///
    /// # Errors
    /// Those of creat(2), mkdir(2), mknod(2) and symlink(2).
    pub fn create(
        &self,
        directory: &Location,
        name: &Name,
        new: &NewInode<'_>,
    ) -> Result<Location> {
        let creation = Creation {
            kind: new.kind,
            permissions: new.permissions,
            device: new.device,
            target: new.target,
        };
        let made = namespace::create(&self.view(), &place(directory, name), &creation)?;
        let inode = made.inode();
        let attributes = &inode.attributes;
        let found = (
            attributes.permissions(),
            attributes.owner(),
            attributes.group(),
        );
        if found != (new.permissions, new.owner, new.group) {
            let change = AttributeChange {
                permissions: Some(new.permissions),
                owner: Some(new.owner),
                group: Some(new.group),
                ..AttributeChange::default()
            };
            inode.operations().set_attributes(inode, &change)?;
        }
        Ok(made)
    }

    fn temporary_name(&self) -> Name {
        let number = self.next_name.fetch_add(1, Relaxed);
        Name::from_slice(format!("#{number:x}").as_bytes())
    }

    /// Makes a file in the working directory.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn prepare(&self, new: &NewInode<'_>) -> Result<Temporary<'_>> {
        let name = self.temporary_name();
        let location = self.create(&self.work, &name, new)?;
        Ok(Temporary {
            upper: self,
            name,
            location,
            settled: false,
        })
    }

    /// A whiteout in the working directory.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn prepare_whiteout(&self) -> Result<Temporary<'_>> {
        self.prepare(&NewInode {
            kind: FileKind::CharacterDevice,
            permissions: 0,
            owner: 0,
            group: 0,
            device: DeviceNumber::NONE,
            target: &[],
        })
    }

    /// Hides a name: whatever has it in this directory goes, and a whiteout takes its place.
    ///
    /// # Errors
    /// As [`Self::create`], and those of rename(2).
    pub fn hide(&self, directory: &Location, name: &Name) -> Result<()> {
        let whiteout = self.prepare_whiteout()?;
        match find(directory, name)? {
            Some(found) if found.inode().is_directory() => whiteout.displace(directory, name)?,
            _ => whiteout.put(directory, name)?,
        };
        Ok(())
    }

    /// Gives a file of this layer one more name, where there is none or a whiteout.
    ///
    /// # Errors
    /// Those of link(2).
    pub fn link(&self, file: &Location, directory: &Location, name: &Name) -> Result<()> {
        let view = self.view();
        if find(directory, name)?.is_none() {
            return namespace::link(&view, file, &place(directory, name));
        }
        let temporary = self.temporary_name();
        namespace::link(&view, file, &place(&self.work, &temporary))?;
        let link = Temporary {
            upper: self,
            name: temporary,
            location: file.clone(),
            settled: false,
        };
        link.put(directory, name)?;
        Ok(())
    }

    /// Moves a name within this layer.
    ///
    /// # Errors
    /// Those of rename(2).
    pub fn rename(
        &self,
        from: (&Location, &Name),
        to: (&Location, &Name),
        replacement: Replacement,
    ) -> Result<()> {
        let (from, to) = (place(from.0, from.1), place(to.0, to.1));
        rename::rename(&self.view(), &from, &to, replacement)
    }

    /// Removes a name of this layer, with everything in it if it is a directory's.
    ///
    /// # Errors
    /// Those of unlink(2) and rmdir(2).
    pub fn remove(&self, directory: &Location, name: &Name) -> Result<()> {
        let found = find(directory, name)?.ok_or(Errno::ENOENT)?;
        let removal = if found.inode().is_directory() {
            self.clear(&found)?;
            Removal::Directory
        } else {
            Removal::File
        };
        namespace::remove(&self.view(), &place(directory, name), removal)
    }

    /// Empties a directory of this layer, from the deepest directories up.
    fn clear(&self, top: &Location) -> Result<()> {
        // The directories between the top and the one that is being emptied.
        let mut above: Vec<Location> = Vec::new();
        let mut directory = top.clone();
        loop {
            let Some(name) = first_entry(&directory)? else {
                match above.pop() {
                    Some(next) => directory = next,
                    None => return Ok(()),
                }
                continue;
            };
            let found = find(&directory, &name)?.ok_or(Errno::EIO)?;
            let is_directory = found.inode().is_directory();
            if is_directory && first_entry(&found)?.is_some() {
                above.make_room(1)?;
                above.push(core::mem::replace(&mut directory, found));
                continue;
            }
            let removal = if is_directory {
                Removal::Directory
            } else {
                Removal::File
            };
            namespace::remove(&self.view(), &place(&directory, &name), removal)?;
        }
    }
}

/// Any entry of a directory, if there is one.
fn first_entry(directory: &Location) -> Result<Option<Name>> {
    let file = open_directory(directory)?;
    let mut found = None;
    file.operations()
        .read_directory(&file, &mut 0, &mut |entry| {
            let is_own = matches!(entry.name, b"." | b"..");
            if !is_own {
                found = Some(Name::from_slice(entry.name));
            }
            is_own
        })?;
    Ok(found)
}

/// Keeps a directory's times while something that was in it all along, seen from the overlay, appears in it.
pub fn keep_times(directory: &Arc<Inode>, action: impl FnOnce() -> Result<()>) -> Result<()> {
    let attributes = &directory.attributes;
    let times = AttributeChange {
        modified: Some(attributes.modified()),
        accessed: Some(attributes.accessed()),
        ..AttributeChange::default()
    };
    action()?;
    directory.operations().set_attributes(directory, &times)
}
