//! Seed material for the kernel's random numbers.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use spin::Once;

/// A device that makes random numbers.
pub trait Source: Sync {
    /// A random number, if one is ready. Callable with any lock held.
    fn word(&self) -> Option<u32>;
}

static SOURCE: Once<&'static dyn Source> = Once::new();

/// Takes random numbers from `source`, too, whenever a seed is asked for. The first one stays.
pub fn register(source: &'static dyn Source) {
    SOURCE.call_once(|| source);
}

/// Whether there is a source.
pub fn has_source() -> bool {
    SOURCE.is_completed()
}

/// Mixes numbers of the source into the pool, which holds as much as eight of them; whether there were any.
pub fn gather() -> bool {
    let Some(source) = SOURCE.get() else {
        return false;
    };
    let mut found = false;
    for (index, word) in (0..2 * POOL.len()).map_while(|index| Some((index, source.word()?))) {
        mix(index, word.into());
        found = true;
    }
    found
}

static POOL: [AtomicU64; 4] = [const { AtomicU64::new(0x9e37_79b9_7f4a_7c15) }; 4];

/// Mixes bytes into the pool: the device tree's rng-seed, times of interrupts.
pub fn add(bytes: &[u8]) {
    for (index, chunk) in bytes.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(index, u64::from_le_bytes(word));
    }
}

fn mix(index: usize, word: u64) {
    let neighbour = POOL[(index + 1) % POOL.len()].load(Relaxed);
    let slot = &POOL[index % POOL.len()];
    let mixed = (slot.load(Relaxed) ^ word)
        .wrapping_mul(0xff51_afd7_ed55_8ccd)
        .rotate_left(29)
        ^ neighbour;
    slot.store(mixed, Relaxed);
}

/// 32 bytes to seed a generator with: what was gathered, numbers of the source, the CPU's own where it has them (RNDR), and the jitter of the counter. Hash them before use; each call gives others.
pub fn seed() -> [u8; 32] {
    gather();
    for round in 0..16 {
        mix(round, crate::time::counter());
        #[cfg(target_os = "none")]
        if let Some(random) = crate::cpu::features::random() {
            mix(round, random);
        }
        #[cfg(not(target_os = "none"))]
        {
            use core::hash::{BuildHasher, Hasher};
            mix(round, std::hash::RandomState::new().build_hasher().finish());
        }
    }
    let mut seed = [0; 32];
    for (bytes, word) in seed.chunks_mut(8).zip(&POOL) {
        bytes.copy_from_slice(&word.load(Relaxed).to_le_bytes());
    }
    seed
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dice(AtomicU64);

    impl Source for Dice {
        fn word(&self) -> Option<u32> {
            let left = self.0.load(Relaxed);
            self.0.store(left.saturating_sub(1), Relaxed);
            (left > 0).then_some(4)
        }
    }

    #[test]
    fn a_source_is_asked_for_as_much_as_the_pool_holds() {
        static DICE: Dice = Dice(AtomicU64::new(11));
        assert!(!gather());
        register(&DICE);
        assert!(has_source() && gather());
        assert_eq!(DICE.0.load(Relaxed), 3);
        assert!(gather());
        assert!(!gather(), "none is ready");
        seed();
    }

    #[test]
    fn seeds_differ() {
        super::add(b"odd length bytes");
        assert_ne!(super::seed(), super::seed());
    }
}
