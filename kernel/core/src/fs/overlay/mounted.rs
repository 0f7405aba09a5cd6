//! The overlays that are mounted: no two of them change the same upper directory.

use super::layers::Layers;
use super::options::Options;
use crate::heap::MakeRoom;
use crate::task::Credentials;
use crate::vfs::location::Location;
use crate::vfs::super_block::{ActiveSuperBlock, SuperBlock};
use crate::{Errno, Result};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// Overlays with an upper directory; those that have gone stay until the next one comes. Locked while one is made.
pub struct Mounted(Vec<Entry>);

struct Entry {
    super_block: Weak<SuperBlock>,
    layers: Weak<Layers>,
    options: Weak<Options>,
}

impl Mounted {
    /// None.
    pub const NONE: Self = Self(Vec::new());

    /// The overlay with this upper directory; `None`: there is none.
    ///
    /// # Errors
    /// `EBUSY` if its other layers, its options or whose permissions it uses are different, or if another one has the
    /// working directory.
    pub fn find(
        &self,
        upper: &Location,
        work: &Location,
        lowers: &[Location],
        options: &Options,
        mounter: &Credentials,
    ) -> Result<Option<ActiveSuperBlock>> {
        for entry in &self.0 {
            let Some((super_block, layers, known)) = entry.get() else {
                continue;
            };
            let Some(used) = &layers.upper else { continue };
            match used.is_at(upper, work) {
                (false, false) => continue,
                (true, true) => {}
                _ => return Err(Errno::EBUSY),
            }
            let same = layers.lowers.len() == lowers.len()
                && (layers.lowers.iter().zip(lowers))
                    .all(|(one, other)| Arc::ptr_eq(&one.node, &other.node))
                && known.user_attributes == options.user_attributes
                && known.is_volatile == options.is_volatile
                && layers.mounter == *mounter;
            return if same {
                Ok(Some(super_block))
            } else {
                Err(Errno::EBUSY)
            };
        }
        Ok(None)
    }

    /// Makes room for one more.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn make_room(&mut self) -> Result<()> {
        self.0.retain(|entry| entry.get().is_some());
        self.0.make_room(1)
    }

    /// Adds an overlay, for which [`Mounted::make_room`] made room.
    pub fn add(
        &mut self,
        super_block: &Arc<SuperBlock>,
        layers: &Arc<Layers>,
        options: &Arc<Options>,
    ) {
        if layers.upper.is_some() {
            self.0.push(Entry {
                super_block: Arc::downgrade(super_block),
                layers: Arc::downgrade(layers),
                options: Arc::downgrade(options),
            });
        }
    }
}

impl Entry {
    /// What it stands for, unless it is out of use.
    fn get(&self) -> Option<(ActiveSuperBlock, Arc<Layers>, Arc<Options>)> {
        Some((
            ActiveSuperBlock::of(&self.super_block.upgrade()?)?,
            self.layers.upgrade()?,
            self.options.upgrade()?,
        ))
    }
}
