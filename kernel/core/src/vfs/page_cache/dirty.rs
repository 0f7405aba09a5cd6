//! Which pages of a file have been changed since they were written back.

use alloc::collections::BTreeMap;

/// Pages that one word tells of.
const WORD: u64 = 64;

/// A set of page indices, a bit each.
#[derive(Default)]
pub struct DirtySet {
    words: BTreeMap<u64, u64>,
    count: u64,
}

impl DirtySet {
    /// No pages.
    pub const fn new() -> Self {
        Self {
            words: BTreeMap::new(),
            count: 0,
        }
    }

    /// How many pages there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether a page is in it.
    pub fn contains(&self, index: u64) -> bool {
        self.words
            .get(&(index / WORD))
            .is_some_and(|word| word >> (index % WORD) & 1 != 0)
    }

    /// Adds a page; whether it wasn't in.
    pub fn add(&mut self, index: u64) -> bool {
        let word = self.words.entry(index / WORD).or_insert(0);
        let bit = 1 << (index % WORD);
        let new = *word & bit == 0;
        *word |= bit;
        self.count += u64::from(new);
        new
    }

    /// Takes the first page at or after `from` and before `end` out.
    pub fn take_first(&mut self, from: u64, end: u64) -> Option<u64> {
        let (&number, _) = self
            .words
            .range(from / WORD..)
            .find(|&(&number, &word)| number > from / WORD || word >> (from % WORD) != 0)?;
        let word = self.words.get_mut(&number)?;
        let low = if number == from / WORD {
            from % WORD
        } else {
            0
        };
        let bit = (*word >> low).trailing_zeros() as u64 + low;
        let index = number * WORD + bit;
        if index >= end {
            return None;
        }
        *word &= !(1 << bit);
        if *word == 0 {
            self.words.remove(&number);
        }
        self.count -= 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_out_in_order() {
        let mut set = DirtySet::new();
        for index in [700, 3, 64, 63, 3, u64::MAX / 4096] {
            set.add(index);
        }
        assert_eq!(set.count(), 5);
        assert!(set.contains(63) && !set.contains(62));
        assert_eq!(set.take_first(4, 64), Some(63));
        assert_eq!(set.take_first(4, 64), None);
        assert_eq!(set.take_first(64, u64::MAX), Some(64));
        assert_eq!(set.take_first(65, u64::MAX), Some(700));
        assert_eq!(set.take_first(701, u64::MAX), Some(u64::MAX / 4096));
        assert_eq!(set.take_first(0, u64::MAX), Some(3));
        assert_eq!((set.take_first(0, u64::MAX), set.count()), (None, 0));
    }
}
