//! What makes two words of user memory the same lock.

use crate::errno::{Errno, Result};
use crate::memory::{AddressSpace, AreaFlags, Source};
use crate::task::Current;
use alloc::sync::Arc;

/// A word: of one address space, or of an object that several may map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Address in memory of the address space or object; it lives as long as someone waits on its words.
    owner: usize,
    /// The word's address, or its byte offset in the object.
    word: u64,
}

impl Key {
    /// The key of the word at `address` for the caller. `private` says that only one address space is meant.
    ///
    /// # Errors
    /// `EINVAL` for an address that isn't aligned, `EFAULT` for one where nothing is mapped.
    pub fn of(current: &Current, address: u64, private: bool) -> Result<Self> {
        if !address.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        let memory = current.address_space().ok_or(Errno::EFAULT)?;
        let own = Key {
            owner: Arc::as_ptr(&memory) as usize,
            word: address,
        };
        if private {
            return Ok(own);
        }
        shared_word(&memory, address).map(|shared| shared.unwrap_or(own))
    }

    /// Spreads keys over buckets.
    pub fn hash(&self) -> usize {
        let mixed =
            (self.owner as u64 ^ self.word.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as usize
    }

    #[cfg(test)]
    pub fn test(owner: usize, word: u64) -> Self {
        Key { owner, word }
    }
}

/// The word of the object that is mapped shared at `address`; none if the memory is the address space's own.
fn shared_word(memory: &AddressSpace, address: u64) -> Result<Option<Key>> {
    let mut found = Err(Errno::EFAULT);
    memory.for_each_area(address, |area| {
        if area.contains(address) {
            found = Ok(match &area.source {
                Source::Object { mapped, .. } if area.flags.contains(AreaFlags::SHARED) => {
                    let page = area.object_page(address).unwrap_or(0);
                    let owner = Arc::as_ptr(&mapped.object).cast::<()>() as usize;
                    Some(Key {
                        owner,
                        word: page.wrapping_mul(4096) + address % 4096,
                    })
                }
                _ => None,
            });
        }
        false
    });
    found
}
