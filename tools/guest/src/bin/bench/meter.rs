//! Measuring one operation.
use rustix::time::{ClockId, clock_gettime};
use std::io;

/// Measured batches; one more runs first, to fill caches.
const BATCHES: usize = 7;

/// The time of one of `count` operations, in nanoseconds: the median of some batches.
pub fn repeat(count: u32, mut operation: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    batches(|| {
        let start = now();
        for _ in 0..count {
            operation()?;
        }
        Ok((now() - start) as f64 / f64::from(count))
    })
}

/// The time that `work` takes on what `prepare` makes anew each time, for each of its `count` parts.
pub fn prepared<T>(
    count: usize,
    mut prepare: impl FnMut() -> io::Result<T>,
    mut work: impl FnMut(&mut T) -> io::Result<()>,
) -> io::Result<f64> {
    batches(|| {
        let mut subject = prepare()?;
        let start = now();
        work(&mut subject)?;
        Ok((now() - start) as f64 / count as f64)
    })
}

fn batches(mut batch: impl FnMut() -> io::Result<f64>) -> io::Result<f64> {
    batch()?;
    let mut times = [0.0; BATCHES];
    for time in &mut times {
        *time = batch()?;
    }
    times.sort_by(f64::total_cmp);
    Ok(times[BATCHES / 2])
}

fn now() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
