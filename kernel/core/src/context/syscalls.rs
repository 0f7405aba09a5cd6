//! The container calls, 1024 to 1028.

use alloc::sync::Arc;
use alloc::vec::Vec;

use gantry_abi::context::{ContextType, CopyMountFlags, EnterFlags, OpenFlags};
use hal::user::{self, StringError, UserAddr};

use super::descriptor::{self, DescriptorFile};
use super::hostname::{NAME_MAX, Name};
use super::{VfsRootContext, jail, set};
use crate::heap::MakeRoom;
use crate::syscall::Arguments;
use crate::task::{Capability, Current, Resource};
use crate::vfs::mount_table::Locking;
use crate::vfs::name::PATH_MAX;
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{File, MountFlags, View};
use crate::{Errno, Result};

/// The descriptor that stands for the working directory.
const AT_FDCWD: i32 = -100;

/// Refuses callers that may not handle contexts, before anything else is looked at: `EPERM`. Effective user 0 doesn't
/// suffice: a container's root that was not granted CAP_SYS_ADMIN could otherwise make the contexts, and so the mounts,
/// that the capability is there to keep from it.
fn check_caller(current: &Current) -> Result<()> {
    let credentials = current.credentials();
    if credentials.euid != 0 {
        return Err(Errno::EPERM);
    }
    credentials.require(Capability::SysAdmin)?;
    jail::refuse(current)
}

fn context_type(number: i32) -> Result<ContextType> {
    if number < 0 {
        return Err(Errno::EINVAL);
    }
    ContextType::from_number(number).ok_or(Errno::EOPNOTSUPP)
}

/// Gives a file the lowest free descriptor, close-on-exec.
///
/// # Errors
/// `EMFILE`, `ENOMEM`.
pub(super) fn install(current: &Current, file: Arc<File>) -> Result<usize> {
    let limit = current.process().limit(Resource::OpenFiles);
    current
        .files()
        .install(file, true, 0, limit)
        .map(|descriptor| descriptor as usize)
}

/// `unshare_open(type, flags)`: a descriptor of a context that doesn't exist yet.
///
/// # Errors
/// `EPERM`; `EINVAL` for a negative type and unknown flags, `EOPNOTSUPP` for an unknown type; `EMFILE`, `ENOMEM`.
pub fn unshare_open(current: &Current, arguments: &mut Arguments<'_>) -> Result<usize> {
    check_caller(current)?;
    let context_type = context_type(arguments.int(0))?;
    let flags = OpenFlags::from_bits(arguments.u32(1)).ok_or(Errno::EINVAL)?;
    if flags.contains(OpenFlags::KILL_ON_CLOSE) && context_type != ContextType::ProcessList {
        return Err(Errno::EINVAL);
    }
    hal::frame::headroom()?;
    install(
        current,
        DescriptorFile::open(set::describe(context_type, flags)),
    )
}

/// `unshare_create(fd)`: makes the context; its id.
///
/// # Errors
/// `EPERM`, `EBADF`; `EINVAL` unless it is a context descriptor; `EEXIST` if it is created already; `ENOMEM`.
pub fn unshare_create(current: &Current, arguments: &mut Arguments<'_>) -> Result<usize> {
    check_caller(current)?;
    let file = current.files().get(arguments.fd(0))?;
    let id = descriptor::of_file(&file)
        .ok_or(Errno::EINVAL)?
        .create(current)?;
    usize::try_from(id).map_err(|_| Errno::EOVERFLOW)
}

/// `unshare_enter(fd, flags)`: replaces the caller's context.
///
/// # Errors
/// `EPERM`, `EBADF`; `EINVAL` unless it is a context descriptor, or for bad flags; `ENXIO` before creation;
/// `EAGAIN` for a process list that can't be joined any more.
pub fn unshare_enter(current: &Current, arguments: &mut Arguments<'_>) -> Result<usize> {
    check_caller(current)?;
    let file = current.files().get(arguments.fd(0))?;
    let descriptor = descriptor::of_file(&file).ok_or(Errno::EINVAL)?;
    let flags = EnterFlags::from_bits(arguments.u32(1))
        .filter(|flags| flags.is_valid())
        .ok_or(Errno::EINVAL)?;
    descriptor.enter(current, flags)?;
    Ok(0)
}

/// `unshare_reopen(type, id)`: a further descriptor, for callers in the boot list.
///
/// # Errors
/// `EPERM` inside a list; type as [`unshare_open`]; `ESRCH` for an id that no context has; `EMFILE`, `ENOMEM`.
pub fn unshare_reopen(current: &Current, arguments: &mut Arguments<'_>) -> Result<usize> {
    check_caller(current)?;
    if !current.process().contexts().sees_everyone() {
        return Err(Errno::EPERM);
    }
    let context_type = context_type(arguments.int(0))?;
    hal::frame::headroom()?;
    install(
        current,
        DescriptorFile::open(set::reopen(context_type, arguments.u64(1))?),
    )
}

/// `copy_mount(from_dirfd, from_path, context_fd, to_path, flags)`: mounts in a context what the caller
/// sees at a path.
///
/// # Errors
/// `EPERM`, those of the path walk; `EBADF`, `EINVAL`, `ENXIO` for the context; `EINVAL` for unknown flags;
/// `EINVAL` if a locked mount lies below the source; `EBUSY` for "/" or a mount point; `ENOTDIR`, `EISDIR`, `ENOMEM`.
pub fn copy_mount(current: &Current, arguments: &mut Arguments<'_>) -> Result<usize> {
    check_caller(current)?;
    let fs = current.fs();
    let credentials = current.credentials();
    let view = View {
        fs: &fs,
        credentials: &credentials,
    };
    let source = with_path(UserAddr(arguments.u64(1)), |path| {
        let start = match arguments.fd(0) {
            _ if path.first() == Some(&b'/') => None,
            AT_FDCWD => None,
            descriptor => Some(
                current
                    .files()
                    .get(descriptor)?
                    .location()
                    .cloned()
                    .ok_or(Errno::ENOTDIR)?,
            ),
        };
        walk::resolve(&view, start.as_ref(), path, WalkFlags::FOLLOW)
    })?;
    let context_fd = arguments.fd(2);
    let context = if context_fd == -1 {
        None
    } else {
        let file = current.files().get(context_fd)?;
        Some(descriptor::context_of_file::<VfsRootContext>(&file)?)
    };
    let target = with_path(UserAddr(arguments.u64(3)), |path| match &context {
        // Looked up as a process in that context would, with its root as the working directory.
        Some(context) => walk::resolve(
            &view,
            Some(&context.root()),
            path,
            WalkFlags::FOLLOW | WalkFlags::IN_ROOT,
        ),
        None => walk::resolve(&view, None, path, WalkFlags::FOLLOW),
    })?;
    let context = match context {
        Some(context) => context,
        None => current
            .process()
            .contexts()
            .vfs_root()
            .ok_or(Errno::ESRCH)?,
    };
    let flags = CopyMountFlags::from_bits(arguments.u32(4)).ok_or(Errno::EINVAL)?;
    context.mounts().copy_mount(
        &source,
        &target,
        MountFlags::from_bits_truncate(flags.bits()),
        Locking::between(&fs.root(), &target),
    )?;
    Ok(0)
}

/// Runs `action` with the path at this address.
///
/// # Errors
/// `EFAULT`, `ENAMETOOLONG`, `ENOMEM`.
fn with_path<R>(address: UserAddr, action: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let mut path = Vec::new();
    path.make_room_exact(PATH_MAX)?;
    path.resize(PATH_MAX, 0);
    let length = user::read_string(address, &mut path).map_err(|error| match error {
        StringError::Fault => Errno::EFAULT,
        StringError::TooLong => Errno::ENAMETOOLONG,
    })?;
    action(path.get(..length).unwrap_or_default())
}

/// Reads a host or domain name.
///
/// # Errors
/// `EINVAL` beyond [`NAME_MAX`] bytes, `EFAULT`.
pub(super) fn read_name(address: u64, length: u64) -> Result<Name> {
    let mut bytes = [0; NAME_MAX];
    let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
    let name = bytes.get_mut(..length).ok_or(Errno::EINVAL)?;
    user::copy_from_user(name, UserAddr(address)).map_err(|_| Errno::EFAULT)?;
    Name::new(name)
}
