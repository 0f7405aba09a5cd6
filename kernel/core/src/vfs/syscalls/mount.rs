//! mount, umount2, pivot_root (mount(2), umount(2)).
//!
//! Mounts are private: nothing propagates, so making one private or a slave (of nothing) changes nothing and making one
//! shared is refused. Remounting changes the mount it is asked of; other mounts of the same file system stay as they
//! are, so that no context takes writing from another one.

use super::user_path::with_path;
use super::{WORKING_DIRECTORY, at, read_text, with_view};
use crate::syscall::Arguments;
use crate::task::{Capability, Current};
use crate::vfs::file_system::{self, MountRequest};
use crate::vfs::location::Location;
use crate::vfs::mount::{Mount, MountFlags};
use crate::vfs::mount_copy::{self, FloatingMount};
use crate::vfs::mount_restrict::change_flags;
use crate::vfs::mount_table::{self, Locking};
use crate::vfs::path_node::NAMES;
use crate::vfs::super_block::SuperBlock;
use crate::vfs::unmount;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::user::UserAddr;

const REMOUNT: u32 = 0x20;
/// `MS_NOATIME`, `MS_NODIRATIME`, `MS_RELATIME`, `MS_STRICTATIME`.
const ACCESS_TIMES: u32 = 0x120_0c00;
const BIND: u32 = 0x1000;
const MOVE: u32 = 0x2000;
const RECURSIVE: u32 = 0x4000;
const UNBINDABLE: u32 = 1 << 17;
const PRIVATE: u32 = 1 << 18;
const SLAVE: u32 = 1 << 19;
const SHARED: u32 = 1 << 20;
/// What very old programs put into the upper half.
const MAGIC: u32 = 0xc0ed_0000;
const MAGIC_MASK: u32 = 0xffff_0000;

/// Whether the caller may change mounts: with CAP_SYS_ADMIN, outside a jail.
///
/// # Errors
/// `EPERM`.
pub fn check_privilege(current: &Current) -> Result<()> {
    crate::context::jail::refuse(current)?;
    current.require(Capability::SysAdmin)
}

/// The flags of a mount from those of mount(2); access times are relative unless asked otherwise.
fn mount_flags(flags: u32) -> MountFlags {
    let mut result = MountFlags::from_bits_truncate(flags);
    if result.contains(MountFlags::STRICT_ACCESS_TIME) {
        result -= MountFlags::NO_ACCESS_TIME | MountFlags::RELATIVE_ACCESS_TIME;
    }
    if !result.intersects(MountFlags::NO_ACCESS_TIME | MountFlags::STRICT_ACCESS_TIME) {
        result |= MountFlags::RELATIVE_ACCESS_TIME;
    }
    result
}

fn is_mount_root(location: &Location) -> bool {
    Arc::ptr_eq(&location.node, location.mount.root())
}

/// mount(source, target, type, flags, data).
pub fn mount(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let mut flags = arguments.u32(3);
    if flags & MAGIC_MASK == MAGIC {
        flags &= !MAGIC_MASK;
    }
    let data = read_text(UserAddr(arguments.u64(4)))?;
    let target = at(
        current,
        WORKING_DIRECTORY,
        UserAddr(arguments.u64(1)),
        |view, start, path| walk::resolve(view, start, path, WalkFlags::FOLLOW),
    )?;
    check_privilege(current)?;
    let source_address = UserAddr(arguments.u64(0));
    match flags {
        _ if flags & (REMOUNT | BIND) == REMOUNT | BIND => remount(current, &target, flags, None),
        _ if flags & REMOUNT != 0 => remount(current, &target, flags, Some(&data)),
        _ if flags & BIND != 0 => bind(current, source_address, &target, flags & RECURSIVE != 0),
        _ if flags & (SHARED | PRIVATE | SLAVE | UNBINDABLE) != 0 => propagation(&target, flags),
        _ if flags & MOVE != 0 => {
            let source = resolve_source(current, source_address)?;
            mount_table::move_mount(&source, &target)
        }
        _ => {
            let type_name = read_text(UserAddr(arguments.u64(2)))?;
            let source = read_text(source_address)?;
            let file_system = file_system::find(&type_name)?;
            let request = MountRequest {
                source: &source,
                options: &data,
                read_only: mount_flags(flags).contains(MountFlags::READ_ONLY),
                directories: &[],
                current: Some(current),
            };
            let super_block = file_system.create(&request)?;
            check_revelation(current, &super_block)?;
            let root = super_block.root().ok_or(Errno::EIO)?;
            let mount = FloatingMount::new(Mount::new(super_block, root, mount_flags(flags)));
            attach(current, &mount, &target)
        }
    }?;
    Ok(0)
}

fn resolve_source(current: &Current, address: UserAddr) -> Result<Location> {
    with_path(address, |path| {
        with_view(current, |view| {
            walk::resolve(view, None, path, WalkFlags::FOLLOW)
        })
    })
}

/// Puts a mount in its place, locked in a tree that isn't the caller's.
///
/// # Errors
/// As [`mount_table::attach`].
pub(super) fn attach(current: &Current, mount: &FloatingMount, target: &Location) -> Result<()> {
    let locking = Locking::between(&current.fs().root(), target);
    mount_table::attach(mount.mount(), target, locking)
}

/// Refuses a new instance of a file system that would show what is masked in the caller's tree.
///
/// # Errors
/// `EPERM`.
pub(super) fn check_revelation(current: &Current, super_block: &SuperBlock) -> Result<()> {
    let root = current.fs().root();
    if super_block.operations().shows_system() && root.mount.top(&NAMES.read()).is_confined() {
        return Err(Errno::EPERM);
    }
    Ok(())
}

fn remount(current: &Current, target: &Location, flags: u32, options: Option<&[u8]>) -> Result<()> {
    if !is_mount_root(target) {
        return Err(Errno::EINVAL);
    }
    let locking = Locking::between(&current.fs().root(), target);
    if let Some(options) = options.filter(|options| !options.is_empty()) {
        target.mount.reconfigure(options)?;
    }
    if options.is_some() {
        let read_only = mount_flags(flags).contains(MountFlags::READ_ONLY);
        target.mount.set_read_only(read_only)?;
    }
    change_flags(&target.mount, false, locking, |old| {
        let mut new = mount_flags(flags);
        // As Linux: without a word about access times their policy stays.
        if flags & ACCESS_TIMES == 0 {
            new -= MountFlags::RELATIVE_ACCESS_TIME;
            new |= old & (MountFlags::RELATIVE_ACCESS_TIME | old.access_time_policy());
        }
        new
    })
}

fn bind(current: &Current, source: UserAddr, target: &Location, recursive: bool) -> Result<()> {
    let source = resolve_source(current, source)?;
    let copy = if recursive {
        mount_copy::clone_tree(&source)?
    } else {
        mount_copy::clone_mount(&source, MountFlags::empty())?
    };
    attach(current, &copy, target)
}

fn propagation(target: &Location, flags: u32) -> Result<()> {
    let kind = flags & (SHARED | PRIVATE | SLAVE | UNBINDABLE);
    if !is_mount_root(target) || !matches!(kind, PRIVATE | SLAVE) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// `MNT_FORCE`, `MNT_DETACH`, `MNT_EXPIRE`, `UMOUNT_NOFOLLOW`.
const FORCE: u32 = 1;
const DETACH: u32 = 2;
const EXPIRE: u32 = 4;
const NO_FOLLOW: u32 = 8;

/// umount2(target, flags). Forcing changes nothing: no file system here waits for a server.
pub fn umount2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(1);
    if flags & !(FORCE | DETACH | EXPIRE | NO_FOLLOW) != 0
        || (flags & EXPIRE != 0 && flags & (FORCE | DETACH) != 0)
    {
        return Err(Errno::EINVAL);
    }
    check_privilege(current)?;
    let mut how = WalkFlags::empty();
    how.set(WalkFlags::FOLLOW, flags & NO_FOLLOW == 0);
    let target = at(
        current,
        WORKING_DIRECTORY,
        UserAddr(arguments.u64(0)),
        |view, start, path| walk::resolve(view, start, path, how),
    )?;
    if flags & EXPIRE != 0 {
        // Expiry takes two calls with no use between them; uses are not remembered, so each call is the first one.
        return if is_mount_root(&target) {
            Err(Errno::EAGAIN)
        } else {
            Err(Errno::EINVAL)
        };
    }
    if flags & DETACH != 0 {
        unmount::unmount_lazily(target)?;
    } else {
        unmount::unmount(target)?;
    }
    Ok(0)
}

/// pivot_root(new root, place for the old one): a root is chosen when its context is made, never exchanged.
pub fn pivot_root(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    check_privilege(current)?;
    Err(Errno::EINVAL)
}
