//! VFS root contexts: a root directory and a private mount table.

use alloc::sync::Arc;

use gantry_abi::context::{ContextType, PathRestriction};
use gantry_abi::ioctl::{self, RestrictPath, UserBuffer};
use hal::user::UserAddr;

use super::descriptor::{copy_out, read_argument};
use super::{Context, Life, Registry};
use crate::task::{Current, Process, ThreadRef};
use crate::vfs::mount_restrict;
use crate::vfs::syscalls::mount::check_privilege as check_mount_privilege;
use crate::vfs::syscalls::user_path::with_path;
use crate::vfs::{
    File, FileKind, FsContext, Location, MountTable, OpenFlags, View, mount_text, open, permission,
};
use crate::{Errno, Result};

/// A VFS root context.
pub struct VfsRootContext {
    life: Life,
    mounts: Arc<MountTable>,
}

/// What the root of a described context will be: a directory, held so that it can't be unmounted
/// meanwhile; or a fresh RAMFS.
#[derive(Default)]
pub struct Root(Option<Location>);

static REGISTRY: Registry<VfsRootContext> = Registry::new();

impl VfsRootContext {
    /// A context with this mount table.
    pub(super) fn new(id: u64, mounts: Arc<MountTable>) -> Self {
        VfsRootContext {
            life: Life::new(id),
            mounts,
        }
    }

    /// The mount table.
    pub fn mounts(&self) -> &Arc<MountTable> {
        &self.mounts
    }

    /// The root directory.
    pub fn root(&self) -> Location {
        self.mounts.root()
    }

    /// `RESTRICT_PATH`: makes a path read-only or hides it.
    fn restrict_path(&self, current: &Current, argument: u64) -> Result<usize> {
        check_mount_privilege(current)?;
        let request: RestrictPath = read_argument(argument)?;
        let restriction = PathRestriction::from_number(request.restriction).ok_or(Errno::EINVAL)?;
        let fs = current.fs();
        let credentials = current.credentials();
        let view = View {
            fs: &fs,
            credentials: &credentials,
        };
        with_path(UserAddr(request.path), |path| {
            mount_restrict::restrict_path(&self.mounts, &view, path, restriction)
        })?;
        Ok(0)
    }

    /// Root and working directory of who comes from `fs`: this context's root, and the directory that was chosen
    /// in this context's tree from outside, else its root.
    pub(super) fn directories_after(&self, fs: &FsContext) -> Arc<FsContext> {
        let new = FsContext::new(self.root());
        let working = fs.working_directory();
        if self.mounts.contains(&working) {
            new.set_working_directory(working);
        }
        new.set_umask(fs.umask());
        new
    }

    /// Moves every thread of a process to this context's root. Whoever shares directories with another process
    /// gets its own: contexts are a process's.
    fn move_process_in(&self, process: &Process) {
        let old = process.any_thread().and_then(|thread| thread.directories());
        let fs = match old {
            Some(old) => self.directories_after(&old),
            None => FsContext::new(self.root()),
        };
        let threads = process.shared().lock().threads.clone();
        for thread in threads {
            set_directories(&thread, Arc::clone(&fs));
        }
    }

    /// A new thread, which isn't started, has directories of the time when its process was in `before`: if another
    /// thread has entered a context since, it goes there as well.
    pub fn follow(before: Option<&Arc<VfsRootContext>>, thread: &ThreadRef) {
        let now = thread.process().contexts().vfs_root();
        if let Some(now) = now
            && before.is_none_or(|before| !Arc::ptr_eq(before, &now))
            && let Some(old) = thread.directories()
        {
            set_directories(thread, now.directories_after(&old));
        }
    }

    /// Leaves what lies in another mount table: descriptors of directories there are closed, and a working
    /// directory there (chosen between entering and exec) gives way to the root.
    pub(super) fn leave_foreign_directories(&self, current: &Current) {
        let fs = current.fs();
        if !self.mounts.contains(&fs.working_directory()) || !self.mounts.contains(&fs.root()) {
            fs.replace(self.root());
        }
        current
            .files()
            .close_where(|_, file| self.is_foreign_directory(file));
    }

    /// Whether a file is a directory that isn't in this context.
    fn is_foreign_directory(&self, file: &File) -> bool {
        file.location().is_some_and(|location| {
            location.inode().kind() == FileKind::Directory && !self.mounts.contains(location)
        })
    }

    /// Whether a member may be given an open file through a socket: in a container no directory of another context,
    /// through which it would reach that one's files.
    pub fn may_receive(&self, file: &File) -> bool {
        self.life.is_boot() || !self.is_foreign_directory(file)
    }
}

impl Context for VfsRootContext {
    const TYPE: ContextType = ContextType::VfsRoot;
    type Description = Root;

    fn life(&self) -> &Life {
        &self.life
    }

    fn registry() -> &'static Registry<Self> {
        &REGISTRY
    }

    fn create(id: u64, root: &Root, current: &Current) -> Result<Self> {
        let mounts = match &root.0 {
            Some(directory) => MountTable::create_root_from(directory)?,
            None => MountTable::create_empty_root()?,
        };
        mounts.lock_root(&current.fs().root());
        Ok(VfsRootContext::new(id, mounts))
    }

    fn configure(root: &mut Root, current: &Current, request: u32, argument: u64) -> Result<usize> {
        match request {
            ioctl::ATTACH_ROOT_FILESYSTEM_AT_FD => {
                let old = core::mem::replace(&mut root.0, find_root(current, argument as i32)?);
                drop(old);
                Ok(0)
            }
            ioctl::OPEN_ROOT | ioctl::LIST_MOUNTS | ioctl::RESTRICT_PATH => Err(Errno::ENXIO),
            _ => Err(Errno::EINVAL),
        }
    }

    fn command(
        context: &Arc<Self>,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        match request {
            ioctl::ATTACH_ROOT_FILESYSTEM_AT_FD => Err(Errno::EBUSY),
            ioctl::OPEN_ROOT => {
                let fs = current.fs();
                let credentials = current.credentials();
                let view = View {
                    fs: &fs,
                    credentials: &credentials,
                };
                let file = open::open_found(
                    &view,
                    context.root(),
                    OpenFlags::PATH | OpenFlags::DIRECTORY,
                )?;
                super::syscalls::install(current, file)
            }
            ioctl::LIST_MOUNTS => {
                let text = mount_text::mount_info(&context.root())?;
                copy_out(&read_argument::<UserBuffer>(argument)?, &text)?;
                Ok(text.len())
            }
            ioctl::RESTRICT_PATH => context.restrict_path(current, argument),
            _ => Err(Errno::EINVAL),
        }
    }

    fn attached(context: &Arc<Self>, process: &Arc<Process>) {
        context.move_process_in(process);
    }

    fn destroy(&self) {
        self.mounts.dismantle();
    }
}

/// Gives a thread a root and a working directory.
fn set_directories(thread: &ThreadRef, fs: Arc<FsContext>) {
    let old = thread.replace_resources(|resources| {
        if let Some(resources) = resources {
            resources.fs = fs;
        }
    });
    drop(old);
}

/// The directory of a descriptor, for a new root; `None` for a negative one: a fresh RAMFS.
fn find_root(current: &Current, descriptor: i32) -> Result<Option<Location>> {
    if descriptor < 0 {
        return Ok(None);
    }
    let file = current.files().get(descriptor)?;
    // A descriptor without a place (a context, a socket) can't be a root whatever it is.
    let Some(location) = file.location() else {
        return Err(if super::descriptor::of_file(&file).is_some() {
            Errno::EINVAL
        } else {
            Errno::ENOTDIR
        });
    };
    if location.inode().kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    permission::check(
        location.inode(),
        &current.credentials(),
        permission::EXECUTE,
    )?;
    Ok(Some(location.clone()))
}
