//! The program break: brk(2).

use core::sync::atomic::Ordering;

use hal::page_table::Protection;

use super::PAGE_SIZE;
use super::address_space::{AddressSpace, Inner, USER_END};
use super::area::{Area, Label, Source};
use super::mapping::round_up;
use super::request::MemoryLimits;
use crate::errno::{Errno, Result};

impl AddressSpace {
    /// Moves the program break to `requested` if that is possible; returns the break there is then.
    pub fn set_break(&self, requested: u64) -> u64 {
        self.change(|inner| {
            if requested >= inner.layout.heap_start && requested <= USER_END {
                // A refusal shows in the unchanged break: brk(2) has no error number.
                let _ = inner.move_break(requested, &self.limits);
            }
            inner.heap_end
        })
    }
}

impl Inner {
    fn move_break(&mut self, requested: u64, limits: &MemoryLimits) -> Result<()> {
        let layout = self.layout;
        let old_top = round_up(self.heap_end)?;
        let new_top = round_up(requested)?;
        if new_top < old_top {
            self.unmap(new_top, old_top)?;
        } else if new_top > old_top {
            let data = (requested - layout.heap_start)
                .saturating_add(layout.data_end.saturating_sub(layout.data_start));
            if data > limits.data.load(Ordering::Relaxed) || !self.areas.is_free(old_top, new_top) {
                return Err(Errno::ENOMEM);
            }
            if (new_top - old_top) / PAGE_SIZE > hal::frame::total() {
                return Err(Errno::ENOMEM);
            }
            let area = Area {
                start: old_top,
                end: new_top,
                protection: Protection {
                    read: true,
                    write: true,
                    execute: false,
                },
                flags: self.future_lock,
                label: Label::Heap,
                source: Source::Anonymous,
            };
            self.check_growth(&area, 0, limits)?;
            self.areas.make_room(1)?;
            self.counts.add(&area);
            self.areas.insert(area);
        }
        self.heap_end = requested;
        Ok(())
    }
}
