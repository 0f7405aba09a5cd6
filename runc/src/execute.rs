//! Carries out a plan. Everything made on the way is held by descriptors, so that it vanishes with runc
//! however that ends; what must be made in a directory of the caller is undone when an operation fails.

mod child;
mod undo;
mod view;

pub use child::{Explanation, Start, Started, Streams};
pub use undo::undo_in;

use crate::config::{FileSystem, Mount, Restrictions, Root, Upper};
use crate::error::Error;
use crate::log::Log;
use crate::plan::{Operation, Plan};
use crate::system::copy;
use crate::system::layers;
use crate::system::pseudoterminal::{Pseudoterminal, Size};
use crate::system::tree::{self, Tree};
use gantry_abi::context::{ContextType, OpenFlags, PathRestriction};
use gantry_abi::user::{ContextDescriptor, Errno};
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use undo::Undo;

/// What has been made so far.
#[derive(Default)]
pub struct Container {
    /// Its process list, if it has one of its own.
    pub process_list: Option<ContextDescriptor>,
    /// Its hostname context, if it has one of its own.
    pub hostname: Option<ContextDescriptor>,
    /// Its VFS root, if it has one of its own.
    pub root: Option<ContextDescriptor>,
    /// The tree in that.
    pub tree: Option<Tree>,
    /// Its terminal.
    pub terminal: Option<Pseudoterminal>,
    undo: Undo,
}

impl Container {
    /// Carries out a plan's operations.
    pub fn prepare(&mut self, plan: &Plan, log: &Log) -> Result<(), Error> {
        for operation in &plan.operations {
            log.step(|| operation.to_string());
            self.carry_out(operation).map_err(|error| {
                Error::system(format!("{operation}{}", hint(operation, &error)), &error)
            })?;
        }
        Ok(())
    }

    /// The contexts of a container that runs already.
    pub fn of_contexts(
        process_list: Option<ContextDescriptor>,
        hostname: Option<ContextDescriptor>,
        root: Option<ContextDescriptor>,
    ) -> io::Result<Self> {
        let tree = match &root {
            Some(root) => Some(Tree::new(root.open_root()?.into())),
            None => None,
        };
        Ok(Self {
            process_list,
            hostname,
            root,
            tree,
            ..Self::default()
        })
    }

    /// Has what is made outside of the container written down in the folder at this path.
    pub fn write_down(&mut self, folder: PathBuf) {
        self.undo.write_to(folder);
    }

    /// What was made outside of the container stays: it runs.
    pub fn keep(&mut self) {
        self.undo.forget();
    }
}

/// What a user can do about an error that is a likely one.
fn hint(operation: &Operation, error: &io::Error) -> &'static str {
    let errno = error.raw_os_error().map(Errno::from_number);
    match (operation, errno) {
        (
            Operation::CreateProcessList
            | Operation::CreateRoot(_)
            | Operation::CreateHostname { .. },
            Some(Errno::EPERM),
        ) => " (only root may, outside of a jail)",
        (
            Operation::CreateProcessList
            | Operation::CreateRoot(_)
            | Operation::CreateHostname { .. },
            Some(Errno::ENOSYS),
        ) => " (this kernel has no contexts)",
        (Operation::CreateRoot(Root::Overlay(_)), Some(Errno::EBUSY)) => {
            " (its upper directory is in use with other layers)"
        }
        (Operation::CreateRoot(Root::Image(_) | Root::Overlay(_)), Some(Errno::ENODEV)) => {
            " (this kernel has no such file system)"
        }
        (Operation::CreateRoot(Root::Image(_)), Some(Errno::EINVAL | Errno::EIO)) => {
            " (it holds no EROFS image that this kernel can read)"
        }
        (
            Operation::Mount {
                make_target: false, ..
            },
            Some(Errno::ENOENT),
        ) => " (a mount point has to be made before)",
        (Operation::MakeDirectory { parents: false, .. }, Some(Errno::ENOENT)) => {
            " (its parent has to be made before)"
        }
        _ => "",
    }
}

impl Container {
    fn carry_out(&mut self, operation: &Operation) -> io::Result<()> {
        match operation {
            Operation::CreateProcessList => {
                let flags = OpenFlags::KILL_ON_CLOSE;
                self.process_list = Some(ContextDescriptor::new(ContextType::ProcessList, flags)?);
            }
            Operation::CreateHostname { name, domain } => {
                let context = ContextDescriptor::open(ContextType::Hostname, OpenFlags::empty())?;
                if let Some(name) = name {
                    context.set_hostname(name.as_bytes())?;
                }
                if let Some(domain) = domain {
                    context.set_domain_name(domain.as_bytes())?;
                }
                context.create()?;
                self.hostname = Some(context);
            }
            Operation::CreateRoot(root) => self.create_root(root)?,
            Operation::MakeDirectory {
                path,
                parents: false,
            } => self.make_directory(path)?,
            Operation::MakeDirectory {
                path,
                parents: true,
            } => self.make_directories(path)?,
            Operation::Mount {
                mount,
                target,
                restrictions,
                make_target,
            } => {
                self.mount(mount, target, *restrictions, *make_target)?;
            }
            Operation::Copy { source, target } => {
                self.undo.note(target)?;
                self.tree()?.copy_from_outside(source, target)?;
            }
            Operation::Link { path, target } => {
                self.undo.note(path)?;
                self.tree()?.make_link(path, target)?;
            }
            Operation::ProtectPath(path) => self.restrict(path, PathRestriction::ReadOnly)?,
            Operation::MaskPath(path) => self.restrict(path, PathRestriction::Masked)?,
            Operation::MakeTerminal {
                size,
                owner,
                is_console,
            } => self.make_terminal(*size, *owner, *is_console)?,
            Operation::ProtectRoot => {
                let restrictions = Restrictions {
                    read_only: true,
                    ..Restrictions::default()
                };
                self.tree()?.restrict_root(restrictions)?;
            }
        }
        Ok(())
    }

    /// The tree that the plan has made before anything in it.
    fn tree(&self) -> io::Result<&Tree> {
        self.tree
            .as_ref()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn create_root(&mut self, root: &Root) -> io::Result<()> {
        let context = ContextDescriptor::open(ContextType::VfsRoot, OpenFlags::empty())?;
        match root {
            Root::Empty => {}
            Root::FileSystem(file_system) => {
                let mount = tree::new_mount(file_system, Restrictions::default())?;
                context.attach_root(mount.as_raw_fd())?;
            }
            Root::Directory(path) => {
                let directory = tree::find_directory_outside(path)?;
                context.attach_root(directory.as_raw_fd())?;
                self.undo.start(path, Tree::new(directory));
            }
            Root::Image(path) => {
                let mount = layers::mount_image(path)?;
                context.attach_root(mount.as_raw_fd())?;
            }
            Root::Overlay(layers) => {
                let mount = layers::mount(layers)?;
                context.attach_root(mount.as_raw_fd())?;
                if let Upper::Directories { upper, .. } = &layers.upper {
                    self.undo.start(upper, Tree::new(mount));
                }
            }
        }
        context.create()?;
        self.tree = Some(Tree::new(context.open_root()?.into()));
        self.root = Some(context);
        Ok(())
    }

    fn make_directory(&mut self, path: &str) -> io::Result<()> {
        self.undo.note(path)?;
        self.tree()?.make_directory(path)?;
        Ok(())
    }

    fn make_directories(&mut self, path: &str) -> io::Result<()> {
        // A directory of the caller mostly has it already.
        if self.undo.is_active() && self.tree()?.find_directory(path).is_ok() {
            return Ok(());
        }
        for (end, _) in path.match_indices('/').skip(1) {
            self.make_directory(path.get(..end).unwrap_or(path))?;
        }
        if path == "/" {
            Ok(())
        } else {
            self.make_directory(path)
        }
    }

    fn mount(
        &mut self,
        mount: &Mount,
        target: &str,
        restrictions: Restrictions,
        make_target: bool,
    ) -> io::Result<()> {
        let copies_up = matches!(mount, Mount::FileSystem(file_system) if file_system.copies_up);
        let wanted = restrictions;
        let restrictions = Restrictions {
            // Not before the copy is there.
            read_only: wanted.read_only && !copies_up,
            ..wanted
        };
        let (mount, is_directory) = match mount {
            Mount::FileSystem(file_system) => (self.new_mount(file_system, restrictions)?, true),
            Mount::Bind { source, recursive } => {
                let source = outside(source)?;
                let is_directory = tree::is_directory(&source)?;
                (
                    tree::clone_mount(source, *recursive, restrictions)?,
                    is_directory,
                )
            }
        };
        if make_target {
            self.make_mount_point(target, is_directory)?;
        }
        if copies_up {
            copy::copy_up(&self.tree()?.find_directory(target)?, &mount)?;
            tree::restrict_mount(&mount, wanted)?;
        }
        tree::attach_mount(mount, self.tree()?.find(target)?)
    }

    fn new_mount(
        &self,
        file_system: &FileSystem,
        restrictions: Restrictions,
    ) -> io::Result<OwnedFd> {
        tree::new_mount(file_system, restrictions).map_err(|error| {
            let words = crate::error::cause_in_words(&error);
            io::Error::new(
                error.kind(),
                format!("the file system can't be made: {words}"),
            )
        })
    }

    fn make_mount_point(&mut self, path: &str, is_directory: bool) -> io::Result<()> {
        if is_directory {
            return self.make_directories(path);
        }
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !parent.is_empty() {
            self.make_directories(parent)?;
        }
        self.undo.note(path)?;
        self.tree()?.make_file(path)?;
        Ok(())
    }

    fn make_terminal(
        &mut self,
        size: Option<Size>,
        owner: u32,
        is_console: bool,
    ) -> io::Result<()> {
        let terminal = Pseudoterminal::open(self.tree()?, size)?;
        terminal.give_to(owner)?;
        if is_console {
            self.make_mount_point("/dev/console", false)?;
            let mount = tree::clone_mount(
                self.tree()?.find(&terminal.path)?,
                false,
                Restrictions::default(),
            )?;
            tree::attach_mount(mount, self.tree()?.find("/dev/console")?)?;
        }
        self.terminal = Some(terminal);
        Ok(())
    }

    /// Restricts a path, for good. Not every container has every path that a configuration lists.
    fn restrict(&self, path: &str, restriction: PathRestriction) -> io::Result<()> {
        let root = self.root.as_ref();
        let root = root.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        match root.restrict_path(&CString::new(path)?, restriction) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(()),
            result => Ok(result?),
        }
    }
}

/// The source of a bind mount; the error says that it is the source.
fn outside(path: &Path) -> io::Result<OwnedFd> {
    tree::find_outside(path).map_err(|error| {
        let words = crate::error::cause_in_words(&error);
        io::Error::new(error.kind(), format!("its source: {words}"))
    })
}
