//! The secure bits: how user number 0 and the capabilities of a thread go together (capabilities(7)).

use bitflags::bitflags;

bitflags! {
    /// `SECBIT_*`: each rule is followed by the bit that locks it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct SecureBits: u32 {
        /// User 0 gets nothing at exec.
        const NO_ROOT = 1 << 0;
        const NO_ROOT_LOCKED = 1 << 1;
        /// Changes of user leave the capabilities alone.
        const NO_SETUID_FIXUP = 1 << 2;
        const NO_SETUID_FIXUP_LOCKED = 1 << 3;
        /// The permitted set outlives a change from user 0 to others; until exec.
        const KEEP_CAPABILITIES = 1 << 4;
        const KEEP_CAPABILITIES_LOCKED = 1 << 5;
        /// The ambient set can't grow.
        const NO_AMBIENT_RAISE = 1 << 6;
        const NO_AMBIENT_RAISE_LOCKED = 1 << 7;
    }
}

impl SecureBits {
    const LOCKS: Self = Self::NO_ROOT_LOCKED
        .union(Self::NO_SETUID_FIXUP_LOCKED)
        .union(Self::KEEP_CAPABILITIES_LOCKED)
        .union(Self::NO_AMBIENT_RAISE_LOCKED);

    /// Whether `new` may follow: no lock is opened, and nothing that is locked changes.
    pub fn may_become(self, new: Self) -> bool {
        let locks = self.intersection(Self::LOCKS);
        let locked = Self::from_bits_truncate(locks.bits() >> 1);
        new.contains(locks)
            && self
                .symmetric_difference(new)
                .intersection(locked)
                .is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_stay_and_hold_what_they_lock() {
        let locked = SecureBits::NO_ROOT | SecureBits::NO_ROOT_LOCKED;
        assert!(SecureBits::empty().may_become(locked));
        assert!(locked.may_become(locked | SecureBits::NO_SETUID_FIXUP));
        assert!(!locked.may_become(SecureBits::NO_ROOT_LOCKED));
        assert!(!locked.may_become(SecureBits::NO_ROOT));
        let off = SecureBits::KEEP_CAPABILITIES_LOCKED;
        assert!(!off.may_become(off | SecureBits::KEEP_CAPABILITIES));
    }
}
