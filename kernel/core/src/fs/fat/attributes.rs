//! Permissions, owners and times as far as FAT can keep them.

use super::inode::FatInode;
use super::options::Options;
use super::time;
use crate::vfs::attributes::Attributes;
use crate::vfs::inode::{AttributeChange, Inode};
use crate::vfs::kind::FileKind;
use crate::{Errno, Result};
use hadris_fat_raw::{ATTR_READ_ONLY, ShortEntry};

/// All permission bits there are.
pub const ALL: u32 = 0o777;
/// Those to write.
pub const WRITE: u32 = 0o222;

/// The attributes that an entry gives; its name allows execution or doesn't.
pub fn of_entry(options: &Options, short: &ShortEntry, is_executable: bool) -> Attributes {
    let is_directory = short.is_dir();
    let kind = if is_directory {
        FileKind::Directory
    } else {
        FileKind::Regular
    };
    let is_writable = short.attributes() & ATTR_READ_ONLY == 0;
    let permissions = options.permissions(is_directory, is_executable, is_writable);
    let attributes = Attributes::new(kind, permissions, options.owner, options.group);
    let (date, clock) = short.modified();
    let modified = time::decode(options, date, clock);
    attributes.set_modified(modified);
    attributes.set_changed(modified);
    attributes.set_accessed(time::decode(options, short.accessed_date(), 0));
    attributes
}

/// Puts an inode's times and its permission to be written into its entry.
pub fn to_entry(options: &Options, inode: &Inode, short: &mut ShortEntry) {
    let mut bits = short.attributes() & !ATTR_READ_ONLY;
    if holds_read_only(options, inode) && inode.attributes.permissions() & WRITE == 0 {
        bits |= ATTR_READ_ONLY;
    }
    short.set_attributes(bits);
    let (date, clock, _) = time::encode(options, inode.attributes.modified());
    short.set_modified(date, clock);
    short.set_accessed_date(time::encode(options, inode.attributes.accessed()).0);
}

/// Rounds an inode's times to those that its entry can hold; a change of attributes has no time of its own.
pub fn round(options: &Options, inode: &Inode) {
    let attributes = &inode.attributes;
    let modified = time::round_change(attributes.modified());
    attributes.set_modified(modified);
    attributes.set_changed(modified);
    attributes.set_accessed(time::round_access(options, attributes.accessed()));
}

fn mask(options: &Options, inode: &Inode) -> u32 {
    if inode.is_directory() {
        options.directory_mask
    } else {
        options.file_mask
    }
}

/// Whether the attribute "read-only" says whether the inode may be written: not where nobody may anyway, and for
/// directories only if that is wanted.
fn holds_read_only(options: &Options, inode: &Inode) -> bool {
    if inode.is_directory() && !options.read_only_directories {
        return false;
    }
    WRITE & !mask(options, inode) != 0
}

/// The permissions that an inode gets of those which are asked for; `None` if it can't have them: reading and executing
/// don't change, and all or nobody may write.
fn possible(options: &Options, inode: &Inode, wanted: u32) -> Option<u32> {
    let mask = mask(options, inode);
    let permissions = wanted & ALL & !mask;
    let present = inode.attributes.permissions();
    let all = WRITE & !mask;
    let write = permissions & WRITE;
    let may_write_none = holds_read_only(options, inode) && write == 0;
    (permissions & !WRITE == present & !WRITE && (write == all || may_write_none))
        .then_some(permissions)
}

impl FatInode {
    /// Changes what can be stored. As on Linux, permissions that can't are ignored silently, but for bits beyond 0777, and
    /// owners are refused.
    ///
    /// # Errors
    /// `EPERM`, unless the option `quiet` is set.
    pub(super) fn change(&self, inode: &Inode, change: &AttributeChange) -> Result<()> {
        let options = &self.instance.options;
        let differs = |wanted: Option<u32>, present| wanted.is_some_and(|wanted| wanted != present);
        if differs(change.owner, options.owner)
            || differs(change.group, options.group)
            || change.permissions.is_some_and(|wanted| wanted & !ALL != 0)
        {
            return if options.quiet {
                Ok(())
            } else {
                Err(Errno::EPERM)
            };
        }
        let permissions = change.permissions;
        inode.apply(&AttributeChange {
            permissions: permissions.and_then(|wanted| possible(options, inode, wanted)),
            ..*change
        });
        Ok(())
    }
}
