//! Who a thread acts for: user and group numbers and capabilities (credentials(7), capabilities(7)).

use alloc::sync::Arc;

/// The user and group numbers of a thread. Immutable: a change makes a new one, so that a permission check sees all of
/// one state.
#[derive(Clone, Debug)]
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
    /// Supplementary groups, ascending; none is the common case and takes no memory.
    pub groups: Option<Arc<[u32]>>,
}

/// All capabilities there are (CAP_CHOWN to CAP_CHECKPOINT_RESTORE, 0 to 40), one bit each.
pub const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

impl Credentials {
    /// The credentials of the kernel and of the first process: user and group 0.
    pub const fn root() -> Self {
        Self {
            uid: 0,
            euid: 0,
            suid: 0,
            fsuid: 0,
            gid: 0,
            egid: 0,
            sgid: 0,
            fsgid: 0,
            groups: None,
        }
    }

    /// Whether the thread may do what only the system's owner may: effective user 0 has all capabilities.
    #[inline]
    pub fn is_privileged(&self) -> bool {
        self.euid == 0
    }

    /// Whether file permission checks are waived (capabilities CAP_DAC_OVERRIDE, CAP_FOWNER follow the file user).
    #[inline]
    pub fn overrides_permissions(&self) -> bool {
        self.fsuid == 0
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
        self.groups.as_deref().unwrap_or_default()
    }

    /// The effective capabilities, one bit each: all or none, by the effective user.
    pub fn effective_capabilities(&self) -> u64 {
        if self.euid == 0 { ALL_CAPABILITIES } else { 0 }
    }

    /// The permitted capabilities: all while any of the user numbers is 0, as Linux keeps them without set*id fixups
    /// being suppressed.
    pub fn permitted_capabilities(&self) -> u64 {
        if self.uid == 0 || self.euid == 0 || self.suid == 0 {
            ALL_CAPABILITIES
        } else {
            0
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
            groups: Some(Arc::from([7, 9].as_slice())),
            ..Credentials::root()
        };
        assert!(credentials.in_group(5) && credentials.in_group(7) && credentials.in_group(9));
        assert!(!credentials.in_group(6) && !credentials.in_group(8));
        assert!(credentials.in_effective_group(6) && !credentials.in_effective_group(5));
    }
}
