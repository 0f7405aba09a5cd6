//! The timers of one CPU, earliest first; pure. Any timer can be removed by its key in logarithmic time.

use crate::errno::Result;
use crate::heap::MakeRoom;
use alloc::vec::Vec;

/// Names an armed timer in its heap. Keys aren't reused for a later timer by mistake: they carry a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    slot: u32,
    generation: u32,
}

struct Slot<T> {
    generation: u32,
    /// Deadline in ns, place in the heap and what to do; none while the slot is free.
    armed: Option<(u64, usize, T)>,
}

/// A heap of timers with a `T` each.
pub struct TimerHeap<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// Slots ordered as a binary heap by deadline.
    order: Vec<u32>,
}

impl<T> Default for TimerHeap<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> TimerHeap<T> {
    /// No timers.
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            order: Vec::new(),
        }
    }

    /// The earliest deadline, ns.
    pub fn earliest(&self) -> Option<u64> {
        self.order.first().map(|&slot| self.deadline(slot))
    }

    /// Arms a timer for `deadline` (ns).
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn insert(&mut self, deadline: u64, target: T) -> Result<Key> {
        self.order.make_room(1)?;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.make_room(1)?;
                // Every slot can be free at once; with the room made here, `remove` never allocates.
                self.free.make_room(self.slots.len() + 1)?;
                self.slots.push(Slot {
                    generation: 0,
                    armed: None,
                });
                (self.slots.len() - 1) as u32
            }
        };
        let place = self.order.len();
        self.order.push(slot);
        let entry = &mut self.slots[slot as usize];
        entry.armed = Some((deadline, place, target));
        let key = Key {
            slot,
            generation: entry.generation,
        };
        self.rise(place);
        Ok(key)
    }

    /// Disarms a timer; none if it has fired or was removed before.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.slots.get(key.slot as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let place = entry.armed.as_ref()?.1;
        self.remove_at(place)
    }

    /// Takes the earliest timer if its deadline is not after `now`.
    pub fn pop_due(&mut self, now: u64) -> Option<T> {
        if self.earliest()? > now {
            return None;
        }
        self.remove_at(0)
    }

    fn deadline(&self, slot: u32) -> u64 {
        self.slots[slot as usize]
            .armed
            .as_ref()
            .map_or(u64::MAX, |armed| armed.0)
    }

    fn remove_at(&mut self, place: usize) -> Option<T> {
        let slot = self.order.swap_remove(place);
        if place < self.order.len() {
            self.note_place(place);
            self.sink(place);
            self.rise(place);
        }
        let entry = &mut self.slots[slot as usize];
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        entry.armed.take().map(|armed| armed.2)
    }

    fn note_place(&mut self, place: usize) {
        let slot = self.order[place];
        if let Some(armed) = &mut self.slots[slot as usize].armed {
            armed.1 = place;
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.order.swap(one, other);
        self.note_place(one);
        self.note_place(other);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.deadline(self.order[parent]) <= self.deadline(self.order[place]) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut least = place;
            for child in [2 * place + 1, 2 * place + 2] {
                if child < self.order.len()
                    && self.deadline(self.order[child]) < self.deadline(self.order[least])
                {
                    least = child;
                }
            }
            if least == place {
                break;
            }
            self.swap(place, least);
            place = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_and_removed_ones_never() {
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = |limit: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % limit
        };
        for _ in 0..100 {
            let mut heap = TimerHeap::new();
            let mut model: Vec<(u64, u64, Key)> = Vec::new();
            for id in 0..200u64 {
                match next(3) {
                    0 if !model.is_empty() => {
                        let (_, id, key) = model.swap_remove(next(model.len() as u64) as usize);
                        assert_eq!(heap.remove(key), Some(id));
                        assert_eq!(heap.remove(key), None);
                    }
                    _ => {
                        let deadline = next(1000);
                        let key = heap.insert(deadline, id).unwrap();
                        model.push((deadline, id, key));
                    }
                }
                assert_eq!(heap.earliest(), model.iter().map(|entry| entry.0).min());
            }
            let mut last = 0;
            for now in 0..1000 {
                while let Some(id) = heap.pop_due(now) {
                    let position = model.iter().position(|entry| entry.1 == id).unwrap();
                    let (deadline, _, key) = model.swap_remove(position);
                    assert!(deadline <= now && deadline >= last);
                    assert_eq!(heap.remove(key), None);
                    last = deadline;
                }
            }
            assert!(model.is_empty());
        }
    }
}
