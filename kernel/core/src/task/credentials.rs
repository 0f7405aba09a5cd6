//! Who a thread acts for: user and group numbers and capabilities (credentials(7), capabilities(7)).

use super::{Capability, CapabilitySet, SecureBits};
use crate::errno::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The users, groups and rights of a thread. Immutable and shared: a change makes a new one, so that a permission
/// check sees all of one state, and a child costs no more than a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Real user.
    pub uid: u32,
    /// Effective user.
    pub euid: u32,
    /// Saved user.
    pub suid: u32,
    /// User for file permissions.
    pub fsuid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective group.
    pub egid: u32,
    /// Saved group.
    pub sgid: u32,
    /// Group for file permissions.
    pub fsgid: u32,
    /// What the thread may do now.
    pub effective: CapabilitySet,
    /// What it may make effective.
    pub permitted: CapabilitySet,
    /// What a file with inheritable capabilities may give it.
    pub inheritable: CapabilitySet,
    /// What a file may give it at all.
    pub bounding: CapabilitySet,
    /// What any ordinary program that it executes has. Never more than is both permitted and inheritable.
    pub ambient: CapabilitySet,
    /// How user 0 and capabilities go together.
    pub secure_bits: SecureBits,
    /// No exec gives privileges, for good (PR_SET_NO_NEW_PRIVS).
    pub no_new_privileges: bool,
    /// Supplementary groups, ascending; none is the common case and takes no memory.
    pub groups: Option<Arc<Vec<u32>>>,
}

impl Credentials {
    /// The credentials of the kernel and of the first process: user and group 0 with every capability.
    pub const fn root() -> Self {
        Self::new(0, 0, CapabilitySet::ALL)
    }

    /// The credentials of a user without capabilities.
    pub const fn ordinary(user: u32, group: u32) -> Self {
        Self::new(user, group, CapabilitySet::EMPTY)
    }

    const fn new(user: u32, group: u32, capabilities: CapabilitySet) -> Self {
        Self {
            uid: user,
            euid: user,
            suid: user,
            fsuid: user,
            gid: group,
            egid: group,
            sgid: group,
            fsgid: group,
            effective: capabilities,
            permitted: capabilities,
            inheritable: CapabilitySet::EMPTY,
            bounding: CapabilitySet::ALL,
            ambient: CapabilitySet::EMPTY,
            secure_bits: SecureBits::empty(),
            no_new_privileges: false,
            groups: None,
        }
    }

    /// Whether the thread may do what a capability is for.
    #[inline]
    pub const fn is_capable(&self, capability: Capability) -> bool {
        self.effective.contains(capability)
    }

    /// Refuses what needs a capability that the thread lacks.
    ///
    /// # Errors
    /// `EPERM`.
    #[inline]
    pub fn require(&self, capability: Capability) -> Result<()> {
        if self.is_capable(capability) {
            Ok(())
        } else {
            Err(Errno::EPERM)
        }
    }

    /// Whether `gid` is the group for file permissions or a supplementary one.
    pub fn in_group(&self, gid: u32) -> bool {
        self.fsgid == gid || self.in_supplementary(gid)
    }

    /// Whether `gid` is the effective group or a supplementary one.
    pub fn in_effective_group(&self, gid: u32) -> bool {
        self.egid == gid || self.in_supplementary(gid)
    }

    fn in_supplementary(&self, gid: u32) -> bool {
        self.groups().binary_search(&gid).is_ok()
    }

    /// The supplementary groups, ascending.
    pub fn groups(&self) -> &[u32] {
        self.groups.as_ref().map_or(&[], |groups| groups.as_slice())
    }

    /// What a change of real, effective or saved user since `old` does to the capabilities, unless the secure bits
    /// say that it does nothing: who leaves user 0 altogether loses them, and the effective ones come and go with
    /// effective user 0.
    pub fn follow_users(&mut self, old: &Self) {
        if self.secure_bits.contains(SecureBits::NO_SETUID_FIXUP) {
            return;
        }
        let any_is_root = |own: &Self| [own.uid, own.euid, own.suid].contains(&0);
        if any_is_root(old) && !any_is_root(self) {
            if !self.secure_bits.contains(SecureBits::KEEP_CAPABILITIES) {
                self.permitted = CapabilitySet::EMPTY;
                self.effective = CapabilitySet::EMPTY;
            }
            self.ambient = CapabilitySet::EMPTY;
        }
        match (old.euid, self.euid) {
            (0, 0) => {}
            (0, _) => self.effective = CapabilitySet::EMPTY,
            (_, 0) => self.effective = self.permitted,
            _ => {}
        }
    }

    /// What a change of the file user alone since `old` does: the capabilities about files come and go with user 0.
    pub fn follow_file_user(&mut self, old: &Self) {
        if self.secure_bits.contains(SecureBits::NO_SETUID_FIXUP) {
            return;
        }
        match (old.fsuid, self.fsuid) {
            (0, 0) => {}
            (0, _) => self.effective = self.effective.without(CapabilitySet::FILES),
            (_, 0) => {
                self.effective = self.effective | (self.permitted & CapabilitySet::FILES);
            }
            _ => {}
        }
    }

    /// Whether a thread with these credentials may do things that one with `old` couldn't, or acts for somebody
    /// else: what belongs to its program is then not for its old peers to look at.
    pub fn differ_in_power(&self, old: &Self) -> bool {
        (self.euid, self.egid, self.fsuid, self.fsgid) != (old.euid, old.egid, old.fsuid, old.fsgid)
            || !self.permitted.is_subset(old.permitted)
    }

    /// The effective capabilities that the real user would have.
    #[inline]
    fn effective_of_real_user(&self) -> CapabilitySet {
        if self.secure_bits.contains(SecureBits::NO_SETUID_FIXUP) {
            self.effective
        } else if self.uid == 0 {
            self.permitted
        } else {
            CapabilitySet::EMPTY
        }
    }

    /// Whether files are used in the real user's name and with its capabilities.
    #[inline]
    pub fn is_real_user(&self) -> bool {
        self.fsuid == self.uid
            && self.fsgid == self.gid
            && self.effective == self.effective_of_real_user()
    }

    /// The credentials that access(2) asks for: those by which the real user would use files.
    pub fn of_real_user(&self) -> Self {
        Self {
            fsuid: self.uid,
            fsgid: self.gid,
            effective: self.effective_of_real_user(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_the_file_group_and_the_supplementary_ones() {
        let credentials = Credentials {
            fsgid: 5,
            egid: 6,
            groups: Some(Arc::new(alloc::vec![7, 9])),
            ..Credentials::root()
        };
        assert!(credentials.in_group(5) && credentials.in_group(7) && credentials.in_group(9));
        assert!(!credentials.in_group(6) && !credentials.in_group(8));
        assert!(credentials.in_effective_group(6) && !credentials.in_effective_group(5));
    }

    fn user(real: u32, effective: u32, saved: u32) -> Credentials {
        Credentials {
            uid: real,
            euid: effective,
            suid: saved,
            fsuid: effective,
            ..Credentials::root()
        }
    }

    #[test]
    fn leaving_user_0_altogether_takes_every_capability() {
        let mut new = user(1, 1, 1);
        new.ambient = CapabilitySet::ALL;
        new.follow_users(&user(0, 0, 0));
        assert_eq!(new.permitted, CapabilitySet::EMPTY);
        assert_eq!(new.effective, CapabilitySet::EMPTY);
        assert_eq!(new.ambient, CapabilitySet::EMPTY);
    }

    #[test]
    fn effective_capabilities_come_and_go_with_effective_user_0() {
        let mut away = user(0, 1, 0);
        away.follow_users(&user(0, 0, 0));
        assert_eq!(away.permitted, CapabilitySet::ALL);
        assert_eq!(away.effective, CapabilitySet::EMPTY);
        let mut back = Credentials {
            euid: 0,
            ..away.clone()
        };
        back.follow_users(&away);
        assert_eq!(back.effective, CapabilitySet::ALL);
    }

    #[test]
    fn kept_capabilities_stay_permitted_only() {
        let mut new = user(1, 1, 1);
        new.secure_bits = SecureBits::KEEP_CAPABILITIES;
        new.follow_users(&user(0, 0, 0));
        assert_eq!(new.permitted, CapabilitySet::ALL);
        assert_eq!(new.effective, CapabilitySet::EMPTY);
    }

    #[test]
    fn the_file_user_takes_the_capabilities_about_files() {
        let old = user(0, 0, 0);
        let mut away = Credentials {
            fsuid: 1,
            ..old.clone()
        };
        away.follow_file_user(&old);
        assert!(!away.is_capable(Capability::DacOverride) && !away.is_capable(Capability::Mknod));
        assert!(away.is_capable(Capability::Kill));
        let mut back = Credentials {
            fsuid: 0,
            ..away.clone()
        };
        back.follow_file_user(&away);
        assert_eq!(back, old);
    }

    #[test]
    fn access_asks_for_the_real_user() {
        assert!(Credentials::root().is_real_user());
        assert!(Credentials::ordinary(5, 5).is_real_user());
        assert!(!user(5, 0, 0).is_real_user());
        let real = user(5, 0, 0).of_real_user();
        assert_eq!((real.fsuid, real.effective), (5, CapabilitySet::EMPTY));
        assert!(real.is_real_user());
    }
}
