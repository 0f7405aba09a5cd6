//! Inodes in use, as the rest of the kernel sees them.

use super::content::{self, Content};
use super::format::inode::{FLAG_EXTENTS, ROOT_SIZE, RawInode, Times};
use super::instance::Instance;
use super::names;
use super::node::Node;
use crate::heap::MakeRoom;
use crate::vfs::attributes::Attributes;
use crate::vfs::extended::{Existing, capability};
use crate::vfs::file_operations::FileOperations;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{
    AttributeChange, EntrySink, Inode, InodeOperations, NamePolicy, NewInode, Renaming,
};
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::PATH_MAX;
use crate::vfs::page_cache::{PageCache, SIZE_LIMIT};
use crate::vfs::special;
use crate::vfs::stored_file::StoredFile;
use crate::vfs::super_block::SuperBlock;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;

/// What an inode of an ext4 volume is.
pub struct Ext4Inode {
    pub node: Arc<Node>,
    pages: Option<Arc<PageCache>>,
}

/// What an inode of the same file system is.
///
/// # Errors
/// `EXDEV` for one of another file system.
pub fn node_of(inode: &Inode) -> Result<&Arc<Node>> {
    let own: Option<&Ext4Inode> = inode.operations().as_any().downcast_ref();
    own.map(|own| &own.node).ok_or(Errno::EXDEV)
}

impl Instance {
    /// The inode of a number.
    ///
    /// # Errors
    /// `EUCLEAN` for one that makes no sense; `EOPNOTSUPP` for one whose blocks are listed without extents; `EIO`,
    /// `ENOMEM`.
    pub fn inode(
        self: &Arc<Self>,
        super_block: &Arc<SuperBlock>,
        number: u32,
    ) -> Result<Arc<Inode>> {
        if let Some(inode) = self.in_use(number) {
            return Ok(inode);
        }
        let raw = self.read_inode(number)?;
        let inode = make(self, super_block, number, &raw)
            .map_err(|error| self.judge(error, format_args!("inode {number}")))?;
        hal::frame::headroom()?;
        let mut inodes = self.inodes.lock();
        // Two names of a file in different directories may be looked up at the same time.
        if let Some(first) = inodes.get(&number).and_then(Weak::upgrade) {
            drop(inodes);
            return Ok(first);
        }
        inodes.insert(number, Arc::downgrade(&inode));
        Ok(inode)
    }

    fn in_use(&self, number: u32) -> Option<Arc<Inode>> {
        self.inodes.lock().get(&number).and_then(Weak::upgrade)
    }

    fn forget(&self, number: u32) {
        let mut inodes = self.inodes.lock();
        if inodes
            .get(&number)
            .is_some_and(|known| known.strong_count() == 0)
        {
            inodes.remove(&number);
        }
    }
}

impl Node {
    /// Whether an inode has an extent tree.
    pub fn has_blocks(&self, raw: &RawInode) -> bool {
        raw.has(FLAG_EXTENTS)
            && matches!(
                raw.kind(),
                Some(FileKind::Regular | FileKind::Directory | FileKind::SymbolicLink)
            )
    }
}

fn make(
    instance: &Arc<Instance>,
    super_block: &Arc<SuperBlock>,
    number: u32,
    raw: &RawInode,
) -> Result<Arc<Inode>> {
    hal::frame::headroom()?;
    let kind = raw
        .kind()
        .filter(|_| raw.old.links.get() > 0)
        .ok_or(Errno::EUCLEAN)?;
    let size = raw.size();
    if kind == FileKind::Regular && size > SIZE_LIMIT {
        return Err(Errno::EUCLEAN);
    }
    let needs_extents = match kind {
        FileKind::Regular => size > 0,
        FileKind::Directory => true,
        _ => false,
    };
    if needs_extents && !raw.has(FLAG_EXTENTS) {
        return Err(Errno::EOPNOTSUPP);
    }
    let node = Node::new(instance, number);
    let pages = match kind {
        FileKind::Regular => Some(PageCache::with_store(
            size,
            Box::new(Content(node.clone())),
        )?),
        _ => None,
    };
    let target = match kind {
        FileKind::SymbolicLink => Some(target(&node, raw)?),
        _ => None,
    };
    let attributes = Attributes::new(kind, raw.old.mode.get().into(), raw.owner(), raw.group());
    attributes.set_links(raw.old.links.get().into());
    attributes.set_size(size);
    let times = raw.times();
    attributes.set_accessed(times.accessed);
    attributes.set_modified(times.modified);
    attributes.set_changed(times.changed);
    if kind == FileKind::Regular {
        attributes.set_capabilities(node.get_attribute(capability::NAME).is_ok());
    }
    let own = Ext4Inode {
        node: node.clone(),
        pages,
    };
    let mut inode = Inode::new(super_block, number.into(), attributes, Box::new(own));
    if kind.is_device() {
        inode = inode.with_device(raw.device());
    }
    let inode = Arc::new(match target {
        Some(target) => inode.with_target(target),
        None => inode,
    });
    node.belongs_to(&inode);
    Ok(inode)
}

/// The target of a symbolic link: in the inode, or in a block.
fn target(node: &Arc<Node>, raw: &RawInode) -> Result<Box<[u8]>> {
    let length = usize::try_from(raw.size()).unwrap_or(usize::MAX);
    if !(1..PATH_MAX).contains(&length) {
        return Err(Errno::EUCLEAN);
    }
    let mut target = Vec::new();
    target.make_room_exact(length)?;
    if raw.has(FLAG_EXTENTS) {
        let block = node.find(0)?.start.ok_or(Errno::EUCLEAN)?;
        let block = node.instance.journal.block(block)?;
        block.read(|bytes| target.extend_from_slice(bytes.get(..length).unwrap_or(&[])));
    } else if length < ROOT_SIZE {
        target.extend_from_slice(raw.old.root.get(..length).unwrap_or(&[]));
    }
    if target.len() != length || target.contains(&0) {
        return Err(Errno::EUCLEAN);
    }
    Ok(target.into_boxed_slice())
}

/// Puts an inode's attributes into its place in the table.
pub fn put_attributes(inode: &Inode, raw: &mut RawInode) {
    let attributes = &inode.attributes;
    raw.old.mode.set(attributes.mode() as u16);
    raw.set_ownership(attributes.owner(), attributes.group());
    raw.set_times(Times {
        accessed: attributes.accessed(),
        modified: attributes.modified(),
        changed: attributes.changed(),
    });
}

/// Writes an inode that is not on the disk as it is in memory. Its size follows what has been written of its content.
///
/// # Errors
/// `EROFS`, `EIO`, `ENOMEM`; it is still to be written then.
pub fn store(inode: &Arc<Inode>, node: &Node) -> Result<()> {
    if !node.take_dirty() {
        return Ok(());
    }
    // Held so that a size which is being cut doesn't come back.
    let _layout = node.layout.lock();
    let size = inode
        .page_cache()
        .filter(|pages| pages.dirty() == 0)
        .map(|pages| pages.size());
    let result = node.instance.update(1, |update| {
        node.instance.change_inode(update, node.number, |raw| {
            put_attributes(inode, raw);
            if let Some(size) = size {
                raw.set_size(raw.size().max(size));
            }
            Ok(())
        })
    });
    if result.is_err() {
        node.instance.mark_dirty(node);
    }
    result
}

impl Drop for Ext4Inode {
    fn drop(&mut self) {
        self.node.instance.forget(self.node.number);
    }
}

impl InodeOperations for Ext4Inode {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Cached
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let number = self.node.look_up(name)?;
        let instance = &self.node.instance;
        if number < instance.geometry.first_inode {
            return Err(self.node.judge(Errno::EUCLEAN, "the directory"));
        }
        // A directory has one name: with a second one, it could be below itself.
        let known = instance.in_use(number);
        if known.is_some_and(|known| known.is_directory()) {
            return Err(Errno::EUCLEAN);
        }
        let inode = instance.inode(directory.super_block(), number)?;
        if inode.is_directory() && !node_of(&inode)?.is_in(self.node.number)? {
            return Err(self.node.judge(Errno::EUCLEAN, "the directory"));
        }
        Ok(inode)
    }

    fn create(
        &self,
        directory: &Arc<Inode>,
        name: &[u8],
        new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        names::create(directory, &self.node, name, new)
    }

    fn link(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        names::link(directory, &self.node, name, inode)
    }

    fn unlink(&self, directory: &Arc<Inode>, name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        names::unlink(directory, &self.node, name, inode)
    }

    fn rename(&self, renaming: &Renaming<'_>) -> Result<()> {
        super::rename::rename(renaming)
    }

    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        position: u64,
        sink: EntrySink<'_>,
    ) -> Result<()> {
        self.node.list(position, sink)
    }

    fn open(
        &self,
        inode: &Arc<Inode>,
        location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        if inode.kind() == FileKind::Regular {
            Ok(Box::new(StoredFile::new(inode)?))
        } else {
            special::open(inode, location, flags)
        }
    }

    fn truncate(&self, inode: &Arc<Inode>, size: u64) -> Result<()> {
        let pages = self.pages.as_ref().ok_or(Errno::EINVAL)?;
        content::truncate(&self.node, pages, size)?;
        inode.attributes.touch_modified();
        self.attributes_changed(inode);
        Ok(())
    }

    fn allocate(&self, _inode: &Arc<Inode>, start: u64, end: u64) -> Result<()> {
        content::allocate(&self.node, start, end)
    }

    fn discard(&self, _inode: &Arc<Inode>, start: u64, end: u64) -> Result<()> {
        let pages = self.pages.as_ref().ok_or(Errno::EOPNOTSUPP)?;
        content::discard(&self.node, pages, start, end)
    }

    fn set_attributes(&self, inode: &Arc<Inode>, change: &AttributeChange) -> Result<()> {
        let instance = &self.node.instance;
        instance.update(1, |update| {
            inode.apply(change);
            instance.change_inode(update, self.node.number, |raw| {
                put_attributes(inode, raw);
                Ok(())
            })
        })
    }

    fn attributes_changed(&self, _inode: &Arc<Inode>) {
        self.node.instance.mark_dirty(&self.node);
    }

    fn sync(&self, inode: &Arc<Inode>, _data_only: bool) -> Result<()> {
        store(inode, &self.node)?;
        self.node.instance.commit()
    }

    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        self.pages.as_ref()
    }

    /// Those that it has, and those that its pages have been promised.
    fn blocks(&self, _inode: &Inode) -> u64 {
        let instance = &self.node.instance;
        let block_size = instance.geometry.block_size;
        let raw = instance.read_inode(self.node.number);
        raw.map_or(0, |raw| raw.sectors(block_size)) + self.node.promised_sectors()
    }

    fn get_extended(&self, _inode: &Inode, name: &[u8]) -> Result<Vec<u8>> {
        self.node.get_attribute(name)
    }

    fn set_extended(
        &self,
        inode: &Arc<Inode>,
        name: &[u8],
        value: &[u8],
        existing: Existing,
    ) -> Result<()> {
        self.node.set_attribute(name, Some(value), existing)?;
        if name == capability::NAME {
            inode.attributes.set_capabilities(true);
        }
        self.attributes_changed(inode);
        Ok(())
    }

    fn remove_extended(&self, inode: &Arc<Inode>, name: &[u8]) -> Result<()> {
        self.node.set_attribute(name, None, Existing::Required)?;
        if name == capability::NAME {
            inode.attributes.set_capabilities(false);
        }
        self.attributes_changed(inode);
        Ok(())
    }

    fn list_extended(
        &self,
        _inode: &Inode,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        self.node.list_attributes(each)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
