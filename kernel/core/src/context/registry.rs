//! The ids of one type of context: given out from 1, never twice.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use hal::sync::SpinLock;

use super::Context;
use super::life::{Hold, Holder};
use crate::heap::MakeRoom;
use crate::{Errno, Result};

/// The created contexts of one type. It holds none of them alive.
pub struct Registry<C> {
    ids: SpinLock<Ids<C>>,
}

impl<C: Context> Default for Registry<C> {
    fn default() -> Self {
        Self::new()
    }
}

struct Ids<C> {
    last: u64,
    contexts: BTreeMap<u64, Weak<C>>,
}

impl<C: Context> Registry<C> {
    /// A registry that has given out no id.
    pub const fn new() -> Self {
        Registry {
            ids: SpinLock::new(Ids {
                last: 0,
                contexts: BTreeMap::new(),
            }),
        }
    }

    /// Makes a context with the next id, held from its first moment on. A failing `make` uses up its id.
    pub fn create<H: Holder>(&self, make: impl FnOnce(u64) -> Result<C>) -> Result<Hold<C, H>> {
        let id = {
            let mut ids = self.ids.lock();
            ids.last += 1;
            ids.last
        };
        let hold = Hold::new(Arc::new(make(id)?))?;
        self.ids
            .lock()
            .contexts
            .insert(id, Arc::downgrade(hold.context()));
        Ok(hold)
    }

    /// A new hold on the context with this id; `ESRCH` when there is none.
    pub fn find<H: Holder>(&self, id: u64) -> Result<Hold<C, H>> {
        let context = {
            let ids = self.ids.lock();
            ids.contexts.get(&id).and_then(Weak::upgrade)
        };
        Hold::new(context.ok_or(Errno::ESRCH)?)
    }

    /// Every living context, by id. `ENOMEM` when there is no room for them.
    pub fn all(&self) -> Result<Vec<Arc<C>>> {
        let mut all = Vec::new();
        loop {
            let wanted = self.ids.lock().contexts.len();
            all.make_room(wanted)?;
            let ids = self.ids.lock();
            if ids.contexts.len() <= all.capacity() {
                all.extend(ids.contexts.values().filter_map(Weak::upgrade));
                return Ok(all);
            }
        }
    }

    /// Takes a destroyed context out.
    pub(super) fn forget(&self, id: u64) {
        self.ids.lock().contexts.remove(&id);
    }
}
