//! A small tree of files for tests.

use super::file::File;
use super::file_system::{GivenDirectory, MountRequest};
use super::flags::OpenFlags;
use super::fs_context::{FsContext, View};
use super::kind::{DeviceNumber, FileKind};
use super::location::Location;
use super::mount::{Mount, MountFlags};
use super::mount_copy::clone_mount;
use super::mount_table::{self, Locking, MountTable};
use super::name::Name;
use super::namespace::{self, Creation, Removal};
use super::rename::{self, Replacement};
use super::super_block::ActiveSuperBlock;
use super::transfer::{Destination, Source};
use super::unmount;
use super::walk::{self, WalkFlags};
use crate::Result;
use crate::fs::overlay::Mounted;
use crate::sched::Mutex;
use crate::task::Credentials;
use std::sync::Arc;

/// A mount table with a view of it.
pub struct TestTree {
    pub table: Arc<MountTable>,
    pub fs: Arc<FsContext>,
    pub credentials: Credentials,
    overlays: Mutex<Mounted>,
}

impl TestTree {
    pub fn new() -> Self {
        Self::of(MountTable::create_empty_root().unwrap())
    }

    pub fn of(table: Arc<MountTable>) -> Self {
        let fs = FsContext::new(table.root());
        Self {
            table,
            fs,
            credentials: Credentials::root(),
            overlays: Mutex::new(Mounted::NONE),
        }
    }

    pub fn view(&self) -> View<'_> {
        View {
            fs: &self.fs,
            credentials: &self.credentials,
        }
    }

    /// The same tree seen by an ordinary user.
    pub fn as_user(&self, user: u32) -> Self {
        Self {
            table: self.table.clone(),
            fs: self.fs.clone(),
            credentials: Credentials::ordinary(user, user),
            overlays: Mutex::new(Mounted::NONE),
        }
    }

    pub fn find(&self, path: &str) -> Result<Location> {
        walk::resolve(&self.view(), None, path.as_bytes(), WalkFlags::FOLLOW)
    }

    pub fn find_from(&self, start: &Location, path: &str, flags: WalkFlags) -> Result<Location> {
        walk::resolve(&self.view(), Some(start), path.as_bytes(), flags)
    }

    fn make(&self, path: &str, creation: &Creation<'_>) -> Result<Location> {
        let parent = walk::resolve_parent(&self.view(), None, path.as_bytes(), WalkFlags::empty())?;
        namespace::create(&self.view(), &parent, creation)
    }

    pub fn directory(&self, path: &str) -> Result<Location> {
        self.make(path, &Creation::plain(FileKind::Directory, 0o755))
    }

    pub fn file(&self, path: &str) -> Result<Location> {
        self.make(path, &Creation::plain(FileKind::Regular, 0o644))
    }

    pub fn link(&self, path: &str, target: &str) -> Result<Location> {
        let creation = Creation {
            kind: FileKind::SymbolicLink,
            permissions: 0o777,
            device: DeviceNumber::NONE,
            target: target.as_bytes(),
        };
        self.make(path, &creation)
    }

    pub fn hard_link(&self, source: &str, path: &str) -> Result<()> {
        let source = self.find(source)?;
        let parent = walk::resolve_parent(&self.view(), None, path.as_bytes(), WalkFlags::empty())?;
        namespace::link(&self.view(), &source, &parent)
    }

    pub fn remove(&self, path: &str, removal: Removal) -> Result<()> {
        let parent = walk::resolve_parent(&self.view(), None, path.as_bytes(), WalkFlags::empty())?;
        namespace::remove(&self.view(), &parent, removal)
    }

    pub fn rename(&self, from: &str, to: &str, replacement: Replacement) -> Result<()> {
        let from = walk::resolve_parent(&self.view(), None, from.as_bytes(), WalkFlags::empty())?;
        let to = walk::resolve_parent(&self.view(), None, to.as_bytes(), WalkFlags::empty())?;
        rename::rename(&self.view(), &from, &to, replacement)
    }

    /// Mounts a fresh tmpfs.
    pub fn mount(&self, path: &str) -> Result<()> {
        self.mount_with(path, "")
    }

    pub fn mount_with(&self, path: &str, options: &str) -> Result<()> {
        let target = self.find(path)?;
        let request = MountRequest {
            source: b"none",
            options: options.as_bytes(),
            read_only: false,
            directories: &[],
            current: None,
        };
        self.attach(crate::fs::ramfs::TMPFS.create(&request)?, &target)
    }

    /// Mounts a file system.
    pub fn attach(&self, super_block: ActiveSuperBlock, target: &Location) -> Result<()> {
        let root = super_block.root().unwrap();
        let mount = Mount::new(super_block, root, MountFlags::empty());
        mount_table::attach(&mount, target, Locking::Open)
    }

    /// Mounts an overlay with these options.
    pub fn overlay(&self, path: &str, options: &str) -> Result<()> {
        self.overlay_of(path, options, &[])
    }

    /// Mounts an overlay with these options and these directories, given by descriptor.
    pub fn overlay_of(
        &self,
        path: &str,
        options: &str,
        directories: &[GivenDirectory],
    ) -> Result<()> {
        let target = self.find(path)?;
        let (view, options) = (self.view(), options.as_bytes());
        let overlays = &self.overlays;
        let made = crate::fs::overlay::create(&view, overlays, b"overlay", options, directories)?;
        self.attach(made, &target)
    }

    /// Opens a file as open(2) does.
    pub fn open(&self, path: &str, flags: OpenFlags) -> Result<Arc<File>> {
        let how = WalkFlags::empty();
        super::open::open(&self.view(), None, path.as_bytes(), flags, 0o644, how)
    }

    /// Makes a file or replaces its content.
    pub fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        let flags = OpenFlags::CREATE | OpenFlags::TRUNCATE | OpenFlags::WRITE_ONLY;
        let file = self.open(path, flags)?;
        file.write(&mut Source::kernel(content)).map(drop)
    }

    /// The content of a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let file = self.open(path, OpenFlags::READ_ONLY)?;
        let mut content = std::vec![0; file.inode().unwrap().size() as usize + 1];
        let length = file.read(&mut Destination::kernel(&mut content))?;
        content.truncate(length);
        Ok(content)
    }

    pub fn bind(&self, from: &str, to: &str) -> Result<()> {
        let copy = clone_mount(&self.find(from)?, MountFlags::empty())?;
        mount_table::attach(copy.mount(), &self.find(to)?, Locking::Open)
    }

    pub fn unmount(&self, path: &str) -> Result<()> {
        unmount::unmount(self.find(path)?)
    }

    /// Names in a directory, in order.
    pub fn list(&self, path: &str) -> Vec<String> {
        let file = self.open(path, OpenFlags::READ_ONLY).unwrap();
        let mut names = Vec::new();
        let mut position = 2;
        file.operations()
            .read_directory(&file, &mut position, &mut |entry| {
                names.push(String::from_utf8(entry.name.to_vec()).unwrap());
                true
            })
            .unwrap();
        names.sort();
        names
    }

    pub fn path_of(&self, location: &Location) -> String {
        String::from_utf8(super::path_text::seen_from(location, &self.fs.root()).unwrap()).unwrap()
    }

    pub fn name(text: &str) -> Name {
        Name::from_slice(text.as_bytes())
    }
}
