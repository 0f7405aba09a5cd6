//! The descriptor-based mount calls: fsopen, fsconfig, fsmount, open_tree, move_mount, mount_setattr.
//!
//! All of them work in the mount table of the paths and directory descriptors that they are given: through the
//! descriptor of another context's root a manager mounts in that context.

use super::mount::{check_privilege, check_revelation};
use super::mount_file::{ConfigurationFile, FloatingFile};
use super::open::install;
use super::{EMPTY_PATH, NO_AUTOMOUNT, NO_FOLLOW, at, read_text, usable_file};
use crate::syscall::{Arguments, extensible};
use crate::task::Current;
use crate::vfs::flags::OpenFlags;
use crate::vfs::mount::{Mount, MountFlags};
use crate::vfs::mount_copy::{self, FloatingMount};
use crate::vfs::mount_restrict::change_flags;
use crate::vfs::mount_table::Locking;
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{file_system, mount_table, open};
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::user::UserAddr;

/// `FSOPEN_CLOEXEC`, `FSMOUNT_CLOEXEC`.
const CLOSE_ON_EXEC: u32 = 1;

/// fsopen(type, flags).
pub fn fsopen(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check_privilege(current)?;
    let flags = arguments.u32(1);
    if flags & !CLOSE_ON_EXEC != 0 {
        return Err(Errno::EINVAL);
    }
    let file_system = file_system::find(&read_text(UserAddr(arguments.u64(0)))?)?;
    install(
        current,
        ConfigurationFile::open(file_system),
        flags & CLOSE_ON_EXEC != 0,
    )
}

const SET_FLAG: u32 = 0;
const SET_STRING: u32 = 1;
const SET_DESCRIPTOR: u32 = 5;
const CREATE: u32 = 6;

/// fsconfig(descriptor, command, key, value, auxiliary).
pub fn fsconfig(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check_privilege(current)?;
    let (command, key, value, auxiliary) = (
        arguments.u32(1),
        arguments.u64(2),
        arguments.u64(3),
        arguments.int(4),
    );
    let file = usable_file(current, arguments.fd(0))?;
    let configuration = ConfigurationFile::of(&file)?;
    match (command, key != 0, value != 0, auxiliary) {
        (SET_FLAG, true, false, 0) => configuration.set(&read_text(UserAddr(key))?, None)?,
        (SET_STRING, true, true, 0) => configuration.set(
            &read_text(UserAddr(key))?,
            Some(&read_text(UserAddr(value))?),
        )?,
        (SET_DESCRIPTOR, true, false, 0..) => {
            configuration.set_descriptor(&read_text(UserAddr(key))?, &*current.file(auxiliary)?)?;
        }
        (CREATE, false, false, 0) => configuration.create(current)?,
        (SET_FLAG | SET_STRING | SET_DESCRIPTOR | CREATE, ..) => return Err(Errno::EINVAL),
        _ => return Err(Errno::EOPNOTSUPP),
    }
    Ok(0)
}

/// Pairs of a `MOUNT_ATTR_*` bit and the flag that it is.
const ATTRIBUTES: [(u64, MountFlags); 6] = [
    (0x1, MountFlags::READ_ONLY),
    (0x2, MountFlags::NO_SETUID),
    (0x4, MountFlags::NO_DEVICES),
    (0x8, MountFlags::NO_EXECUTE),
    (0x80, MountFlags::NO_DIRECTORY_ACCESS_TIME),
    (0x20_0000, MountFlags::NO_SYMBOLIC_LINKS),
];
/// `MOUNT_ATTR__ATIME` and its values.
const ACCESS_TIME: u64 = 0x70;
const RELATIVE: u64 = 0;
const NONE: u64 = 0x10;
const STRICT: u64 = 0x20;
const KNOWN: u64 = 0x20_008f | ACCESS_TIME;

fn access_time(attributes: u64) -> Result<MountFlags> {
    match attributes & ACCESS_TIME {
        RELATIVE => Ok(MountFlags::RELATIVE_ACCESS_TIME),
        NONE => Ok(MountFlags::NO_ACCESS_TIME),
        STRICT => Ok(MountFlags::STRICT_ACCESS_TIME),
        _ => Err(Errno::EINVAL),
    }
}

fn plain_flags(attributes: u64) -> MountFlags {
    ATTRIBUTES
        .iter()
        .filter(|(bit, _)| attributes & bit != 0)
        .fold(MountFlags::empty(), |flags, (_, flag)| flags | *flag)
}

/// fsmount(descriptor, flags, attributes): an `O_PATH` descriptor of a mount that is at no place yet.
pub fn fsmount(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check_privilege(current)?;
    let (flags, attributes) = (arguments.u32(1), u64::from(arguments.u32(2)));
    if flags & !CLOSE_ON_EXEC != 0 || attributes & !KNOWN != 0 {
        return Err(Errno::EINVAL);
    }
    let mount_flags = plain_flags(attributes) | access_time(attributes)?;
    let file = usable_file(current, arguments.fd(0))?;
    let super_block = ConfigurationFile::of(&file)?.take()?;
    check_revelation(current, &super_block)?;
    let root = super_block.root().ok_or(Errno::EIO)?;
    let mount = FloatingMount::new(Mount::new(super_block, root, mount_flags));
    install(
        current,
        FloatingFile::open(mount),
        flags & CLOSE_ON_EXEC != 0,
    )
}

/// `OPEN_TREE_CLONE`, `OPEN_TREE_CLOEXEC`, `AT_RECURSIVE`.
const CLONE: u32 = 1;
const RECURSIVE: u32 = 0x8000;

/// open_tree(descriptor, path, flags).
pub fn open_tree(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(2);
    let close_on_exec = OpenFlags::CLOSE_ON_EXEC.bits();
    if flags & !(CLONE | RECURSIVE | EMPTY_PATH | NO_FOLLOW | NO_AUTOMOUNT | close_on_exec) != 0
        || flags & (CLONE | RECURSIVE) == RECURSIVE
    {
        return Err(Errno::EINVAL);
    }
    if flags & CLONE != 0 {
        check_privilege(current)?;
    }
    let mut how = WalkFlags::empty();
    how.set(WalkFlags::FOLLOW, flags & NO_FOLLOW == 0);
    how.set(WalkFlags::ALLOW_EMPTY, flags & EMPTY_PATH != 0);
    let file = at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| {
            let location = walk::resolve(view, start, path, how)?;
            if flags & CLONE == 0 {
                return open::open_found(view, location, OpenFlags::PATH);
            }
            let copy = if flags & RECURSIVE != 0 {
                mount_copy::clone_tree(&location)?
            } else {
                mount_copy::clone_mount(&location, MountFlags::empty())?
            };
            Ok(FloatingFile::open(copy))
        },
    )?;
    install(current, file, flags & close_on_exec != 0)
}

const FROM_LINKS: u32 = 0x1;
const FROM_EMPTY_PATH: u32 = 0x4;
const TO_LINKS: u32 = 0x10;
const TO_EMPTY_PATH: u32 = 0x40;
/// The automounts that both sides may trigger: there are none.
const AUTOMOUNTS: u32 = 0x22;

/// move_mount(from descriptor, from path, to descriptor, to path, flags).
pub fn move_mount(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check_privilege(current)?;
    let flags = arguments.u32(4);
    if flags & !(FROM_LINKS | FROM_EMPTY_PATH | TO_LINKS | TO_EMPTY_PATH | AUTOMOUNTS) != 0 {
        return Err(Errno::EINVAL);
    }
    let how = |links: u32, empty: u32| {
        let mut how = WalkFlags::empty();
        how.set(WalkFlags::FOLLOW, flags & links != 0);
        how.set(WalkFlags::ALLOW_EMPTY, flags & empty != 0);
        how
    };
    let from = at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| walk::resolve(view, start, path, how(FROM_LINKS, FROM_EMPTY_PATH)),
    )?;
    let to = at(
        current,
        arguments.fd(2),
        UserAddr(arguments.u64(3)),
        |view, start, path| walk::resolve(view, start, path, how(TO_LINKS, TO_EMPTY_PATH)),
    )?;
    if from.mount.is_floating() && Arc::ptr_eq(&from.node, from.mount.root()) {
        let locking = Locking::between(&current.fs().root(), &to);
        mount_table::attach(&from.mount, &to, locking)?;
    } else {
        mount_table::move_mount(&from, &to)?;
    }
    Ok(0)
}

/// `struct mount_attr`: what to set, what to clear, propagation, user namespace.
type MountAttributes = [u64; 4];
/// `MS_PRIVATE`, `MS_SLAVE`: see mount(2) here.
const PRIVATE: u64 = 1 << 18;
const SLAVE: u64 = 1 << 19;

/// mount_setattr(descriptor, path, flags, attributes, size).
pub fn mount_setattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(2);
    if flags & !(RECURSIVE | EMPTY_PATH | NO_FOLLOW | NO_AUTOMOUNT) != 0 {
        return Err(Errno::EINVAL);
    }
    check_privilege(current)?;
    let (address, size) = (UserAddr(arguments.u64(3)), arguments.usize(4));
    let [set, clear, propagation, _]: MountAttributes =
        extensible::read(address, size, size_of::<MountAttributes>())?;
    if (set | clear) & !KNOWN != 0 || !matches!(propagation, 0 | PRIVATE | SLAVE) {
        return Err(Errno::EINVAL);
    }
    // A policy for access times is changed as a whole or not at all.
    if (clear & ACCESS_TIME != 0) != (clear & ACCESS_TIME == ACCESS_TIME)
        || (set & ACCESS_TIME != 0 && clear & ACCESS_TIME == 0)
    {
        return Err(Errno::EINVAL);
    }
    let policy = if clear & ACCESS_TIME != 0 {
        Some(access_time(set)?)
    } else {
        None
    };
    let mut how = WalkFlags::empty();
    how.set(WalkFlags::FOLLOW, flags & NO_FOLLOW == 0);
    how.set(WalkFlags::ALLOW_EMPTY, flags & EMPTY_PATH != 0);
    let location = at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| walk::resolve(view, start, path, how),
    )?;
    if !Arc::ptr_eq(&location.node, location.mount.root()) {
        return Err(Errno::EINVAL);
    }
    let locking = Locking::between(&current.fs().root(), &location);
    change_flags(&location.mount, flags & RECURSIVE != 0, locking, |old| {
        let mut new = (old - plain_flags(clear)) | plain_flags(set);
        if let Some(policy) = policy {
            new -= MountFlags::RELATIVE_ACCESS_TIME
                | MountFlags::NO_ACCESS_TIME
                | MountFlags::STRICT_ACCESS_TIME;
            new |= policy;
        }
        new
    })?;
    Ok(0)
}
