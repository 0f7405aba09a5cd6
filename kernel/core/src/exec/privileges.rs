//! What running a file does to the caller's rights: set-user-ID and set-group-ID (execve(2)), and the capabilities
//! (capabilities(7)).

use crate::errno::{Errno, Result};
use crate::task::{Capability, CapabilitySet, Credentials, Current, SecureBits};
use crate::vfs::Location;
use crate::vfs::extended::capability::FileCapabilities;
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

/// What a file gives to its program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gift {
    /// The user to act for.
    user: Option<u32>,
    /// The group to act for.
    group: Option<u32>,
    capabilities: Option<FileCapabilities>,
}

impl Gift {
    /// That of the file at `location`: nothing on a mount that forbids it and to a jailed process, and no other
    /// identity to one that asked for no new privileges.
    fn of(current: &Current, location: &Location, no_new_privileges: bool) -> Result<Self> {
        if location.mount.flags().contains(MountFlags::NO_SETUID)
            || current.process().contexts().jail().is_jailed()
        {
            return Ok(Self::default());
        }
        let inode = location.inode();
        let mode = inode.attributes.mode();
        let sets_user = mode & SET_UID != 0 && !no_new_privileges;
        // Without execution for the group the bit means mandatory locking.
        let sets_group =
            mode & (SET_GID | GROUP_EXECUTE) == SET_GID | GROUP_EXECUTE && !no_new_privileges;
        Ok(Self {
            user: sets_user.then(|| inode.attributes.owner()),
            group: sets_group.then(|| inode.attributes.group()),
            capabilities: FileCapabilities::of(inode)?,
        })
    }
}

/// The rights of the program at `location`. With a working directory shared with another process
/// (`shares_directories`), which could move it under the program's feet, nothing is gained.
///
/// # Errors
/// `EPERM` for a file whose capabilities are to be effective when the bounding set withholds one: the program counts on
/// them. `EINVAL` for capabilities that can't be understood; `ENOMEM`.
pub fn for_program(
    current: &Current,
    location: Option<&Location>,
    shares_directories: bool,
) -> Result<Privileges> {
    let old = current.credentials();
    let file = match location {
        Some(location) => Gift::of(current, location, old.no_new_privileges)?,
        None => Gift::default(),
    };
    let (new, is_secure) = after_exec(&old, file, shares_directories)?;
    let credentials = if new == *old { old } else { Arc::new(new) };
    Ok(Privileges {
        credentials,
        is_secure,
    })
}

/// The permitted set that a file gives, and whether it becomes effective.
///
/// # Errors
/// As [`for_program`].
fn given(old: &Credentials, new: &Credentials, file: Gift) -> Result<(CapabilitySet, bool)> {
    let (mut permitted, mut effective) = (CapabilitySet::EMPTY, false);
    if let Some(given) = file.capabilities {
        permitted = (old.bounding & given.permitted) | (old.inheritable & given.inheritable);
        effective = given.effective;
        if effective && !given.permitted.is_subset(permitted) {
            return Err(Errno::EPERM);
        }
    }
    // A set-user-ID program of user 0 that has capabilities of its own gets those alone.
    let own_alone = file.capabilities.is_some() && new.euid == 0 && new.uid != 0;
    if old.secure_bits.contains(SecureBits::NO_ROOT) || own_alone {
        return Ok((permitted, effective));
    }
    // To user 0 every file gives all capabilities, and effective ones to the effective user.
    if new.euid == 0 || new.uid == 0 {
        permitted = old.bounding | old.inheritable;
    }
    Ok((permitted, effective || new.euid == 0))
}

/// The credentials after exec, and whether the program must not trust its caller.
///
/// # Errors
/// As [`for_program`].
fn after_exec(
    old: &Credentials,
    file: Gift,
    shares_directories: bool,
) -> Result<(Credentials, bool)> {
    let mut new = old.clone();
    new.euid = file.user.unwrap_or(old.euid);
    new.egid = file.group.unwrap_or(old.egid);
    let (permitted, all_effective) = given(old, &new, file)?;
    new.permitted = permitted;
    let other_identity = new.euid != old.euid || !old.in_group(new.egid);
    let gains = !new.permitted.is_subset(old.permitted);
    if (other_identity || gains) && (shares_directories || old.no_new_privileges) {
        if old.no_new_privileges || !old.is_capable(Capability::Setuid) {
            new.euid = new.uid;
            new.egid = new.gid;
        }
        new.permitted = new.permitted & old.permitted;
    }
    (new.suid, new.fsuid) = (new.euid, new.euid);
    (new.sgid, new.fsgid) = (new.egid, new.egid);
    if other_identity || file.capabilities.is_some() {
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
    Ok((new, is_secure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Capability;

    const KILL: CapabilitySet = CapabilitySet::from_bits(Capability::Kill.bit());
    const CHOWN: CapabilitySet = CapabilitySet::from_bits(Capability::Chown.bit());
    const NONE: CapabilitySet = CapabilitySet::EMPTY;
    const ALL: CapabilitySet = CapabilitySet::ALL;
    const PLAIN: Gift = Gift {
        user: None,
        group: None,
        capabilities: None,
    };
    const SET_USER_0: Gift = Gift {
        user: Some(0),
        ..PLAIN
    };

    fn with_capabilities(
        permitted: CapabilitySet,
        inheritable: CapabilitySet,
        effective: bool,
    ) -> Gift {
        Gift {
            capabilities: Some(FileCapabilities {
                permitted,
                inheritable,
                effective,
                root: 0,
            }),
            ..PLAIN
        }
    }

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
        let (new, secure) = after_exec(&old, PLAIN, false).unwrap();
        assert_eq!(sets(&new), [KILL | CHOWN, KILL | CHOWN, NONE]);
        assert!(!secure);
    }

    #[test]
    fn a_real_user_0_alone_gets_nothing_effective() {
        let old = Credentials {
            euid: 1000,
            ..Credentials::root()
        };
        let (new, _) = after_exec(&old, PLAIN, false).unwrap();
        assert_eq!(sets(&new), [ALL, NONE, NONE]);
    }

    #[test]
    fn secure_bits_make_user_0_ordinary() {
        let old = Credentials {
            secure_bits: SecureBits::NO_ROOT | SecureBits::KEEP_CAPABILITIES,
            ..Credentials::root()
        };
        let (new, _) = after_exec(&old, PLAIN, false).unwrap();
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
        let (new, secure) = after_exec(&old, PLAIN, false).unwrap();
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
        let (new, secure) = after_exec(&old, SET_USER_0, false).unwrap();
        assert_eq!((new.uid, new.euid, new.suid, new.fsuid), (1000, 0, 0, 0));
        assert_eq!(sets(&new), [ALL, ALL, NONE]);
        assert!(secure);
    }

    #[test]
    fn nothing_is_gained_with_shared_directories() {
        let (new, _) = after_exec(&user(), SET_USER_0, true).unwrap();
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
        let (new, _) = after_exec(&old, PLAIN, false).unwrap();
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
        let set_group = Gift {
            group: Some(7),
            ..PLAIN
        };
        let (new, secure) = after_exec(&old, set_group, false).unwrap();
        assert_eq!((new.egid, new.ambient), (7, KILL));
        assert!(secure);
    }

    #[test]
    fn a_file_gives_what_the_bounds_allow_and_what_is_inheritable_on_both_sides() {
        let old = Credentials {
            bounding: ALL.without(CHOWN),
            inheritable: CHOWN,
            permitted: KILL,
            ambient: NONE,
            ..user()
        };
        let (new, secure) =
            after_exec(&old, with_capabilities(KILL | CHOWN, NONE, false), false).unwrap();
        assert_eq!(sets(&new), [KILL, NONE, NONE]);
        assert!(secure);
        let (new, _) = after_exec(&old, with_capabilities(KILL, CHOWN, true), false).unwrap();
        assert_eq!(sets(&new), [KILL | CHOWN, KILL | CHOWN, NONE]);
        let refused = after_exec(&old, with_capabilities(CHOWN, NONE, true), false);
        assert_eq!(refused.err(), Some(Errno::EPERM));
    }

    #[test]
    fn file_capabilities_clear_the_ambient_set_and_give_nothing_new_to_who_wants_none() {
        let old = Credentials {
            inheritable: CHOWN,
            permitted: CHOWN,
            ambient: CHOWN,
            no_new_privileges: true,
            ..user()
        };
        let (new, _) = after_exec(&old, with_capabilities(KILL, NONE, true), false).unwrap();
        assert_eq!(sets(&new), [NONE, NONE, NONE]);
    }

    #[test]
    fn a_set_user_id_program_with_capabilities_gets_those_alone() {
        let file = Gift {
            user: Some(0),
            ..with_capabilities(KILL, NONE, true)
        };
        let (new, _) = after_exec(&user(), file, false).unwrap();
        assert_eq!((new.euid, new.permitted), (0, KILL));
        let root = Credentials::root();
        let (new, _) = after_exec(&root, file, false).unwrap();
        assert_eq!(new.permitted, ALL);
    }
}
