//! fstat, newfstatat, statx (stat(2), statx(2)).

use super::{EMPTY_PATH, NO_AUTOMOUNT, NO_FOLLOW, WORKING_DIRECTORY, at, fault};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::file::File;
use crate::vfs::inode::Inode;
use crate::vfs::location::Location;
use crate::vfs::page_cache::PageCache;
use crate::vfs::path_node::NAMES;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use hal::user::{self, UserAddr};
use zerocopy::{Immutable, IntoBytes};

const SECOND: i64 = 1_000_000_000;
const BLOCK: u32 = 4096;

/// `struct stat` (asm-generic/stat.h).
#[derive(Clone, Copy, Default, IntoBytes, Immutable)]
#[repr(C)]
struct Stat {
    device: u64,
    inode: u64,
    mode: u32,
    links: u32,
    owner: u32,
    group: u32,
    special_device: u64,
    padding: u64,
    size: u64,
    block_size: u32,
    padding_2: u32,
    blocks: u64,
    accessed: [i64; 2],
    modified: [i64; 2],
    changed: [i64; 2],
    unused: [u32; 2],
}

/// Seconds and nanoseconds of a time, which is before 1970 only by somebody's wish.
#[inline]
fn split(time: i64) -> [i64; 2] {
    match u64::try_from(time) {
        Ok(time) => [(time / SECOND as u64) as i64, (time % SECOND as u64) as i64],
        Err(_) => [time.div_euclid(SECOND), time.rem_euclid(SECOND)],
    }
}

/// Blocks of 512 bytes that a file with these pages takes.
fn blocks(inode: &Inode, pages: &PageCache) -> u64 {
    if pages.is_backed() {
        inode.operations().blocks(inode)
    } else {
        pages.page_count() * u64::from(BLOCK / 512)
    }
}

/// Fills the structure in place: it is too large to be passed around.
fn describe(inode: &Inode, stat: &mut Stat) -> Result<()> {
    inode.operations().refresh(inode)?;
    let attributes = &inode.attributes;
    stat.device = inode.super_block().device().encode().into();
    stat.inode = inode.number();
    stat.mode = attributes.mode();
    stat.links = attributes.links();
    stat.owner = attributes.owner();
    stat.group = attributes.group();
    stat.special_device = inode.device().encode().into();
    stat.block_size = BLOCK;
    match inode.page_cache() {
        Some(pages) => {
            stat.size = pages.size();
            stat.blocks = blocks(inode, pages);
        }
        None => stat.size = attributes.size(),
    }
    stat.accessed = split(attributes.accessed());
    stat.modified = split(attributes.modified());
    stat.changed = split(attributes.changed());
    Ok(())
}

/// What files without an inode report: a file of mode 0600 that is nobody's (anon_inode).
fn describe_file(file: &File, stat: &mut Stat) -> Result<()> {
    if let Some(inode) = file.inode() {
        return describe(inode, stat);
    }
    stat.mode = 0o600;
    stat.links = 1;
    stat.block_size = BLOCK;
    Ok(())
}

/// fstat(descriptor, stat).
pub fn fstat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    let mut stat = Stat::default();
    describe_file(&file, &mut stat)?;
    user::write_value(UserAddr(arguments.u64(1)), &stat).map_err(fault)?;
    Ok(0)
}

fn walk_flags(flags: u32) -> WalkFlags {
    let mut how = WalkFlags::empty();
    how.set(WalkFlags::FOLLOW, flags & NO_FOLLOW == 0);
    how.set(WalkFlags::ALLOW_EMPTY, flags & EMPTY_PATH != 0);
    how
}

/// newfstatat(descriptor, path, stat, flags).
pub fn newfstatat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(3);
    if flags & !(NO_FOLLOW | NO_AUTOMOUNT | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut stat = Stat::default();
    if is_descriptor_itself(arguments, flags) {
        describe_file(&*current.file(arguments.fd(0))?, &mut stat)?;
    } else {
        at(
            current,
            arguments.fd(0),
            UserAddr(arguments.u64(1)),
            |view, start, path| {
                describe(
                    walk::resolve(view, start, path, walk_flags(flags))?.inode(),
                    &mut stat,
                )
            },
        )?;
    }
    user::write_value(UserAddr(arguments.u64(2)), &stat).map_err(fault)?;
    Ok(0)
}

/// Whether the call is about a descriptor: `AT_EMPTY_PATH` and an empty (or no) path. Files without a place come here.
fn is_descriptor_itself(arguments: &Arguments, flags: u32) -> bool {
    flags & EMPTY_PATH != 0
        && arguments.fd(0) != WORKING_DIRECTORY
        && (arguments.u64(1) == 0 || user::read_value::<u8>(UserAddr(arguments.u64(1))) == Ok(0))
}

#[derive(Clone, Copy, Default, IntoBytes, Immutable)]
#[repr(C)]
struct StatxTime {
    seconds: i64,
    nanoseconds: u32,
    padding: u32,
}

impl StatxTime {
    fn new(time: i64) -> Self {
        let [seconds, nanoseconds] = split(time);
        Self {
            seconds,
            nanoseconds: nanoseconds as u32,
            padding: 0,
        }
    }
}

/// `struct statx` (linux/stat.h).
#[derive(Clone, Copy, Default, IntoBytes, Immutable)]
#[repr(C)]
struct Statx {
    mask: u32,
    block_size: u32,
    attributes: u64,
    links: u32,
    owner: u32,
    group: u32,
    mode: u16,
    padding: u16,
    inode: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    accessed: StatxTime,
    born: StatxTime,
    changed: StatxTime,
    modified: StatxTime,
    special_major: u32,
    special_minor: u32,
    device_major: u32,
    device_minor: u32,
    mount: u64,
    direct_memory_alignment: u32,
    direct_offset_alignment: u32,
    spare: [u64; 12],
}

/// `STATX_BASIC_STATS` and `STATX_MNT_ID`: what is filled in.
const BASIC: u32 = 0x7ff;
const MOUNT_ID: u32 = 0x1000;
/// `STATX_ATTR_MOUNT_ROOT`.
const IS_MOUNT_ROOT: u64 = 0x2000;
/// `AT_STATX_SYNC_TYPE`: asks how fresh a network file system's answer must be.
const SYNC_TYPE: u32 = 0x6000;
/// `STATX__RESERVED`.
const RESERVED: u32 = 0x8000_0000;

fn statx_of(inode: &Inode, location: Option<&Location>) -> Result<Statx> {
    inode.operations().refresh(inode)?;
    let attributes = &inode.attributes;
    let (device, special) = (inode.super_block().device(), inode.device());
    let mut statx = Statx {
        mask: BASIC,
        block_size: BLOCK,
        links: attributes.links(),
        owner: attributes.owner(),
        group: attributes.group(),
        mode: attributes.mode() as u16,
        inode: inode.number(),
        size: inode.size(),
        blocks: inode.page_cache().map_or(0, |pages| blocks(inode, pages)),
        attributes_mask: IS_MOUNT_ROOT,
        accessed: StatxTime::new(attributes.accessed()),
        changed: StatxTime::new(attributes.changed()),
        modified: StatxTime::new(attributes.modified()),
        special_major: special.major,
        special_minor: special.minor,
        device_major: device.major,
        device_minor: device.minor,
        ..Statx::default()
    };
    if let Some(location) = location {
        statx.mask |= MOUNT_ID;
        statx.mount = location.mount.id();
        let is_root = core::ptr::eq(
            &raw const **location.mount.root(),
            &raw const *location.node,
        ) && location.mount.parent(&NAMES.read()).is_some();
        if is_root {
            statx.attributes |= IS_MOUNT_ROOT;
        }
    }
    Ok(statx)
}

/// statx(descriptor, path, flags, mask, statx).
pub fn statx(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (flags, mask) = (arguments.u32(2), arguments.u32(3));
    if flags & !(NO_FOLLOW | NO_AUTOMOUNT | EMPTY_PATH | SYNC_TYPE) != 0
        || flags & SYNC_TYPE == SYNC_TYPE
        || mask & RESERVED != 0
    {
        return Err(Errno::EINVAL);
    }
    let statx = if is_descriptor_itself(arguments, flags) {
        let file = current.file(arguments.fd(0))?;
        match file.inode() {
            Some(inode) => statx_of(inode, file.location())?,
            None => Statx {
                mask: BASIC,
                mode: 0o600,
                links: 1,
                block_size: BLOCK,
                ..Statx::default()
            },
        }
    } else {
        at(
            current,
            arguments.fd(0),
            UserAddr(arguments.u64(1)),
            |view, start, path| {
                let location = walk::resolve(view, start, path, walk_flags(flags))?;
                statx_of(location.inode(), Some(&location))
            },
        )?
    };
    user::write_value(UserAddr(arguments.u64(4)), &statx).map_err(fault)?;
    Ok(0)
}
