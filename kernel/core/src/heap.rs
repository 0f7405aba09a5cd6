//! Growing collections in the kernel heap when there may be no memory.
//!
//! Whatever size userland chooses is reserved with [`MakeRoom`] before it is filled. Objects of a fixed small
//! size are allocated without asking, by calls that have asked [`hal::frame::headroom`] first.

use crate::{Errno, Result};
use alloc::collections::{BinaryHeap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash};
use hal::fault_injection;
use hashbrown::HashMap;
use smallvec::{Array, SmallVec};

/// A collection that may be refused more memory, also by fault injection. Use it in place of `try_reserve`.
pub trait MakeRoom {
    /// Makes room for so many more elements, and perhaps more for later.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn make_room(&mut self, additional: usize) -> Result<()>;

    /// Makes room for so many more elements and, if the collection can, for no others.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn make_room_exact(&mut self, additional: usize) -> Result<()> {
        self.make_room(additional)
    }
}

/// Lets fault injection refuse the growth.
#[inline]
fn ask() -> Result<()> {
    if fault_injection::refuses() {
        Err(Errno::ENOMEM)
    } else {
        Ok(())
    }
}

macro_rules! can_grow {
    ($collection:ty $(, $element:ident: $($bound:path)?)?) => {
        impl$(<$element $(: $bound)?>)? MakeRoom for $collection {
            #[inline]
            fn make_room(&mut self, additional: usize) -> Result<()> {
                if self.capacity() - self.len() < additional {
                    ask()?;
                    self.try_reserve(additional).map_err(|_| Errno::ENOMEM)?;
                }
                Ok(())
            }

            #[inline]
            fn make_room_exact(&mut self, additional: usize) -> Result<()> {
                if self.capacity() - self.len() < additional {
                    ask()?;
                    self.try_reserve_exact(additional).map_err(|_| Errno::ENOMEM)?;
                }
                Ok(())
            }
        }
    };
}

can_grow!(Vec<T>, T:);
can_grow!(VecDeque<T>, T:);
can_grow!(BinaryHeap<T>, T: Ord);
can_grow!(SmallVec<T>, T: Array);
can_grow!(String);

impl<K: Eq + Hash, V, S: BuildHasher> MakeRoom for HashMap<K, V, S> {
    #[inline]
    fn make_room(&mut self, additional: usize) -> Result<()> {
        if self.capacity() - self.len() < additional {
            ask()?;
            self.try_reserve(additional).map_err(|_| Errno::ENOMEM)?;
        }
        Ok(())
    }
}
