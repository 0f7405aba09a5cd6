//! The Arm generic timer: the virtual counter, and the virtual timer of each CPU.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counter value at boot; time counts from it.
static BOOT_COUNTER: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds per count, times 2^32. With a counter of 1 MHz or more it is below 2^42.
static NANOSECONDS_PER_COUNT: AtomicU64 = AtomicU64::new(0);
/// Counts per nanosecond, times 2^32.
static COUNTS_PER_NANOSECOND: AtomicU64 = AtomicU64::new(0);
static FREQUENCY: AtomicU64 = AtomicU64::new(0);

/// Reads a system register.
macro_rules! read {
    ($register:literal) => {{
        let value: u64;
        // SAFETY: reading a timer register has no side effect.
        unsafe { asm!(concat!("mrs {}, ", $register), out(reg) value, options(nomem, nostack, preserves_flags)) };
        value
    }};
}

/// Writes a system register.
macro_rules! write {
    ($register:literal, $value:expr) => {
        // SAFETY: writing a timer register only changes when this CPU's timer fires.
        unsafe {
            asm!(concat!("msr ", $register, ", {}"), in(reg) { let value: u64 = $value; value }, options(nomem, nostack, preserves_flags))
        }
    };
}

/// Starts the clock; `frequency` in hertz is the device tree's, for firmware that doesn't set CNTFRQ.
pub fn initialise(frequency: Option<u64>) {
    let frequency = match (frequency, read!("cntfrq_el0")) {
        (Some(given), _) if given != 0 => given,
        (_, 0) => 62_500_000,
        (_, register) => register,
    };
    FREQUENCY.store(frequency, Relaxed);
    NANOSECONDS_PER_COUNT.store(
        ((1_000_000_000u128 << 32) / u128::from(frequency)) as u64,
        Relaxed,
    );
    COUNTS_PER_NANOSECOND.store(
        ((u128::from(frequency) << 32) / 1_000_000_000) as u64,
        Relaxed,
    );
    BOOT_COUNTER.store(counter(), Relaxed);
    initialise_cpu();
}

/// Prepares this CPU's timer: off, and the counter readable by user programs.
pub fn initialise_cpu() {
    silence();
    // EL0VCTEN: CNTVCT and CNTFRQ readable at EL0; the physical counter and the timers not.
    write!("cntkctl_el1", 1 << 1);
}

/// Turns this CPU's timer off until a new deadline is set.
pub(crate) fn silence() {
    write!("cntv_ctl_el0", 0);
}

/// The raw counter (CNTVCT_EL0).
#[inline(always)]
pub fn counter() -> u64 {
    let value: u64;
    // SAFETY: reads the counter; the barrier keeps the read from being done early.
    unsafe {
        asm!("isb", "mrs {}, cntvct_el0", out(reg) value, options(nomem, nostack, preserves_flags))
    };
    value
}

/// Nanoseconds since boot; monotonic, the same on all CPUs.
#[inline]
pub fn now() -> u64 {
    scale(
        counter() - BOOT_COUNTER.load(Relaxed),
        NANOSECONDS_PER_COUNT.load(Relaxed),
    )
}

/// `value` times `factor` / 2^32, without overflow in between.
#[inline(always)]
fn scale(value: u64, factor: u64) -> u64 {
    ((u128::from(value) * u128::from(factor)) >> 32) as u64
}

/// The counter's frequency in hertz.
pub fn frequency() -> u64 {
    FREQUENCY.load(Relaxed)
}

/// For a clock that user programs read by themselves: the counter at boot, and nanoseconds per count
/// times 2^32; nanoseconds since boot = ((counter - first) * second) >> 32 in 128 bits.
pub fn conversion() -> (u64, u64) {
    (
        BOOT_COUNTER.load(Relaxed),
        NANOSECONDS_PER_COUNT.load(Relaxed),
    )
}

/// Sets when this CPU's timer fires next, in nanoseconds since boot (at once if that is past), or never.
/// The kernel's `timer` hook runs then, once.
pub fn set_deadline(deadline: Option<u64>) {
    match deadline {
        None => silence(),
        Some(deadline) => {
            // Relative to now, so that rounding doesn't grow with the uptime; one count more: not early.
            let count = counter();
            let elapsed = scale(
                count - BOOT_COUNTER.load(Relaxed),
                NANOSECONDS_PER_COUNT.load(Relaxed),
            );
            let wait = scale(
                deadline.saturating_sub(elapsed),
                COUNTS_PER_NANOSECOND.load(Relaxed),
            ) + 1;
            let target = count.saturating_add(wait);
            write!("cntv_cval_el0", target.min(i64::MAX as u64));
            write!("cntv_ctl_el0", 1);
        }
    }
}
