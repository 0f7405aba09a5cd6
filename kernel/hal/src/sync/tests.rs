//! The locks between threads of the host.

use super::*;
use std::sync::Arc;
use std::thread;
use std::vec::Vec;

const THREADS: usize = 6;
const ROUNDS: usize = 20_000;

fn on_threads(work: impl Fn() + Send + Sync + 'static) {
    let work = Arc::new(work);
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let work = work.clone();
            thread::spawn(move || work())
        })
        .collect();
    for thread in threads {
        thread.join().expect("a thread failed");
    }
}

#[test]
fn spin_lock_excludes() {
    let lock = Arc::new(SpinLock::new((0, 0)));
    let inner = lock.clone();
    on_threads(move || {
        for _ in 0..ROUNDS {
            let mut pair = inner.lock();
            pair.0 += 1;
            pair.1 += 1;
            assert_eq!(pair.0, pair.1);
        }
    });
    assert_eq!(*lock.lock(), (THREADS * ROUNDS, THREADS * ROUNDS));
}

#[test]
fn irq_spin_lock_excludes_and_try_lock_fails_while_held() {
    let lock = Arc::new(IrqSpinLock::new(0));
    let inner = lock.clone();
    on_threads(move || {
        for _ in 0..ROUNDS {
            *inner.lock() += 1;
        }
    });
    let guard = lock.lock();
    assert_eq!(*guard, THREADS * ROUNDS);
    assert!(lock.try_lock().is_none());
    drop(guard);
    assert!(lock.try_lock().is_some());
}

#[test]
fn readers_and_writers() {
    let lock = Arc::new(RwSpinLock::new((0, 0)));
    let inner = lock.clone();
    on_threads(move || {
        for round in 0..ROUNDS {
            if round % 8 == 0 {
                let mut pair = inner.write();
                pair.0 += 1;
                pair.1 += 1;
            } else {
                let pair = inner.read();
                assert_eq!(pair.0, pair.1);
            }
        }
    });
    assert_eq!(lock.read().0, THREADS * ROUNDS / 8);
}

static NAMES: ReadMostlyLock = ReadMostlyLock::new();
static OTHER: ReadMostlyLock = ReadMostlyLock::new();

#[test]
fn read_sections_never_see_a_half_done_write() {
    let cells = Arc::new([TokenCell::new(&NAMES, 0), TokenCell::new(&NAMES, 0)]);
    let inner = cells.clone();
    on_threads(move || {
        for round in 0..ROUNDS {
            if round % 16 == 0 {
                let mut token = NAMES.write();
                *inner[0].get_mut(&mut token) += 1;
                *inner[1].get_mut(&mut token) += 1;
            } else {
                let token = NAMES.read();
                let nested = NAMES.read();
                assert_eq!(inner[0].get(&token), inner[1].get(&nested));
                drop(token);
                assert_eq!(inner[0].get(&nested), inner[1].get(&nested));
            }
        }
    });
    assert_eq!(*cells[0].get(&NAMES.read()), THREADS * ROUNDS / 16);
}

#[test]
#[should_panic(expected = "a token of another lock")]
fn a_token_of_another_lock_is_refused() {
    let cell = TokenCell::new(&NAMES, 0);
    let _ = cell.get(&OTHER.read());
}

#[test]
fn guards_nest_and_keep_the_cpu_to_one_thread() {
    static USERS: PerCpu<core::sync::atomic::AtomicUsize> =
        PerCpu::new([const { core::sync::atomic::AtomicUsize::new(0) }; MAX_CPUS]);
    use core::sync::atomic::Ordering::SeqCst;
    on_threads(|| {
        for _ in 0..ROUNDS / 10 {
            let outer = PreemptGuard::new();
            let inner = InterruptGuard::new();
            assert_eq!(USERS.get(&outer).fetch_add(1, SeqCst), 0);
            drop(inner);
            assert_eq!(preempt_count(), 1);
            assert_eq!(USERS.get(&outer).fetch_sub(1, SeqCst), 1);
        }
    });
    assert_eq!(preempt_count(), 0);
}
