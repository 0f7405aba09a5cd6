//! The kernel's random numbers: ChaCha20 with fast key erasure.
//!
//! Each request takes one block: its first half becomes the next key, so that what was given out can't be computed
//! from the state later; its second half answers small requests, or keys a stream for larger ones. The generator is
//! seeded from [`hal::random`], and again every [`RESEED_INTERVAL`]. After D. J. Bernstein's "Fast-key-erasure
//! random-number generators" and Linux's drivers/char/random.c.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use hal::sync::SpinLock;

/// Nanoseconds between two seedings (Linux: 60 s once it is up).
const RESEED_INTERVAL: u64 = 60_000_000_000;

const KEY_BYTES: usize = 32;

/// The generator's state.
struct Generator {
    key: [u8; KEY_BYTES],
    /// When to seed next, ns since boot; 0: never seeded.
    next_seed: u64,
}

static GENERATOR: SpinLock<Generator> = SpinLock::new(Generator {
    key: [0; KEY_BYTES],
    next_seed: 0,
});

/// The key stream of `key`, from its beginning. A key is used once, so the nonce needn't vary.
fn stream(key: &[u8; KEY_BYTES]) -> ChaCha20 {
    ChaCha20::new(key.into(), &[0; 12].into())
}

impl Generator {
    /// Takes one block: replaces the key, and returns what is left.
    fn block(&mut self, now: u64) -> [u8; KEY_BYTES] {
        if now >= self.next_seed {
            for (byte, seed) in self.key.iter_mut().zip(hal::random::seed()) {
                *byte ^= seed;
            }
            self.next_seed = now.saturating_add(RESEED_INTERVAL);
        }
        let mut keys = stream(&self.key);
        self.key = [0; KEY_BYTES];
        keys.apply_keystream(&mut self.key);
        let mut rest = [0; KEY_BYTES];
        keys.apply_keystream(&mut rest);
        rest
    }
}

/// Has the next request seed the generator anew: there is more in [`hal::random`] than at the last seeding.
pub fn reseed() {
    GENERATOR.lock().next_seed = 0;
}

/// Fills `buffer` with random bytes.
pub fn fill(buffer: &mut [u8]) {
    let rest = GENERATOR.lock().block(hal::time::now());
    if buffer.len() <= rest.len() {
        for (byte, random) in buffer.iter_mut().zip(rest) {
            *byte = random;
        }
    } else {
        buffer.fill(0);
        stream(&rest).apply_keystream(buffer);
    }
}

/// A random number.
pub fn word() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A stream of random bytes of any length, for requests that are answered in pieces.
pub struct RandomStream(ChaCha20);

impl RandomStream {
    /// A stream with a key of its own.
    pub fn new() -> RandomStream {
        let key = GENERATOR.lock().block(hal::time::now());
        RandomStream(stream(&key))
    }

    /// The next bytes.
    pub fn fill(&mut self, buffer: &mut [u8]) {
        buffer.fill(0);
        self.0.apply_keystream(buffer);
    }
}

impl Default for RandomStream {
    fn default() -> Self {
        RandomStream::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_differ_each_time() {
        let (mut a, mut b) = ([0; 200], [0; 200]);
        fill(&mut a);
        fill(&mut b);
        assert_ne!(a, b);
        assert!(a.iter().filter(|byte| **byte == 0).count() < 20);
        assert_ne!(word(), word());
    }

    #[test]
    fn bits_are_balanced() {
        let mut stream = RandomStream::new();
        let mut bytes = [0; 65_536];
        stream.fill(&mut bytes);
        let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        // 262,144 expected, standard deviation 362: 10 of them either way.
        assert!((258_500..265_800).contains(&ones), "{ones}");
    }
}
