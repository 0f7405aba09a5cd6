//! /proc/N and /proc/N/task/T: what is known of a process or a thread.

pub mod descriptors;
pub mod fail_nth;
pub mod links;
pub mod map_files;
pub mod memory;
pub mod namespaces;
pub mod numbers;
pub mod stat;
pub mod status;
pub mod threads;
pub mod usage;

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::directory::{self, Owner, TextInode};
use super::shown::{DirectoryInode, Entries, LinkInode};
use super::text::{Text, TextSource};
use crate::context::ProcessList;
use crate::task::inspection::{By, may_inspect};
use crate::task::{self, Current, Process, ProcessFlags, ThreadRef, registry};
use crate::vfs::inode::{DirectoryEntry, EntrySink};
use crate::vfs::{FileKind, Inode, InodeOperations, SuperBlock};
use crate::{Errno, Result};

/// What a directory here tells of: a process, or one thread of it.
#[derive(Clone)]
pub struct Subject {
    process: Arc<Process>,
    thread: Option<ThreadRef>,
}

impl Subject {
    /// A process as a whole.
    pub fn process(process: Arc<Process>) -> Self {
        Subject {
            process,
            thread: None,
        }
    }

    /// One thread.
    pub fn thread(process: Arc<Process>, thread: ThreadRef) -> Self {
        Subject {
            process,
            thread: Some(thread),
        }
    }

    /// The reader's process list, if the subject is still there and in it.
    ///
    /// # Errors
    /// `ESRCH`.
    pub fn check(&self, reader: &Current) -> Result<Arc<ProcessList>> {
        let list = reader.process().contexts().list().ok_or(Errno::ESRCH)?;
        let process = &self.process;
        let is_there =
            registry::find(process.host_pid()).is_some_and(|found| Arc::ptr_eq(&found, process));
        let is_member =
            list.is_boot() || process.contexts().is_member_of(&list) || process.is_zombie();
        if !is_there || !is_member || process.number().seen_by(&list).is_none() {
            return Err(Errno::ESRCH);
        }
        Ok(list)
    }

    /// The thread that stands for the subject: itself, or the process's oldest; `None` for a zombie.
    pub fn any_thread(&self) -> Option<ThreadRef> {
        self.thread.clone().or_else(|| self.process.any_thread())
    }

    /// Refuses readers that may not look into the subject's memory and files.
    ///
    /// # Errors
    /// `EACCES`, `ESRCH`.
    pub fn check_inspection(&self, reader: &Current) -> Result<Arc<ProcessList>> {
        let list = self.check(reader)?;
        let thread = self.any_thread();
        if may_inspect(reader, &self.process, thread.as_ref(), By::FileUser) {
            Ok(list)
        } else {
            Err(Errno::EACCES)
        }
    }

    /// Whether it is the reader's own process, which has what its descriptors lead to.
    fn is_process_of(&self, reader: &Current) -> bool {
        Arc::ptr_eq(reader.process(), &self.process)
    }

    /// Who owns what is in the subject's directory: root, if others of the subject's user may not look into it.
    fn content_owner(&self) -> Owner {
        if self.process.flags().contains(ProcessFlags::DUMPABLE) {
            self.owner()
        } else {
            Owner::ROOT
        }
    }

    /// Who owns the directory itself.
    fn owner(&self) -> Owner {
        self.any_thread().map_or(Owner::ROOT, |thread| {
            let credentials = thread.credentials();
            Owner {
                user: credentials.euid,
                group: credentials.egid,
            }
        })
    }

    fn host_number(&self) -> u32 {
        self.thread
            .as_ref()
            .map_or_else(|| self.process.host_pid(), |thread| thread.host_tid())
    }
}

/// Which entries a directory has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// /proc/N.
    Process,
    /// /proc/N/task/T.
    Thread,
}

/// One file about a process.
struct Item {
    name: &'static str,
    /// Permission bits.
    permissions: u32,
    kind: ItemKind,
    /// Whether threads have it too.
    in_threads: bool,
}

enum ItemKind {
    /// Text; the second function takes a written value.
    Text(
        fn(&Subject, &Current, &mut Text) -> Result<()>,
        Option<Store>,
    ),
    /// A link to an object.
    Link(links::Target),
    /// A directory.
    Directory(fn(&Subject) -> Box<dyn InodeOperations>),
}

type Store = fn(&Subject, &Current, &[u8]) -> Result<()>;

const fn text(name: &'static str, show: fn(&Subject, &Current, &mut Text) -> Result<()>) -> Item {
    Item {
        name,
        permissions: 0o444,
        kind: ItemKind::Text(show, None),
        in_threads: true,
    }
}

const fn private(
    name: &'static str,
    show: fn(&Subject, &Current, &mut Text) -> Result<()>,
) -> Item {
    Item {
        name,
        permissions: 0o400,
        kind: ItemKind::Text(show, None),
        in_threads: true,
    }
}

const fn link(name: &'static str, target: links::Target) -> Item {
    Item {
        name,
        permissions: 0o777,
        kind: ItemKind::Link(target),
        in_threads: true,
    }
}

const fn directory(
    name: &'static str,
    permissions: u32,
    make: fn(&Subject) -> Box<dyn InodeOperations>,
    in_threads: bool,
) -> Item {
    Item {
        name,
        permissions,
        kind: ItemKind::Directory(make),
        in_threads,
    }
}

static ITEMS: [Item; 24] = [
    directory("task", 0o555, threads::directory, false),
    directory("fd", 0o500, descriptors::directory, true),
    directory("fdinfo", 0o500, descriptors::information_directory, true),
    directory("map_files", 0o500, map_files::directory, false),
    directory("ns", 0o511, namespaces::directory, true),
    private("environ", memory::environ),
    text("cmdline", memory::cmdline),
    text("maps", memory::maps),
    text("smaps", usage::smaps),
    text("smaps_rollup", usage::smaps_rollup),
    text("statm", memory::statm),
    Item {
        name: "comm",
        permissions: 0o644,
        kind: ItemKind::Text(status::comm, Some(status::set_comm)),
        in_threads: true,
    },
    text("stat", stat::stat),
    text("status", status::status),
    text("limits", status::limits),
    text("mounts", links::mounts),
    text("mountinfo", links::mountinfo),
    private("personality", status::personality),
    link("cwd", links::Target::WorkingDirectory),
    link("root", links::Target::Root),
    link("exe", links::Target::Executable),
    text("oom_score", status::oom_score),
    Item {
        name: "oom_score_adj",
        permissions: 0o644,
        kind: ItemKind::Text(status::oom_adjustment, Some(status::set_oom_adjustment)),
        in_threads: true,
    },
    Item {
        name: "fail-nth",
        permissions: 0o644,
        kind: ItemKind::Text(fail_nth::show, Some(fail_nth::store)),
        in_threads: true,
    },
];

/// Places of directories and files about a process in the numbers of inodes.
const ITEM_BITS: u32 = 32;

/// The inode number of /proc/N, for the host's number of the process.
pub fn directory_number(host: u32) -> u64 {
    (u64::from(host) + 1) << ITEM_BITS
}

/// The inode number of something below it.
fn item_number(subject: &Subject, place: u64) -> u64 {
    directory_number(subject.host_number()) + 1 + place
}

/// The inode of /proc/N, or of /proc/N/task/T.
pub fn inode(super_block: &Arc<SuperBlock>, subject: Subject) -> Arc<Inode> {
    let number = directory_number(subject.host_number());
    let owner = subject.owner();
    let scope = if subject.thread.is_some() {
        Scope::Thread
    } else {
        Scope::Process
    };
    directory::inode(
        super_block,
        number,
        owner,
        FileKind::Directory,
        0o555,
        DirectoryInode(SubjectDirectory { subject, scope }),
    )
}

struct SubjectDirectory {
    subject: Subject,
    scope: Scope,
}

impl SubjectDirectory {
    fn items(&self) -> impl Iterator<Item = (usize, &'static Item)> {
        let is_thread = self.scope == Scope::Thread;
        ITEMS
            .iter()
            .enumerate()
            .filter(move |(_, item)| item.in_threads || !is_thread)
    }
}

impl Entries for SubjectDirectory {
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let subject = &self.subject;
        subject.check(&task::current()).map_err(|_| Errno::ENOENT)?;
        let (place, item) = self
            .items()
            .find(|(_, item)| item.name.as_bytes() == name)
            .ok_or(Errno::ENOENT)?;
        let super_block = directory.super_block();
        let number = item_number(subject, place as u64);
        let permissions = item.permissions;
        let owner = match item.kind {
            // What everybody may list stays the subject's.
            ItemKind::Directory(_) if permissions == 0o555 => subject.owner(),
            _ => subject.content_owner(),
        };
        Ok(match &item.kind {
            ItemKind::Text(show, store) => {
                let text = SubjectText {
                    subject: subject.clone(),
                    show: *show,
                    store: *store,
                };
                directory::inode(
                    super_block,
                    number,
                    owner,
                    FileKind::Regular,
                    permissions,
                    TextInode(text),
                )
            }
            ItemKind::Link(target) => {
                let link = LinkInode(links::SubjectLink::new(subject.clone(), *target));
                directory::inode(
                    super_block,
                    number,
                    owner,
                    FileKind::SymbolicLink,
                    permissions,
                    link,
                )
            }
            ItemKind::Directory(make) => {
                let attributes = crate::vfs::Attributes::new(
                    FileKind::Directory,
                    permissions,
                    owner.user,
                    owner.group,
                );
                Arc::new(Inode::new(super_block, number, attributes, make(subject)))
            }
        })
    }

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        self.subject
            .check(&task::current())
            .map_err(|_| Errno::ENOENT)?;
        for (place, item) in self
            .items()
            .skip_while(|(place, _)| (*place as u64) < position)
        {
            let kind = match item.kind {
                ItemKind::Text(..) => FileKind::Regular,
                ItemKind::Link(_) => FileKind::SymbolicLink,
                ItemKind::Directory(_) => FileKind::Directory,
            };
            let entry = DirectoryEntry {
                name: item.name.as_bytes(),
                inode: item_number(&self.subject, place as u64),
                kind,
                next: place as u64 + 1,
            };
            if !sink(&entry) {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Clone)]
struct SubjectText {
    subject: Subject,
    show: fn(&Subject, &Current, &mut Text) -> Result<()>,
    store: Option<Store>,
}

impl TextSource for SubjectText {
    fn show(&self, reader: &Current, text: &mut Text) -> Result<()> {
        self.subject.check(reader)?;
        (self.show)(&self.subject, reader, text)
    }

    fn store(&self, writer: &Current, value: &[u8]) -> Result<()> {
        self.subject.check(writer)?;
        match self.store {
            Some(store) => store(&self.subject, writer, value),
            None => Err(Errno::EACCES),
        }
    }
}
