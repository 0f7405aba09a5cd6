//! Slabs: frames cut into objects of one class.
//!
//! A slab has no header, so objects of a power of two fill the frame. Its frame's metadata holds the number
//! of objects taken and the index of the first free one; each free object holds the index of the next. Slabs
//! with free objects form the class's list, whose links lie in each slab's first free object.

use super::size_class::{GRANULE, SIZES};
use crate::frame::{
    FRAME_SHIFT, FRAME_SIZE, Purpose, allocate_number, linear_address, metadata, physical_address,
    release_number,
};
use core::sync::atomic::Ordering::Relaxed;

/// In the state of a slab's frame, beside the index of the first free object; never a state of a free block.
const SLAB: u32 = 1 << 31;
/// No further free object.
const NO_OBJECT: u32 = 0xffff;
/// No further slab.
const NO_SLAB: u32 = 0;

/// The slabs of one class.
pub struct Slabs {
    /// The first slab with free objects (a frame number).
    first: u32,
    /// All slabs of the class.
    count: u32,
}

/// What a free object holds. The slab links mean something in a slab's first free object alone.
#[repr(C)]
#[derive(Clone, Copy)]
struct Free {
    /// Index (in granules) of the next free object of the slab.
    next_object: u32,
    previous_slab: u32,
    next_slab: u32,
}

const _: () = assert!(size_of::<Free>() <= GRANULE);

/// The free object at an index of a slab.
///
/// # Safety
/// It is one, and the class's lock is held.
unsafe fn free_object(slab: u32, index: u32) -> *mut Free {
    linear_address((u64::from(slab) << FRAME_SHIFT) + (index as usize * GRANULE) as u64).cast()
}

/// The first free object's index.
///
/// # Safety
/// The frame is a slab and the class's lock is held.
unsafe fn first_free(slab: u32) -> u32 {
    // SAFETY: as the caller promises.
    unsafe { metadata(u64::from(slab)) }.state.load(Relaxed) & NO_OBJECT
}

/// Sets the first free object's index.
///
/// # Safety
/// The frame is a slab and the class's lock is held.
unsafe fn set_first_free(slab: u32, index: u32) {
    // SAFETY: as the caller promises.
    unsafe { metadata(u64::from(slab)) }
        .state
        .store(SLAB | index, Relaxed);
}

impl Slabs {
    /// No slabs.
    pub const fn new() -> Self {
        Self {
            first: NO_SLAB,
            count: 0,
        }
    }

    /// Frames cut into objects of the class.
    pub fn frames(&self) -> u32 {
        self.count
    }

    /// Takes up to as many objects as fit into `target`; how many there were.
    pub fn take(&mut self, class: usize, target: &mut [*mut u8]) -> usize {
        let mut taken = 0;
        while taken < target.len() {
            if self.first == NO_SLAB && !self.add_slab(class) {
                break;
            }
            let slab = self.first;
            // SAFETY: a slab in the list has a free object; the chain of free objects ends with `NO_OBJECT`.
            unsafe {
                let mut index = first_free(slab);
                let Free { next_slab, .. } = *free_object(slab, index);
                let before = taken;
                while index != NO_OBJECT && taken < target.len() {
                    let object = free_object(slab, index);
                    target[taken] = object.cast();
                    taken += 1;
                    index = (*object).next_object;
                }
                metadata(u64::from(slab))
                    .count
                    .fetch_add((taken - before) as u32, Relaxed);
                set_first_free(slab, index);
                if index == NO_OBJECT {
                    self.first = next_slab;
                    if next_slab != NO_SLAB {
                        (*free_object(next_slab, first_free(next_slab))).previous_slab = NO_SLAB;
                    }
                } else {
                    let object = free_object(slab, index);
                    (*object).previous_slab = NO_SLAB;
                    (*object).next_slab = next_slab;
                }
            }
        }
        taken
    }

    /// Takes objects back. A slab that becomes empty is freed unless it is the only one with free objects.
    ///
    /// # Safety
    /// The objects were taken from slabs of this class, and nobody uses them any more.
    pub unsafe fn give_back(&mut self, objects: &[*mut u8]) {
        for &object in objects {
            let physical = physical_address(object);
            let slab = (physical >> FRAME_SHIFT) as u32;
            let index = (physical as usize % FRAME_SIZE / GRANULE) as u32;
            // SAFETY: the object is free now, and its frame a slab of ours.
            unsafe {
                let first = first_free(slab);
                let free = if first == NO_OBJECT {
                    // The slab had no free object: it joins the list at its start.
                    self.push(slab);
                    Free {
                        next_object: NO_OBJECT,
                        previous_slab: NO_SLAB,
                        next_slab: self.first,
                    }
                } else {
                    Free {
                        next_object: first,
                        ..*free_object(slab, first)
                    }
                };
                if first == NO_OBJECT {
                    self.first = slab;
                }
                object.cast::<Free>().write(free);
                set_first_free(slab, index);
                let left = metadata(u64::from(slab)).count.fetch_sub(1, Relaxed) - 1;
                if left == 0 && (free.previous_slab != NO_SLAB || free.next_slab != NO_SLAB) {
                    self.remove(free);
                    self.count -= 1;
                    release_number(slab);
                }
            }
        }
    }

    /// Makes the present first slab know that `slab` comes before it.
    ///
    /// # Safety
    /// The class's lock is held.
    unsafe fn push(&mut self, slab: u32) {
        if self.first != NO_SLAB {
            // SAFETY: a slab in the list has a free object.
            unsafe { (*free_object(self.first, first_free(self.first))).previous_slab = slab };
        }
    }

    /// Takes the slab with these links out of the list.
    ///
    /// # Safety
    /// It is in the list, and the class's lock is held.
    unsafe fn remove(&mut self, links: Free) {
        let Free {
            previous_slab,
            next_slab,
            ..
        } = links;
        // SAFETY: the neighbours are in the list, so they have a free object each.
        unsafe {
            if previous_slab == NO_SLAB {
                self.first = next_slab;
            } else {
                (*free_object(previous_slab, first_free(previous_slab))).next_slab = next_slab;
            }
            if next_slab != NO_SLAB {
                (*free_object(next_slab, first_free(next_slab))).previous_slab = previous_slab;
            }
        }
    }

    /// Cuts a new frame up and puts it in the (empty) list; `false` if there is no memory.
    fn add_slab(&mut self, class: usize) -> bool {
        let Ok(slab) = allocate_number(Purpose::Kernel) else {
            return false;
        };
        let step = SIZES[class] / GRANULE;
        let objects = FRAME_SIZE / SIZES[class];
        for position in 0..objects {
            let next_object = if position + 1 < objects {
                ((position + 1) * step) as u32
            } else {
                NO_OBJECT
            };
            // SAFETY: the frame is ours, and the object lies within it.
            unsafe {
                free_object(slab, (position * step) as u32).write(Free {
                    next_object,
                    previous_slab: NO_SLAB,
                    next_slab: NO_SLAB,
                });
            }
        }
        // SAFETY: the frame is ours; from now on it is a slab with all objects free.
        unsafe {
            metadata(u64::from(slab)).count.store(0, Relaxed);
            set_first_free(slab, 0);
        }
        self.first = slab;
        self.count += 1;
        true
    }
}
