//! Opening files: open(2).

use super::change;
use super::file::File;
use super::file_operations::{FileOperations, Positions};
use super::flags::OpenFlags;
use super::fs_context::View;
use super::kind::FileKind;
use super::location::Location;
use super::mount::MountFlags;
use super::namespace::{self, Creation};
use super::permission::{self, EXECUTE, READ, WRITE};
use super::walk::{self, Parent, Target, WalkFlags};
use super::write_access::{Executable, Writing};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

/// Opens what a path leads to; with `O_CREAT` makes it with these permission bits.
///
/// # Errors
/// Those of open(2).
pub fn open(
    view: &View<'_>,
    start: Option<&Location>,
    path: &[u8],
    flags: OpenFlags,
    permissions: u32,
    how: WalkFlags,
) -> Result<Arc<File>> {
    let mut how = how;
    if !flags.intersects(OpenFlags::NO_FOLLOW)
        && !flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUSIVE)
    {
        how |= WalkFlags::FOLLOW;
    }
    if flags.contains(OpenFlags::TEMPORARY) {
        return Err(Errno::EOPNOTSUPP);
    }
    if !flags.contains(OpenFlags::CREATE) || flags.contains(OpenFlags::PATH) {
        if flags.contains(OpenFlags::DIRECTORY) {
            how |= WalkFlags::DIRECTORY;
        }
        let location = walk::resolve(view, start, path, how)?;
        return open_found(view, location, flags);
    }
    if flags.contains(OpenFlags::DIRECTORY) {
        return Err(Errno::EINVAL);
    }
    for _ in 0..RACES {
        match walk::resolve_for_create(view, start, path, how)? {
            Target::Found(location) => return open_existing(view, location, flags),
            Target::Missing(parent) => {
                if let Some(file) = open_missing(view, parent, flags, permissions)? {
                    return Ok(file);
                }
            }
        }
    }
    Err(Errno::ELOOP)
}

/// How often a walk begins again because somebody put a link where it had found nothing.
const RACES: usize = 100;

/// Opens what `O_CREAT` found to be there.
fn open_existing(view: &View<'_>, location: Location, flags: OpenFlags) -> Result<Arc<File>> {
    if flags.contains(OpenFlags::EXCLUSIVE) {
        return Err(Errno::EEXIST);
    }
    if location.inode().is_directory() {
        return Err(Errno::EISDIR);
    }
    open_found(view, location, flags)
}

/// Makes and opens what `O_CREAT` found to be missing; `None` if there is a symbolic link by now, which is to be followed
/// or refused as the whole walk says.
fn open_missing(
    view: &View<'_>,
    parent: Parent,
    flags: OpenFlags,
    permissions: u32,
) -> Result<Option<Arc<File>>> {
    let name = parent.name(Errno::EISDIR)?;
    if parent.trailing_slash {
        return Err(Errno::EISDIR);
    }
    let creation = Creation::plain(
        FileKind::Regular,
        permissions & super::kind::PERMISSION_MASK,
    );
    let (location, created) = namespace::create_or_find(view, &parent.directory, name, &creation)?;
    if created {
        // Whoever makes a file may use it as it asked, whatever its permission bits say.
        return finish(location, flags).map(Some);
    }
    if location.inode().kind() == FileKind::SymbolicLink && !flags.contains(OpenFlags::EXCLUSIVE) {
        return Ok(None);
    }
    open_existing(view, location, flags).map(Some)
}

/// Opens a file at a place that is known.
///
/// # Errors
/// Those of open(2) that concern the file itself.
pub fn open_found(view: &View<'_>, location: Location, flags: OpenFlags) -> Result<Arc<File>> {
    let inode = location.inode();
    if flags.contains(OpenFlags::PATH) {
        let kept = flags & (OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NO_FOLLOW);
        return Ok(File::new(location, Box::new(PlaceFile), kept));
    }
    let kind = inode.kind();
    let access = flags.wanted_access()
        | if flags.contains(OpenFlags::TRUNCATE) {
            WRITE
        } else {
            0
        };
    match kind {
        FileKind::SymbolicLink => return Err(Errno::ELOOP),
        FileKind::Directory if access & WRITE != 0 || flags.contains(OpenFlags::CREATE) => {
            return Err(Errno::EISDIR);
        }
        FileKind::CharacterDevice | FileKind::BlockDevice
            if location.mount.flags().contains(MountFlags::NO_DEVICES) =>
        {
            return Err(Errno::EACCES);
        }
        _ => {}
    }
    permission::check(inode, view.credentials, access & (READ | WRITE))?;
    if access & WRITE != 0 && location.is_read_only() && permission::writes_to_file_system(kind) {
        return Err(Errno::EROFS);
    }
    if flags.contains(OpenFlags::NO_ACCESS_TIME) {
        permission::check_owner(inode, view.credentials)?;
    }
    if flags.contains(OpenFlags::TRUNCATE) && kind == FileKind::Regular {
        let _writing = Writing::new(inode)?;
        change::truncate(inode, 0)?;
    }
    finish(location, flags)
}

fn finish(location: Location, flags: OpenFlags) -> Result<Arc<File>> {
    hal::frame::headroom()?;
    let inode = location.inode();
    let operations = inode.operations().open(inode, &location, flags)?;
    File::open(location, operations, flags)
}

/// Opens a file for execution: it must be a regular one that the caller may execute, on a mount that allows it.
///
/// # Errors
/// `EACCES`, `ELOOP`, and what opening says; `ETXTBSY` if it is open for writing.
pub fn open_program(view: &View<'_>, location: Location) -> Result<(Arc<File>, Executable)> {
    let inode = location.inode();
    match inode.kind() {
        FileKind::Regular => {}
        FileKind::SymbolicLink => return Err(Errno::ELOOP),
        _ => return Err(Errno::EACCES),
    }
    if location.mount.flags().contains(MountFlags::NO_EXECUTE) {
        return Err(Errno::EACCES);
    }
    permission::check(inode, view.credentials, EXECUTE)?;
    let executable = Executable::new(location.clone())?;
    Ok((finish(location, OpenFlags::READ_ONLY)?, executable))
}

/// What a descriptor does that is only a place (`O_PATH`): nothing.
pub struct PlaceFile;

impl FileOperations for PlaceFile {
    fn positions(&self) -> Positions {
        Positions::Ignored
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
