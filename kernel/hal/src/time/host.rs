//! The host's clock.

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds since the first call; monotonic.
pub fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// The raw counter.
pub fn counter() -> u64 {
    now()
}

/// The counter's frequency in hertz.
pub fn frequency() -> u64 {
    1_000_000_000
}

/// Sets this CPU's one-shot timer; on the host nothing ever expires.
pub fn set_deadline(_deadline: Option<u64>) {}

/// See the machine's: on the host the counter is the clock.
pub fn conversion() -> (u64, u64) {
    (0, 1 << 32)
}
