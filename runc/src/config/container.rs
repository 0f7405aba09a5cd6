//! What both kinds of configuration describe.

use super::capabilities::Capabilities;
use super::hooks::Hooks;
use crate::system::pseudoterminal::Size;
use std::path::PathBuf;

/// A container, checked: what it has of its own, and the program that runs in it.
#[derive(Debug, Clone)]
pub struct Container {
    /// Has its own process list.
    pub own_process_list: bool,
    /// Its own tree of files; `None`: the caller's.
    pub tree: Option<Tree>,
    /// Its own hostname context: a name, or (`Some(None)`) a copy of the caller's. `None`: the caller's own.
    pub hostname: Option<Option<String>>,
    /// The NIS domain name beside it, if that isn't to be a copy of the caller's.
    pub domain_name: Option<String>,
    /// Its program is jailed until it exits.
    pub jail: bool,
    /// The program.
    pub process: Process,
    /// Programs of the caller that run on the way.
    pub hooks: Hooks,
    /// What others want to know of it: names and values.
    pub annotations: Vec<(String, String)>,
}

/// A tree of files.
#[derive(Debug, Clone)]
pub struct Tree {
    /// What its root is.
    pub root: Root,
    /// What is made in it, in this order.
    pub objects: Vec<Object>,
    /// Its root mount is read-only once everything is in place.
    pub read_only: bool,
}

/// The root of a tree.
#[derive(Debug, Clone)]
pub enum Root {
    /// An empty RAMFS.
    Empty,
    /// A new file system.
    FileSystem(FileSystem),
    /// A directory of the caller's tree.
    Directory(PathBuf),
    /// The file system in an image file of the caller's tree, which can't be written.
    Image(PathBuf),
    /// Layers upon each other.
    Overlay(Layers),
}

/// What an overlay is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layers {
    /// Directories and image files of the caller's tree that are only read, the uppermost first.
    pub lowers: Vec<PathBuf>,
    /// Where changes go.
    pub upper: Upper,
    /// Restrictions of the overlay's mount.
    pub restrictions: Restrictions,
}

/// The layer of an overlay that is written to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Upper {
    /// There is none.
    #[default]
    None,
    /// Memory, which goes with the overlay.
    Memory,
    /// Directories of the caller's tree, in one file system: for the changes, and to make them in.
    Directories {
        /// What is written.
        upper: PathBuf,
        /// What is being written.
        work: PathBuf,
    },
}

/// A file system to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// The kernel's name for its type.
    pub kind: &'static str,
    /// What is shown as its source, if anything.
    pub source: Option<String>,
    /// Its own options: names and values.
    pub options: Vec<(String, Option<String>)>,
    /// It starts with a copy of what its mount point holds.
    pub copies_up: bool,
}

impl FileSystem {
    /// Lets the kernel fill it with the devices and links that every container's /dev holds (config-linux.md, "Default
    /// Devices"; runtime-linux.md, "Dev symbolic links"), unless its options say otherwise. The console comes with a
    /// terminal.
    pub fn fill_with_devices(&mut self) {
        const NODES: &str = "nodes";
        if self.options.iter().all(|(name, _)| name != NODES) {
            let value = Some("default".to_owned());
            self.options.push((NODES.to_owned(), value));
        }
    }
}

/// Restrictions of a mount, and its policy for access times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restrictions {
    /// No writing.
    pub read_only: bool,
    /// Set-id bits have no effect.
    pub no_setuid: bool,
    /// Device nodes can't be opened.
    pub no_devices: bool,
    /// Programs can't be executed.
    pub no_execute: bool,
    /// Symbolic links are not followed.
    pub no_links: bool,
    /// Access times of directories stay.
    pub no_directory_access_times: bool,
    /// `None`: as the kernel or the source of a bind mount has it.
    pub access_times: Option<AccessTimes>,
}

/// When access times move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessTimes {
    /// Past changes, and once a day.
    Relative,
    /// Never.
    Never,
    /// Always.
    Always,
}

/// What is mounted.
#[derive(Debug, Clone)]
pub enum Mount {
    /// A new file system.
    FileSystem(FileSystem),
    /// A file or directory of the caller's tree, with the mounts below it if `recursive`.
    Bind {
        /// Its path in the caller's tree.
        source: PathBuf,
        /// Mounts below it come along.
        recursive: bool,
    },
}

/// Something in a container's tree. Paths inside are absolute and free of `.`, `..` and empty parts.
#[derive(Debug, Clone)]
pub enum Object {
    /// A directory.
    Directory {
        /// Where.
        path: String,
        /// Missing parents are made too.
        parents: bool,
    },
    /// A mount.
    Mount {
        /// Of what.
        mount: Mount,
        /// Where.
        target: String,
        /// How.
        restrictions: Restrictions,
        /// A missing mount point is made, with its parents.
        make_target: bool,
    },
    /// A copy of a regular file of the caller's tree, with its owner and mode.
    Copy {
        /// Its path in the caller's tree.
        source: PathBuf,
        /// Where the copy goes.
        target: String,
    },
    /// A symbolic link.
    SymbolicLink {
        /// Where.
        path: String,
        /// What it contains.
        target: String,
    },
    /// What is there, if anything is, can't be written.
    ReadOnly(String),
    /// What is there, if anything is, can't be seen: a directory is empty, a file reads empty.
    Masked(String),
}

/// The container's program.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its name and arguments; empty: the configuration names no program.
    pub arguments: Vec<String>,
    /// NAME=value
    pub environment: Vec<String>,
    /// Absolute; `None`: wherever the container starts.
    pub working_directory: Option<String>,
    /// `None`: the caller's.
    pub umask: Option<u32>,
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
    /// Additional group ids; `None` with `user` and `group` 0: all as the caller's.
    pub additional_groups: Vec<u32>,
    /// Identity is set at all; otherwise it stays the caller's.
    pub set_identity: bool,
    /// exec gives no privilege.
    pub no_new_privileges: bool,
    /// `None`: the caller's, as exec leaves them.
    pub capabilities: Option<Capabilities>,
    /// `None`: the caller's.
    pub scheduling: Option<Scheduling>,
    /// As ioprio_set(2) takes it; `None`: the caller's.
    pub io_priority: Option<u32>,
    /// Processors that a further process of the container runs on, one bit each; empty: those of its caller.
    pub affinity: Vec<u64>,
    /// What is added to the score by which processes end for want of memory; `None`: the caller's.
    pub memory_score: Option<i32>,
    /// The execution domain (personality(2)); `None`: the caller's.
    pub personality: Option<u32>,
    /// Resource limits.
    pub limits: Vec<Limit>,
    /// A terminal of its own as standard input, output and error.
    pub terminal: bool,
    /// That terminal's size at first.
    pub terminal_size: Option<Size>,
}

/// How the program is scheduled (sched_setattr(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheduling {
    /// The policy's number.
    pub policy: u32,
    /// The nice level.
    pub nice: i32,
    /// SCHED_FLAG_*
    pub flags: u64,
}

/// A resource limit (getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name, RLIMIT_*.
    pub name: &'static str,
    /// Its number.
    pub resource: u32,
    /// What holds.
    pub soft: u64,
    /// How far it can be raised.
    pub hard: u64,
}
