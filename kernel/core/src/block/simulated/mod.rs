//! A block device in memory for tests, which can lose power, fail and be pulled out.
//!
//! Writes go to a cache, as in a real device, from which [`BlockDevice::flush`] takes them to the medium. What the medium
//! holds after a loss of power is decided by the test: none of the writes since the last flush, all, or any part of them.

mod medium;
mod random;
mod recording;

pub use random::Random;
pub use recording::Recording;

use super::Volume;
use super::device::{BlockDevice, Geometry, Operation, Request};
use crate::vfs::DeviceNumber;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::sync::SpinLock;
use medium::Medium;
use recording::Event;
use std::collections::HashMap;

const SECTOR: usize = 512;

/// What goes wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// So many more writes of a sector have an effect; later ones seem to succeed and have none.
    pub writes_left: Option<u64>,
    /// Requests that touch one of these sectors fail.
    pub bad_sectors: Vec<u64>,
    /// Flushes fail.
    pub flush_fails: bool,
    /// The device is gone.
    pub removed: bool,
}

struct State {
    medium: Medium,
    /// Sectors written since the last flush, in order.
    unsynced: Vec<(u64, [u8; SECTOR])>,
    /// Which of these is a sector's last.
    latest: HashMap<u64, usize>,
    recording: Option<Recording>,
    faults: Faults,
    /// Sectors that were written so far.
    writes: u64,
    requests: u64,
    flushes: u64,
}

/// The device.
pub struct SimulatedDisk {
    state: SpinLock<State>,
    geometry: Geometry,
}

impl SimulatedDisk {
    /// A disk with this content, whole sectors of it.
    pub fn new(medium: Vec<u8>) -> Arc<Self> {
        Self::with_geometry(medium, |_| {})
    }

    /// A disk that differs in some sectors from a content, which many disks may share.
    pub fn over(content: &Arc<Vec<u8>>, changes: &[(u64, [u8; SECTOR])]) -> Arc<Self> {
        let mut medium = Medium::new(content.clone());
        for (sector, bytes) in changes {
            medium.write(*sector, *bytes);
        }
        Self::of(medium, |_| {})
    }

    /// A disk that is special.
    pub fn with_geometry(medium: Vec<u8>, change: impl FnOnce(&mut Geometry)) -> Arc<Self> {
        Self::of(Medium::new(Arc::new(medium)), change)
    }

    fn of(medium: Medium, change: impl FnOnce(&mut Geometry)) -> Arc<Self> {
        let mut geometry = Geometry {
            block_size: SECTOR as u32,
            sectors: medium.sectors(),
            read_only: false,
            maximum_segments: 8,
        };
        change(&mut geometry);
        Arc::new(Self {
            state: SpinLock::new(State {
                medium,
                unsynced: Vec::new(),
                latest: HashMap::new(),
                recording: None,
                faults: Faults::default(),
                writes: 0,
                requests: 0,
                flushes: 0,
            }),
            geometry,
        })
    }

    /// Changes what goes wrong from now on.
    pub fn fail(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.state.lock().faults);
    }

    /// Sectors written, requests and flushes so far.
    pub fn counts(&self) -> (u64, u64, u64) {
        let state = self.state.lock();
        (state.writes, state.requests, state.flushes)
    }

    /// The disk as a volume.
    pub fn volume(self: &Arc<Self>) -> Arc<Volume> {
        Arc::new(Volume::new(
            String::from("vda"),
            DeviceNumber::new(253, 0),
            self.clone(),
            0,
            self.geometry.sectors,
        ))
    }

    /// Records from now on what is written, for [`Self::recorded`].
    pub fn record(&self) {
        let mut state = self.state.lock();
        assert!(state.unsynced.is_empty(), "flush before");
        state.recording = Some(Recording::new(state.medium.whole()));
    }

    /// How many events were recorded so far.
    pub fn position(&self) -> usize {
        let state = self.state.lock();
        state
            .recording
            .as_ref()
            .map_or(0, |recording| recording.length())
    }

    /// Everything that was recorded.
    pub fn recorded(&self) -> Recording {
        self.state.lock().recording.take().unwrap()
    }

    /// What the medium holds after a loss of power now: everything flushed, and of the later writes those for which `keep`
    /// says so, which is asked once for each in an order of its own. That is any order in which a device could have
    /// written them, as of two writes to one sector the later may be lost.
    pub fn after_power_loss(&self, mut keep: impl FnMut() -> bool) -> Vec<u8> {
        let state = self.state.lock();
        let mut medium = state.medium.whole();
        for (sector, bytes) in &state.unsynced {
            if keep() {
                medium::put(&mut medium, *sector, bytes);
            }
        }
        medium
    }
}

impl State {
    fn read(&self, sector: u64) -> [u8; SECTOR] {
        match self.latest.get(&sector) {
            Some(&index) => self.unsynced[index].1,
            None => self.medium.read(sector),
        }
    }

    fn write(&mut self, sector: u64, bytes: [u8; SECTOR]) {
        self.writes += 1;
        match &mut self.faults.writes_left {
            Some(0) => return,
            Some(left) => *left -= 1,
            None => {}
        }
        if let Some(recording) = &mut self.recording {
            recording.add(Event::Write(sector, Box::new(bytes)));
        }
        self.latest.insert(sector, self.unsynced.len());
        self.unsynced.push((sector, bytes));
    }

    fn carry_out(&mut self, request: &Request<'_>) -> Result<()> {
        self.requests += 1;
        let sectors = request.sector..request.sector + request.length() / SECTOR as u64;
        let is_bad = |sector| sectors.contains(sector);
        if self.faults.removed || self.faults.bad_sectors.iter().any(is_bad) {
            return Err(Errno::EIO);
        }
        let mut sector = request.sector;
        for segment in request.segments {
            for offset in (segment.offset..segment.offset + segment.length).step_by(SECTOR) {
                let mut bytes = [0; SECTOR];
                match request.operation {
                    Operation::Read => segment.frame.write(offset, &self.read(sector)),
                    Operation::Write => {
                        segment.frame.read(offset, &mut bytes);
                        self.write(sector, bytes);
                    }
                }
                sector += 1;
            }
        }
        Ok(())
    }
}

impl BlockDevice for SimulatedDisk {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit(&self, requests: &mut [Request<'_>]) {
        let mut state = self.state.lock();
        // Last come, first served: nobody may count on an order.
        for request in requests.iter_mut().rev() {
            assert!(request.segments.len() <= self.geometry.maximum_segments);
            request.result = state.carry_out(request);
        }
    }

    fn flush(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.flushes += 1;
        if state.faults.removed || state.faults.flush_fails {
            return Err(Errno::EIO);
        }
        if let Some(recording) = &mut state.recording {
            recording.add(Event::Flush);
        }
        let State {
            medium,
            unsynced,
            latest,
            ..
        } = &mut *state;
        latest.clear();
        for (sector, bytes) in unsynced.drain(..) {
            medium.write(sector, bytes);
        }
        Ok(())
    }
}
