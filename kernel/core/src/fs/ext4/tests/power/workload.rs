//! A random workload, and what it has done when.

use super::super::Mounted;
use crate::block::simulated::Random;
use crate::vfs::change;
use crate::vfs::file::File;
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use crate::vfs::transfer::Source;
use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

/// Longest file.
const LARGEST: u64 = 60_000;
const DIRECTORIES: [&str; 3] = ["/m", "/m/a", "/m/b"];
const NAMES: u64 = 6;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Directory,
    File(FileId),
    Link(String),
}

/// A file: its inode's number, and which of those that have had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    pub inode: u64,
    pub made: usize,
}

/// All paths.
pub type Names = BTreeMap<String, Node>;

/// What an operation left behind.
pub struct Step {
    pub what: String,
    /// How much had happened to the disk before it and after it.
    pub start: usize,
    pub end: usize,
    /// Everything before it is on the medium.
    pub syncs: bool,
    pub names: Names,
    /// The content of files that it changed, or of those that it put on the medium.
    pub contents: Vec<(FileId, Vec<u8>)>,
    /// These contents are on the medium.
    pub stores: bool,
}

/// Does things on a volume and keeps account.
pub struct Workload<'a> {
    mounted: &'a Mounted,
    random: Random,
    names: Names,
    contents: BTreeMap<FileId, Vec<u8>>,
    version: u64,
    pub steps: Vec<Step>,
}

impl<'a> Workload<'a> {
    pub fn new(mounted: &'a Mounted, seed: u64) -> Self {
        Self {
            mounted,
            random: Random(seed),
            names: BTreeMap::from([("/m/lost+found".to_string(), Node::Directory)]),
            contents: BTreeMap::new(),
            version: 0,
            steps: Vec::new(),
        }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random.below(limit)
    }

    /// A path whose directory there is.
    fn path(&mut self) -> String {
        loop {
            let directory = DIRECTORIES[self.below(DIRECTORIES.len() as u64) as usize];
            if directory == "/m" || self.names.contains_key(directory) {
                return format!("{directory}/f{}", self.below(NAMES));
            }
        }
    }

    /// One that there is, of a file.
    fn file(&mut self) -> Option<(String, FileId)> {
        let files = self.names.iter().filter_map(|(path, node)| match node {
            Node::File(id) => Some((path.clone(), *id)),
            _ => None,
        });
        let files: Vec<_> = files.collect();
        let index = self.below(files.len().max(1) as u64);
        files.get(index as usize).cloned()
    }

    /// Bytes that no other file and no other place has.
    fn bytes(&mut self, length: u64) -> Vec<u8> {
        self.version += 1;
        let mut random = Random(self.version << 32);
        (0..length.div_ceil(8))
            .flat_map(|_| random.next().to_le_bytes())
            .map(|byte| byte.max(1))
            .take(length as usize)
            .collect()
    }

    fn open(&self, path: &str, flags: OpenFlags) -> Arc<File> {
        self.mounted.tree.open(path, flags).unwrap()
    }

    /// Does one thing.
    pub fn step(&mut self) {
        let start = self.mounted.disk.position();
        let mut step = Step {
            what: String::new(),
            start,
            end: start,
            syncs: false,
            names: Names::new(),
            contents: Vec::new(),
            stores: false,
        };
        match self.below(14) {
            0..3 => self.create(&mut step),
            3..6 => self.write(&mut step),
            6 => self.truncate(&mut step),
            7..9 => self.sync_file(&mut step),
            9 => self.rename(&mut step),
            10 => self.unlink(&mut step),
            11 => self.directory(&mut step),
            12 => self.link(&mut step),
            _ => self.all(&mut step),
        }
        step.names = self.names.clone();
        step.end = self.mounted.disk.position();
        self.steps.push(step);
    }

    fn create(&mut self, step: &mut Step) {
        let path = self.path();
        if self.names.contains_key(&path) {
            return;
        }
        step.what = format!("create {path}");
        self.mounted.tree.file(&path).unwrap();
        let id = FileId {
            inode: self.mounted.tree.find(&path).unwrap().inode().number(),
            made: self.steps.len(),
        };
        self.names.insert(path, Node::File(id));
        self.contents.insert(id, Vec::new());
        step.contents.push((id, Vec::new()));
    }

    fn write(&mut self, step: &mut Step) {
        let Some((path, id)) = self.file() else {
            return;
        };
        let content = self.contents.get(&id).cloned().unwrap();
        // At the end or anywhere, also behind the end.
        let offset = match self.below(3) {
            0 => content.len() as u64,
            _ => self.below(LARGEST / 2),
        };
        let length = 1 + self.below(LARGEST / 2);
        let offset = offset.min(LARGEST - length);
        let bytes = self.bytes(length);
        step.what = format!("write {length} bytes at {offset} of {path}, {id:?}");
        let file = self.open(&path, OpenFlags::WRITE_ONLY);
        let mut position = offset;
        let mut source = Source::kernel(&bytes);
        let written = file
            .operations()
            .write(&file, &mut source, &mut position)
            .unwrap();
        assert_eq!(written as u64, length);
        let mut content = content;
        content.resize(content.len().max((offset + length) as usize), 0);
        content[offset as usize..][..length as usize].copy_from_slice(&bytes);
        self.contents.insert(id, content.clone());
        step.contents.push((id, content));
    }

    fn truncate(&mut self, step: &mut Step) {
        let Some((path, id)) = self.file() else {
            return;
        };
        let size = self.below(LARGEST);
        step.what = format!("truncate {path}, {id:?}, to {size}");
        let location = self.mounted.tree.find(&path).unwrap();
        change::truncate(location.inode(), size).unwrap();
        let content = self.contents.get_mut(&id).unwrap();
        content.resize(size as usize, 0);
        step.contents.push((id, content.clone()));
    }

    fn sync_file(&mut self, step: &mut Step) {
        let Some((path, id)) = self.file() else {
            return;
        };
        let data_only = self.below(2) == 0;
        step.what = format!("fsync {path}, {id:?}, only data: {data_only}");
        let file = self.open(&path, OpenFlags::READ_WRITE);
        file.operations().sync(&file, data_only).unwrap();
        step.syncs = !data_only;
        step.stores = true;
        step.contents
            .push((id, self.contents.get(&id).cloned().unwrap()));
    }

    fn rename(&mut self, step: &mut Step) {
        let Some((from, id)) = self.file() else {
            return;
        };
        let to = self.path();
        let target = self.names.get(&to).cloned();
        if target == Some(Node::File(id)) || target == Some(Node::Directory) {
            return;
        }
        step.what = format!("rename {from}, {id:?}, to {to}, {target:?}");
        let tree = &self.mounted.tree;
        tree.rename(&from, &to, Replacement::Allowed).unwrap();
        self.names.remove(&from);
        self.names.insert(to, Node::File(id));
    }

    fn unlink(&mut self, step: &mut Step) {
        let path = self.path();
        if let Some(node) = self.names.get(&path).cloned() {
            step.what = format!("unlink {path}, {node:?}");
            self.mounted.tree.remove(&path, Removal::File).unwrap();
            self.names.remove(&path);
        }
    }

    fn directory(&mut self, step: &mut Step) {
        let path = DIRECTORIES[1 + self.below(2) as usize].to_string();
        if !self.names.contains_key(&path) {
            step.what = format!("mkdir {path}");
            self.mounted.tree.directory(&path).unwrap();
            self.names.insert(path, Node::Directory);
            return;
        }
        let inside = format!("{path}/");
        if !self.names.keys().any(|other| other.starts_with(&inside)) {
            step.what = format!("rmdir {path}");
            self.mounted.tree.remove(&path, Removal::Directory).unwrap();
            self.names.remove(&path);
        }
    }

    fn link(&mut self, step: &mut Step) {
        let path = self.path();
        if self.names.contains_key(&path) {
            return;
        }
        if self.below(2) == 0 {
            let target = "x".repeat(1 + self.below(200) as usize);
            step.what = format!("symlink {path}");
            self.mounted.tree.link(&path, &target).unwrap();
            self.names.insert(path, Node::Link(target));
        } else if let Some((source, id)) = self.file() {
            step.what = format!("link {source}, {id:?}, as {path}");
            self.mounted.tree.hard_link(&source, &path).unwrap();
            self.names.insert(path, Node::File(id));
        }
    }

    /// As the background thread does it, and sync(2).
    fn all(&mut self, step: &mut Step) {
        step.what = "sync".to_string();
        self.mounted.sync();
        step.syncs = true;
        step.stores = true;
        step.contents.extend(
            self.contents
                .iter()
                .map(|(&id, content)| (id, content.clone())),
        );
    }
}
