//! File capabilities: the value of `security.capability` (capabilities(7), linux/capability.h).

use crate::task::CapabilitySet;
use crate::vfs::Inode;
use crate::{Errno, Result};

/// The attribute's name.
pub const NAME: &[u8] = b"security.capability";

/// What a program file gives to who executes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCapabilities {
    /// What the bounding set lets it give.
    pub permitted: CapabilitySet,
    /// What it gives to who has it inheritable.
    pub inheritable: CapabilitySet,
    /// All that the program has permitted is effective from the start.
    pub effective: bool,
    /// User 0 of the user namespace that they are meant for (revision 3); 0 is the machine's own.
    pub root: u32,
}

const REVISION_1: u32 = 0x0100_0000;
const REVISION_2: u32 = 0x0200_0000;
const REVISION_3: u32 = 0x0300_0000;
const EFFECTIVE: u32 = 1;

impl FileCapabilities {
    /// Understands a value; `None` if it isn't one. Revision 1, which held 32 capabilities, can't be set any more.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let word = |index: usize| {
            let bytes = value.get(4 * index..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let magic = word(0)?;
        let (words, has_root) = match magic & !EFFECTIVE {
            REVISION_1 => (3, false),
            REVISION_2 => (5, false),
            REVISION_3 => (6, true),
            _ => return None,
        };
        if value.len() != 4 * words {
            return None;
        }
        let set = |low: usize| {
            let high = if words == 3 { 0 } else { word(low + 2)? };
            let bits = u64::from(high) << 32 | u64::from(word(low)?);
            Some(CapabilitySet::from_bits(bits))
        };
        Some(Self {
            permitted: set(1)?,
            inheritable: set(2)?,
            effective: magic & EFFECTIVE != 0,
            root: if has_root { word(5)? } else { 0 },
        })
    }

    /// Whether this may be set: a value of revision 2 or 3.
    pub fn is_settable(value: &[u8]) -> bool {
        value.len() >= 20 && Self::parse(value).is_some()
    }

    /// Those of a file; none for one without, and for ones that are meant for a user namespace, since there is none.
    ///
    /// # Errors
    /// `EINVAL` for a value that isn't one; `ENOMEM`, `EIO`.
    pub fn of(inode: &Inode) -> Result<Option<Self>> {
        match inode.operations().get_extended(inode, NAME) {
            Ok(value) => {
                let own = Self::parse(&value).ok_or(Errno::EINVAL)?;
                Ok((own.root == 0).then_some(own))
            }
            Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Capability;

    fn value(words: &[u32]) -> alloc::vec::Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn revisions_differ_in_size() {
        let second = value(&[REVISION_2 | EFFECTIVE, 1, 0, 1, 0]);
        let parsed = FileCapabilities::parse(&second).unwrap();
        assert!(parsed.effective);
        assert!(parsed.permitted.contains(Capability::Chown));
        assert!(parsed.permitted.contains(Capability::MacOverride));
        assert_eq!(parsed.inheritable, CapabilitySet::EMPTY);
        let third = value(&[REVISION_3, 0, 1 << 5, 0, 0, 1000]);
        let parsed = FileCapabilities::parse(&third).unwrap();
        assert!(!parsed.effective && parsed.inheritable.contains(Capability::Kill));
        assert_eq!(parsed.root, 1000);
        let first = value(&[REVISION_1, 1, 0]);
        assert!(FileCapabilities::parse(&first).is_some());
        assert!(!FileCapabilities::is_settable(&first));
        assert!(FileCapabilities::is_settable(&second));
    }

    #[test]
    fn other_sizes_and_magics_are_refused() {
        for words in [
            &[REVISION_2, 0, 0, 0][..],
            &[REVISION_3, 0, 0, 0, 0],
            &[REVISION_2, 0, 0, 0, 0, 0],
            &[0x0400_0000, 0, 0, 0, 0],
            &[REVISION_2 | 2, 0, 0, 0, 0],
            &[],
        ] {
            assert_eq!(FileCapabilities::parse(&value(words)), None);
        }
    }
}
