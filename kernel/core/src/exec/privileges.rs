//! What running a file does to the caller's rights: set-user-ID and set-group-ID (execve(2)), and the capabilities
//! (capabilities(7)).
//!
//! No file system here keeps extended attributes, so no file has capabilities: `security.capability` can't be set, and
//! the rules for it are not here. What user 0 gets without them is.

use crate::task::{CapabilitySet, Credentials, Current, SecureBits};
use crate::vfs::Location;
use crate::vfs::mount::MountFlags;
use alloc::sync::Arc;

const SET_UID: u32 = 0o4000;
const SET_GID: u32 = 0o2000;
const GROUP_EXECUTE: u32 = 0o010;

/// What a program runs with.
pub struct Privileges {
    /// Users, groups and capabilities.
    pub credentials: Arc<Credentials>,
    /// It must not trust its caller (AT_SECURE).
    pub is_secure: bool,
}

/// The user and group that a file makes its program act for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Identity {
    user: Option<u32>,
    group: Option<u32>,
}

/// The rights of the program at `location`. The bits of the file give nothing on a mount that forbids it, to a jailed
/// process, and to one that asked for no new privileges; with a working directory shared with another process
/// (`shares_directories`), which could move it under the program's feet, nothing is gained either.
pub fn for_program(
    current: &Current,
    location: Option<&Location>,
    shares_directories: bool,
) -> Privileges {
    let old = current.credentials();
    let mut file = Identity::default();
    if let Some(location) = location {
        let refused = location.mount.flags().contains(MountFlags::NO_SETUID)
            || current.process().contexts().jail().is_jailed()
            || old.no_new_privileges;
        let attributes = &location.inode().attributes;
        let mode = attributes.mode();
        if !refused && mode & SET_UID != 0 {
            file.user = Some(attributes.owner());
        }
        // Without execution for the group the bit means mandatory locking.
        if !refused && mode & (SET_GID | GROUP_EXECUTE) == SET_GID | GROUP_EXECUTE {
            file.group = Some(attributes.group());
        }
    }
    let (new, is_secure) = after_exec(&old, file, shares_directories);
    let credentials = if new == *old { old } else { Arc::new(new) };
    Privileges {
        credentials,
        is_secure,
    }
}

/// The credentials after exec, and whether the program must not trust its caller.
fn after_exec(old: &Credentials, file: Identity, shares_directories: bool) -> (Credentials, bool) {
    let mut new = old.clone();
    new.euid = file.user.unwrap_or(old.euid);
    new.egid = file.group.unwrap_or(old.egid);
    // User 0 is treated as if every file had all capabilities, and effective ones for the effective user.
    let root = !old.secure_bits.contains(SecureBits::NO_ROOT);
    new.permitted = if root && (new.euid == 0 || new.uid == 0) {
        old.bounding | old.inheritable
    } else {
        CapabilitySet::EMPTY
    };
    let all_effective = root && new.euid == 0;
    let other_identity = new.euid != old.euid || !old.in_group(new.egid);
    let gains = !new.permitted.is_subset(old.permitted);
    if (other_identity || gains) && (shares_directories || old.no_new_privileges) {
        if old.no_new_privileges || !old.is_capable(crate::task::Capability::Setuid) {
            new.euid = new.uid;
            new.egid = new.gid;
        }
        new.permitted = new.permitted & old.permitted;
    }
    (new.suid, new.fsuid) = (new.euid, new.euid);
    (new.sgid, new.fsgid) = (new.egid, new.egid);
    if other_identity {
        new.ambient = CapabilitySet::EMPTY;
    }
    new.permitted = new.permitted | new.ambient;
    new.effective = if all_effective {
        new.permitted
    } else {
        new.ambient
    };
    new.secure_bits.remove(SecureBits::KEEP_CAPABILITIES);
    let has_more_than_ambient = all_effective || !new.permitted.is_subset(new.ambient);
    let is_secure = other_identity
        || new.euid != old.uid
        || new.egid != old.gid
        || (new.uid != 0 && has_more_than_ambient);
    (new, is_secure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Capability;

    const KILL: CapabilitySet = CapabilitySet::from_bits(Capability::Kill.bit());
    const CHOWN: CapabilitySet = CapabilitySet::from_bits(Capability::Chown.bit());
    const NONE: CapabilitySet = CapabilitySet::EMPTY;
    const ALL: CapabilitySet = CapabilitySet::ALL;
    const PLAIN: Identity = Identity {
        user: None,
        group: None,
    };
    const SET_USER_0: Identity = Identity {
        user: Some(0),
        group: None,
    };

    fn user() -> Credentials {
        Credentials::ordinary(1000, 1000)
    }

    fn sets(new: &Credentials) -> [CapabilitySet; 3] {
        [new.permitted, new.effective, new.ambient]
    }

    #[test]
    fn user_0_has_what_is_bounding_or_inheritable() {
        let old = Credentials {
            bounding: KILL,
            inheritable: CHOWN,
            permitted: NONE,
            effective: NONE,
            ..Credentials::root()
        };
        let (new, secure) = after_exec(&old, PLAIN, false);
        assert_eq!(sets(&new), [KILL | CHOWN, KILL | CHOWN, NONE]);
        assert!(!secure);
    }

    #[test]
    fn a_real_user_0_alone_gets_nothing_effective() {
        let old = Credentials {
            euid: 1000,
            ..Credentials::root()
        };
        let (new, _) = after_exec(&old, PLAIN, false);
        assert_eq!(sets(&new), [ALL, NONE, NONE]);
    }

    #[test]
    fn secure_bits_make_user_0_ordinary() {
        let old = Credentials {
            secure_bits: SecureBits::NO_ROOT | SecureBits::KEEP_CAPABILITIES,
            ..Credentials::root()
        };
        let (new, _) = after_exec(&old, PLAIN, false);
        assert_eq!(sets(&new), [NONE, NONE, NONE]);
        assert_eq!(new.secure_bits, SecureBits::NO_ROOT);
    }

    #[test]
    fn an_ordinary_user_keeps_the_ambient_set_only() {
        let old = Credentials {
            permitted: KILL | CHOWN,
            effective: KILL | CHOWN,
            inheritable: KILL | CHOWN,
            ambient: KILL,
            ..user()
        };
        let (new, secure) = after_exec(&old, PLAIN, false);
        assert_eq!(sets(&new), [KILL, KILL, KILL]);
        assert_eq!(new.inheritable, KILL | CHOWN);
        assert!(!secure);
    }

    #[test]
    fn a_set_user_id_program_of_user_0_gets_all_and_clears_ambient() {
        let old = Credentials {
            permitted: KILL,
            inheritable: KILL,
            ambient: KILL,
            ..user()
        };
        let (new, secure) = after_exec(&old, SET_USER_0, false);
        assert_eq!((new.uid, new.euid, new.suid, new.fsuid), (1000, 0, 0, 0));
        assert_eq!(sets(&new), [ALL, ALL, NONE]);
        assert!(secure);
    }

    #[test]
    fn nothing_is_gained_with_shared_directories() {
        let (new, _) = after_exec(&user(), SET_USER_0, true);
        assert_eq!((new.euid, new.suid), (1000, 1000));
        assert_eq!(new.permitted, NONE);
    }

    #[test]
    fn without_new_privileges_user_0_keeps_what_it_had() {
        let old = Credentials {
            permitted: KILL,
            effective: KILL,
            no_new_privileges: true,
            ..Credentials::root()
        };
        let (new, _) = after_exec(&old, PLAIN, false);
        assert_eq!(sets(&new), [KILL, KILL, NONE]);
        assert_eq!(new.bounding, ALL);
    }

    #[test]
    fn a_group_that_one_is_in_anyway_is_no_other_identity() {
        let old = Credentials {
            groups: Some(Arc::new(alloc::vec![7])),
            inheritable: KILL,
            permitted: KILL,
            ambient: KILL,
            ..user()
        };
        let set_group = Identity {
            user: None,
            group: Some(7),
        };
        let (new, secure) = after_exec(&old, set_group, false);
        assert_eq!((new.egid, new.ambient), (7, KILL));
        assert!(secure);
    }
}
