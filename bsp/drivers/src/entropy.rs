//! Random numbers of devices for the kernel's generator, before the first program runs.

use core::time::Duration;
use kernel_core::log;
use kernel_core::sched::sleep_until;

/// How long the generator of a chip may take to start.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until the chip's own generator, if there is one, has numbers, and seeds the kernel's with them. Sleeps.
pub fn gather() {
    if !hal::random::has_source() {
        return;
    }
    let until = hal::time::now() + PATIENCE.as_nanos() as u64;
    while hal::time::now() < until {
        if hal::random::gather() {
            kernel_core::system::random::reseed();
            log::info!("random numbers come from the chip's generator");
            return;
        }
        // Without memory for the timer it is only looked sooner.
        let _ = sleep_until(hal::time::now() + PAUSE.as_nanos() as u64);
    }
    log::warn!("the chip's random number generator gives no numbers");
}
