//! Where tabs lead.

use crate::Result;
use crate::heap::MakeRoom;
use alloc::vec::Vec;

/// Columns from one stop to the next, to begin with.
const DISTANCE: usize = 8;

/// For each column whether it is a stop.
pub struct TabStops(Vec<bool>);

impl TabStops {
    /// A stop every eight columns.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(columns: usize) -> Result<Self> {
        let mut stops = Vec::new();
        stops.make_room_exact(columns)?;
        stops.resize(columns, false);
        let mut stops = Self(stops);
        stops.reset();
        Ok(stops)
    }

    /// A stop every eight columns again.
    pub fn reset(&mut self) {
        for (column, stop) in self.0.iter_mut().enumerate() {
            *stop = column % DISTANCE == 0;
        }
    }

    pub fn set(&mut self, column: usize) {
        if let Some(stop) = self.0.get_mut(column) {
            *stop = true;
        }
    }

    pub fn clear(&mut self, column: usize) {
        if let Some(stop) = self.0.get_mut(column) {
            *stop = false;
        }
    }

    pub fn clear_all(&mut self) {
        self.0.fill(false);
    }

    /// The first stop behind a column, or else the last column.
    pub fn after(&self, column: usize) -> usize {
        let behind = self.0.iter().enumerate().skip(column + 1);
        behind
            .filter(|(_, stop)| **stop)
            .map(|(column, _)| column)
            .next()
            .unwrap_or(self.0.len().saturating_sub(1))
    }
}
