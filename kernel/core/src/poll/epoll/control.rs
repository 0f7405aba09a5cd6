//! Changing the set: epoll_ctl(2).

use alloc::sync::Arc;

use super::instance::{Epoll, Event, Key};
use super::interest::{EDGE_TRIGGERED, EXCLUSIVE, Interest, MODES, WAKE_UP};
use super::nesting;
use crate::errno::{Errno, Result};
use crate::vfs::{File, PollEvents};

fn key(descriptor: i32, file: &Arc<File>) -> Key {
    Key {
        descriptor,
        file: Arc::as_ptr(file) as usize,
    }
}

impl Epoll {
    /// Adds a file under a descriptor.
    ///
    /// # Errors
    /// EEXIST: it is in the set. EINVAL: modes that don't go together. ELOOP: instances would contain each other, or
    /// be nested too deeply. ENOMEM.
    pub fn add(&self, descriptor: i32, file: &Arc<File>, wanted: Event) -> Result<()> {
        let nested = Epoll::of(file).ok();
        if wanted.events & EXCLUSIVE != 0 {
            let allowed = EXCLUSIVE
                | WAKE_UP
                | EDGE_TRIGGERED
                | ALWAYS
                | (PollEvents::IN | PollEvents::OUT).bits();
            if nested.is_some() || wanted.events & !allowed != 0 {
                return Err(Errno::EINVAL);
            }
        }
        let _nesting = match nested {
            Some(inner) => Some(nesting::check(self, inner)?),
            None => None,
        };
        hal::frame::headroom()?;
        let mut interests = self.interests.lock();
        if interests.contains_key(&key(descriptor, file)) {
            return Err(Errno::EEXIST);
        }
        if interests.len() >= 64 && interests.len().is_power_of_two() {
            // Files that were closed leave their interests behind; now and then they are looked for.
            interests.retain(|_, interest| {
                let open = interest.file.strong_count() > 0;
                if !open {
                    interest.withdraw();
                }
                open
            });
        }
        self.ready.reserve(interests.len() + 1)?;
        let interest = Interest::new(
            file,
            wanted.events | ALWAYS,
            wanted.data,
            self.ready.clone(),
        );
        let found = interest.register(file)?;
        interests.insert(key(descriptor, file), interest.clone());
        self.announce(&interest, found);
        Ok(())
    }

    /// Changes what is wanted of a file.
    ///
    /// # Errors
    /// ENOENT: not in the set. EINVAL: an exclusive interest, or made one.
    pub fn modify(&self, descriptor: i32, file: &Arc<File>, wanted: Event) -> Result<()> {
        let interests = self.interests.lock();
        let interest = interests.get(&key(descriptor, file)).ok_or(Errno::ENOENT)?;
        if (wanted.events | interest.events()) & EXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        interest.set(wanted.events | ALWAYS, wanted.data);
        let found = file.poll(None);
        self.announce(interest, found);
        Ok(())
    }

    /// Takes a file out.
    ///
    /// # Errors
    /// ENOENT: not in the set.
    pub fn remove(&self, descriptor: i32, file: &Arc<File>) -> Result<()> {
        let removed = self.interests.lock().remove(&key(descriptor, file));
        removed.ok_or(Errno::ENOENT)?.withdraw();
        Ok(())
    }

    /// Queues an interest whose file is ready already.
    fn announce(&self, interest: &Arc<Interest>, found: PollEvents) {
        if interest.wanted(found) & !MODES != 0 && interest.enqueue() {
            self.ready.waiting.wake_all();
        }
    }
}

/// Events that are reported whether asked for or not.
const ALWAYS: u32 = PollEvents::ERROR.union(PollEvents::HANG_UP).bits();
