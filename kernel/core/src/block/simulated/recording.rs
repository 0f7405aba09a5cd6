//! What happened to a simulated disk.

use super::SECTOR;
use super::medium::put;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What happened to the medium.
pub enum Event {
    /// A sector was written to the device's cache.
    Write(u64, Box<[u8; SECTOR]>),
    /// Everything in the cache was written to the medium.
    Flush,
}

/// Everything that happened to a disk, from which can be had what a loss of power at any time leaves.
pub struct Recording {
    start: Vec<u8>,
    events: Vec<Event>,
}

impl Recording {
    /// Of a disk that holds this.
    pub(super) fn new(start: Vec<u8>) -> Self {
        Self {
            start,
            events: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, event: Event) {
        self.events.push(event);
    }

    /// How many events there are.
    pub fn length(&self) -> usize {
        self.events.len()
    }

    /// What the medium holds after a loss of power before event `end`: as [`SimulatedDisk::after_power_loss`].
    pub fn after_power_loss(&self, end: usize, mut keep: impl FnMut() -> bool) -> Vec<u8> {
        let mut medium = self.start.clone();
        let is_flush = |event: &Event| matches!(event, Event::Flush);
        let flushed = self.events[..end].iter().rposition(is_flush).unwrap_or(0);
        for (index, event) in self.events[..end].iter().enumerate() {
            if let Event::Write(sector, bytes) = event
                && (index < flushed || keep())
            {
                put(&mut medium, *sector, bytes);
            }
        }
        medium
    }
}
