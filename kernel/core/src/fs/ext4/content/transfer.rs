//! Moving pieces of pages to and from blocks, many at once.

use crate::Result;
use crate::block::{Operation, Request, SECTOR, Segment, Volume};
use crate::heap::MakeRoom;
use alloc::vec::Vec;

/// Sectors that follow each other.
struct Run {
    sector: u64,
    sectors: u64,
    segments: usize,
}

/// Pieces of pages, each with the place on the volume where it belongs.
#[derive(Default)]
pub struct Transfer<'a> {
    segments: Vec<Segment<'a>>,
    runs: Vec<Run>,
}

impl<'a> Transfer<'a> {
    /// Adds a piece.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn add(&mut self, sector: u64, segment: Segment<'a>) -> Result<()> {
        let sectors = segment.length as u64 / SECTOR;
        self.segments.make_room(1)?;
        match self.runs.last_mut() {
            Some(run) if run.sector + run.sectors == sector => {
                run.sectors += sectors;
                run.segments += 1;
            }
            _ => {
                self.runs.make_room(1)?;
                self.runs.push(Run {
                    sector,
                    sectors,
                    segments: 1,
                });
            }
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Moves all pieces, and returns when that is done.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn submit(&self, volume: &Volume, operation: Operation) -> Result<()> {
        let mut requests = Vec::new();
        requests.make_room_exact(self.runs.len())?;
        let mut rest = self.segments.as_slice();
        for run in &self.runs {
            let Some((segments, behind)) = rest.split_at_checked(run.segments) else {
                break;
            };
            requests.push(Request::new(operation, run.sector, segments));
            rest = behind;
        }
        if requests.is_empty() {
            return Ok(());
        }
        volume.submit(&mut requests)
    }
}
