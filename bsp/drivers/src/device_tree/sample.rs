//! Device tree blobs for tests.

use std::vec::Vec;

/// A blob in the making.
pub struct Blob {
    structure: Vec<u8>,
    strings: Vec<u8>,
    reservations: Vec<u8>,
}

impl Blob {
    /// An empty tree with memory reservations (address, length).
    pub fn new(reservations: &[(u64, u64)]) -> Self {
        let pairs = reservations.iter().copied().chain([(0, 0)]);
        let reservations = pairs
            .flat_map(|(address, length)| [address.to_be_bytes(), length.to_be_bytes()].concat());
        Self {
            structure: Vec::new(),
            strings: Vec::new(),
            reservations: reservations.collect(),
        }
    }

    fn word(&mut self, value: u32) {
        self.structure.extend(value.to_be_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.structure.extend(bytes);
        self.structure
            .resize(self.structure.len().next_multiple_of(4), 0);
    }

    pub fn begin(&mut self, name: &str) -> &mut Self {
        self.word(1);
        self.padded(&[name.as_bytes(), b"\0"].concat());
        self
    }

    pub fn end(&mut self) -> &mut Self {
        self.word(2);
        self
    }

    pub fn nop(&mut self) -> &mut Self {
        self.word(4);
        self
    }

    pub fn bytes(&mut self, name: &str, value: &[u8]) -> &mut Self {
        let name_at = self.strings.len() as u32;
        self.strings.extend([name.as_bytes(), b"\0"].concat());
        self.word(3);
        self.word(value.len() as u32);
        self.word(name_at);
        self.padded(value);
        self
    }

    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.bytes(name, &[value.as_bytes(), b"\0"].concat())
    }

    pub fn cells(&mut self, name: &str, value: &[u32]) -> &mut Self {
        let bytes: Vec<u8> = value.iter().flat_map(|cell| cell.to_be_bytes()).collect();
        self.bytes(name, &bytes)
    }

    /// The blob as the boot loader would give it.
    pub fn finish(mut self) -> Vec<u8> {
        self.word(9);
        let reservations_at = 40;
        let structure_at = reservations_at + self.reservations.len();
        let strings_at = structure_at + self.structure.len();
        let total = strings_at + self.strings.len();
        let lengths = [self.strings.len(), self.structure.len()];
        let header = [
            0xd00d_feed,
            total,
            structure_at,
            strings_at,
            reservations_at,
            17,
            16,
            0,
            lengths[0],
            lengths[1],
        ];
        let mut blob: Vec<u8> = header
            .iter()
            .flat_map(|&value| (value as u32).to_be_bytes())
            .collect();
        blob.extend(self.reservations);
        blob.extend(self.structure);
        blob.extend(self.strings);
        blob
    }
}
