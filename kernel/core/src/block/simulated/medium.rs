//! What a simulated disk holds.

use super::SECTOR;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::collections::HashMap;

/// A content, and the sectors that differ from it.
pub struct Medium {
    content: Arc<Vec<u8>>,
    changed: HashMap<u64, [u8; SECTOR]>,
}

impl Medium {
    pub fn new(content: Arc<Vec<u8>>) -> Self {
        Self {
            content,
            changed: HashMap::new(),
        }
    }

    pub fn sectors(&self) -> u64 {
        (self.content.len() / SECTOR) as u64
    }

    pub fn read(&self, sector: u64) -> [u8; SECTOR] {
        let start = sector as usize * SECTOR;
        let changed = self.changed.get(&sector).copied();
        changed.unwrap_or_else(|| self.content[start..start + SECTOR].try_into().unwrap())
    }

    pub fn write(&mut self, sector: u64, bytes: [u8; SECTOR]) {
        assert!(sector < self.sectors());
        self.changed.insert(sector, bytes);
    }

    /// All of it.
    pub fn whole(&self) -> Vec<u8> {
        let mut whole = self.content.to_vec();
        for (&sector, bytes) in &self.changed {
            put(&mut whole, sector, bytes);
        }
        whole
    }
}

pub fn put(medium: &mut [u8], sector: u64, bytes: &[u8; SECTOR]) {
    let start = sector as usize * SECTOR;
    medium[start..start + SECTOR].copy_from_slice(bytes);
}
