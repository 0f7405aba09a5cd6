//! Seed material for the kernel's random numbers.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

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

/// 32 bytes to seed a generator with: what was gathered, the CPU's own random numbers where it has them
/// (RNDR), and the jitter of the counter. Hash them before use; each call gives others.
pub fn seed() -> [u8; 32] {
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
    #[test]
    fn seeds_differ() {
        super::add(b"odd length bytes");
        assert_ne!(super::seed(), super::seed());
    }
}
