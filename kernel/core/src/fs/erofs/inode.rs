//! Inodes of a mounted image.

use super::image::Image;
use super::node::Node;
use super::{attributes, directory};
use crate::heap::MakeRoom;
use crate::vfs::attributes::Attributes;
use crate::vfs::file_operations::FileOperations;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{EntrySink, Inode, InodeOperations, NamePolicy};
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::PATH_MAX;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache, PageSource};
use crate::vfs::regular_file::RegularFile;
use crate::vfs::special;
use crate::vfs::super_block::SuperBlock;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::any::Any;
use hal::frame::Frame;
use hal::sync::SpinLock;

/// A mounted image.
pub struct Instance {
    pub image: Image,
    /// The inodes in use that have, or could have, several names: one each, by number.
    shared: SpinLock<BTreeMap<u64, Weak<Inode>>>,
}

impl Instance {
    /// A mounted image without inodes in use.
    pub fn new(image: Image) -> Self {
        Self {
            image,
            shared: SpinLock::new(BTreeMap::new()),
        }
    }

    /// The inode of this number.
    ///
    /// # Errors
    /// `EUCLEAN` for a directory that has been found under another name already; those of [`Node::read`]; `ENOMEM`.
    pub fn inode(
        self: &Arc<Self>,
        super_block: &Arc<SuperBlock>,
        number: u64,
    ) -> Result<Arc<Inode>> {
        let known = self.shared.lock().get(&number).and_then(Weak::upgrade);
        if let Some(inode) = known {
            return if inode.is_directory() {
                Err(Errno::EUCLEAN)
            } else {
                Ok(inode)
            };
        }
        let node = Node::read(&self.image, number)?;
        let inode = ErofsInode::make(self, super_block, node)?;
        if node.kind != FileKind::Directory && node.links < 2 {
            return Ok(inode);
        }
        hal::frame::headroom()?;
        let mut shared = self.shared.lock();
        // Two names of a file in different directories may be looked up at the same time.
        if let Some(first) = shared.get(&number).and_then(Weak::upgrade) {
            drop(shared);
            return Ok(first);
        }
        shared.insert(number, Arc::downgrade(&inode));
        Ok(inode)
    }

    fn forget(&self, number: u64) {
        let mut shared = self.shared.lock();
        if shared
            .get(&number)
            .is_some_and(|known| known.strong_count() == 0)
        {
            shared.remove(&number);
        }
    }
}

/// What fills the pages of a regular file.
struct Content {
    instance: Arc<Instance>,
    node: Node,
}

impl PageSource for Content {
    fn page(&self, index: u64) -> Result<Frame> {
        let (image, node) = (&self.instance.image, &self.node);
        let page = PAGE_SIZE as u64;
        let position = index.checked_mul(page).ok_or(Errno::ENXIO)?;
        let extent = node.extent(image, position)?;
        if let Some(offset) = extent.offset
            && extent.length >= page
            && offset.is_multiple_of(page)
        {
            // Just a page of the image: both files have it in common.
            return image.page(offset);
        }
        let frame = Frame::zeroed()?;
        let length = (node.size - position).min(page);
        let mut done = 0;
        let mut piece = [0; 512];
        while done < length {
            let extent = node.extent(image, position + done)?;
            let length = extent.length.min(length - done).min(piece.len() as u64) as usize;
            if let Some(offset) = extent.offset {
                let bytes = piece.get_mut(..length).unwrap_or(&mut []);
                image.read(offset, bytes)?;
                frame.write(done as usize, bytes);
            }
            done += length as u64;
        }
        Ok(frame)
    }
}

/// What an inode of an image is.
pub struct ErofsInode {
    instance: Arc<Instance>,
    node: Node,
    pages: Option<Arc<PageCache>>,
}

impl ErofsInode {
    fn make(
        instance: &Arc<Instance>,
        super_block: &Arc<SuperBlock>,
        node: Node,
    ) -> Result<Arc<Inode>> {
        hal::frame::headroom()?;
        let pages = (node.kind == FileKind::Regular).then(|| {
            let content = Content {
                instance: instance.clone(),
                node,
            };
            Arc::new(PageCache::with_source(node.size, Box::new(content)))
        });
        let target = match node.kind {
            FileKind::SymbolicLink => Some(target(&instance.image, &node)?),
            _ => None,
        };
        let attributes = Attributes::new(node.kind, node.mode, node.owner, node.group);
        attributes.set_links(node.links);
        attributes.set_size(node.size);
        set_times(&attributes, &node);
        let own = Self {
            instance: instance.clone(),
            node,
            pages,
        };
        let inode = Inode::new(super_block, node.number, attributes, Box::new(own))
            .with_device(node.device);
        Ok(Arc::new(match target {
            Some(target) => inode.with_target(target),
            None => inode,
        }))
    }
}

/// An image has one time for a file.
fn set_times(attributes: &Attributes, node: &Node) {
    attributes.set_accessed(node.modified);
    attributes.set_modified(node.modified);
    attributes.set_changed(node.modified);
}

/// The target of a symbolic link.
fn target(image: &Image, node: &Node) -> Result<Box<[u8]>> {
    let length = usize::try_from(node.size).unwrap_or(usize::MAX);
    if !(1..PATH_MAX).contains(&length) {
        return Err(Errno::EUCLEAN);
    }
    let mut target = Vec::new();
    target.make_room_exact(length)?;
    target.resize(length, 0);
    node.read_content(image, 0, &mut target)?;
    if target.contains(&0) {
        return Err(Errno::EUCLEAN);
    }
    Ok(target.into_boxed_slice())
}

impl Drop for ErofsInode {
    fn drop(&mut self) {
        self.instance.forget(self.node.number);
    }
}

impl InodeOperations for ErofsInode {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Cached
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let number = directory::look_up(&self.instance.image, &self.node, name)?;
        self.instance.inode(directory.super_block(), number)
    }

    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        position: u64,
        sink: EntrySink<'_>,
    ) -> Result<()> {
        directory::read(&self.instance.image, &self.node, position, sink)
    }

    fn open(
        &self,
        inode: &Arc<Inode>,
        location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        if inode.kind() == FileKind::Regular {
            Ok(Box::new(RegularFile))
        } else {
            special::open(inode, location, flags)
        }
    }

    fn refresh(&self, inode: &Inode) -> Result<()> {
        set_times(&inode.attributes, &self.node);
        Ok(())
    }

    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        self.pages.as_ref()
    }

    fn get_extended(&self, _inode: &Inode, name: &[u8]) -> Result<Vec<u8>> {
        attributes::get(&self.instance.image, &self.node, name)
    }

    fn list_extended(
        &self,
        _inode: &Inode,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        attributes::list(&self.instance.image, &self.node, each)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
