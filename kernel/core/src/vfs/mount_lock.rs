//! What of a mount can't be undone: Linux's `MNT_LOCKED` and `MNT_LOCK_*` (mount_namespaces(7), "Restrictions on
//! mount namespaces").
//!
//! A mount that is put into a tree from outside, which only the tree's manager can, is locked: it stays where it is,
//! what it covers stays covered, and it keeps the restrictions that it had. A lock has no key. It holds against every
//! process, so that two containers that hand each other descriptors gain nothing; it ends with the tree.

use super::mount::MountFlags;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Restrictions that a lock keeps.
const RESTRICTIONS: MountFlags = MountFlags::READ_ONLY
    .union(MountFlags::NO_SETUID)
    .union(MountFlags::NO_DEVICES)
    .union(MountFlags::NO_EXECUTE)
    .union(MountFlags::NO_SYMBOLIC_LINKS);

/// The flags are locked, and the file system's options.
const SETTINGS: u32 = 1 << 30;
/// The place is locked.
const PLACE: u32 = 1 << 31;

/// The lock of a mount: the restrictions that it keeps, [`SETTINGS`] and [`PLACE`]. Changed in write sections of
/// [`NAMES`](super::path_node::NAMES).
#[derive(Debug, Default)]
pub(super) struct MountLock(AtomicU32);

impl MountLock {
    /// A lock that is as closed as this one, for a copy of the mount together with what it lies on.
    pub fn duplicate(&self) -> Self {
        Self(AtomicU32::new(self.0.load(Relaxed)))
    }

    /// The same for a copy that can be put anywhere: only its settings are locked.
    pub fn duplicate_settings(&self) -> Self {
        Self(AtomicU32::new(self.0.load(Relaxed) & !PLACE))
    }

    /// Closes it over a mount with these flags.
    pub fn close(&self, flags: MountFlags) {
        let restrictions = (flags & RESTRICTIONS).bits();
        self.0.fetch_or(restrictions | SETTINGS | PLACE, Relaxed);
    }

    /// Whether the mount stays where it is.
    pub fn holds_place(&self) -> bool {
        self.0.load(Relaxed) & PLACE != 0
    }

    /// Whether the options of the file system stay as they are.
    pub fn holds_settings(&self) -> bool {
        self.0.load(Relaxed) & SETTINGS != 0
    }

    /// Whether the mount's flags may change so: to no less restrictions, and no other policy for access times.
    pub fn permits(&self, old: MountFlags, new: MountFlags) -> bool {
        let held = MountFlags::from_bits_truncate(self.0.load(Relaxed)) & RESTRICTIONS;
        !self.holds_settings()
            || (new.contains(held) && new.access_time_policy() == old.access_time_policy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_lock_permits_restrictions_and_nothing_else() {
        let lock = MountLock::default();
        let held = MountFlags::READ_ONLY | MountFlags::NO_DEVICES;
        assert!(lock.permits(held, MountFlags::empty()));
        lock.close(held);
        assert!(lock.holds_place());
        assert!(lock.permits(held, held | MountFlags::NO_EXECUTE));
        // What was added after it was closed can go again.
        assert!(lock.permits(held | MountFlags::NO_EXECUTE, held));
        assert!(!lock.permits(held, MountFlags::READ_ONLY));
        assert!(!lock.permits(held, held | MountFlags::NO_ACCESS_TIME));
        assert!(lock.permits(held, held | MountFlags::RELATIVE_ACCESS_TIME));
        let copy = lock.duplicate_settings();
        assert!(!copy.holds_place());
        assert!(!copy.permits(held, MountFlags::empty()));
        assert!(lock.duplicate().holds_place());
    }
}
