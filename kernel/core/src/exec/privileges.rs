//! What running a file does to the caller's rights: set-user-ID and set-group-ID (execve(2), credentials(7)).

use crate::task::{Credentials, Current, ProcessFlags};
use crate::vfs::Location;
use crate::vfs::mount::MountFlags;

const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const GROUP_EXECUTE: u32 = 0o010;

/// The credentials that the program at `location` runs with. The bits of the file give nothing on a mount that forbids
/// it, to a jailed process, and to one that asked for no new privileges.
pub fn for_program(current: &Current, location: Option<&Location>) -> Credentials {
    let mut new = (*current.credentials()).clone();
    if let Some(location) = location {
        let process = current.process();
        let refused = location.mount.flags().contains(MountFlags::NO_SETUID)
            || process.contexts().jail().is_jailed()
            || process.flags().contains(ProcessFlags::NO_NEW_PRIVILEGES);
        let attributes = &location.inode().attributes;
        let mode = attributes.mode();
        if !refused && mode & SET_UID != 0 {
            new.euid = attributes.owner();
        }
        // Without execution for the group the bit means mandatory locking.
        if !refused && mode & (SET_GID | GROUP_EXECUTE) == SET_GID | GROUP_EXECUTE {
            new.egid = attributes.group();
        }
    }
    new.suid = new.euid;
    new.fsuid = new.euid;
    new.sgid = new.egid;
    new.fsgid = new.egid;
    new
}

/// Whether a program with these credentials must not trust its caller (AT_SECURE).
pub fn is_secure(credentials: &Credentials) -> bool {
    credentials.uid != credentials.euid || credentials.gid != credentials.egid
}
