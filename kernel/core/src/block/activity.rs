//! The light that shows that disks are busy: on while requests are under way, as Linux's triggers for disks have it.

use hal::sync::{Once, SpinLock};

/// A light.
pub trait Light: Send + Sync {
    /// Lights it or puts it out. A spin lock is held.
    fn set(&self, on: bool);
}

static LIGHT: Once<&'static dyn Light> = Once::new();
/// Calls of drivers that are under way.
static CALLS: SpinLock<usize> = SpinLock::new(0);

/// Shows activity with a light from now on, which is put out. The first one stays.
pub fn show_with(light: &'static dyn Light) {
    LIGHT.call_once(|| {
        light.set(false);
        light
    });
}

/// A disk is busy as long as this lives.
pub(super) struct Busy(&'static dyn Light);

/// Notes that a disk is busy, if there is a light to show it.
pub(super) fn begin() -> Option<Busy> {
    let light = *LIGHT.get()?;
    let mut calls = CALLS.lock();
    if *calls == 0 {
        light.set(true);
    }
    *calls += 1;
    Some(Busy(light))
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut calls = CALLS.lock();
        *calls -= 1;
        if *calls == 0 {
            self.0.set(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// Counts how often it was lit, and whether it is (the lowest bit).
    struct Counter(AtomicUsize);

    impl Light for Counter {
        fn set(&self, on: bool) {
            let lit = self.0.load(Relaxed);
            assert!(!on || lit & 1 == 0, "lit twice");
            self.0.store(if on { lit + 3 } else { lit & !1 }, Relaxed);
        }
    }

    #[test]
    fn the_light_is_on_while_requests_are_under_way() {
        static LIGHT: Counter = Counter(AtomicUsize::new(1));
        show_with(&LIGHT);
        let threads = [(); 4].map(|()| {
            std::thread::spawn(|| {
                for _ in 0..1000 {
                    let _outer = begin();
                    assert_eq!(LIGHT.0.load(Relaxed) & 1, 1);
                    drop(begin());
                    assert_eq!(LIGHT.0.load(Relaxed) & 1, 1);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(LIGHT.0.load(Relaxed) > 1);
    }
}
