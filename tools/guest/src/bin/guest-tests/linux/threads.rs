//! Threads and what they wait on.

use crate::check::{Check, ensure, equal, ok};
use crate::child::run;
use crate::harness::Case;
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

pub const CASES: &[Case] = &[
    Case {
        name: "threads_share_memory_and_have_their_own_numbers",
        test: numbers,
    },
    Case {
        name: "a_mutex_excludes",
        test: mutex,
    },
    Case {
        name: "a_condition_wakes",
        test: condition,
    },
    Case {
        name: "a_thousand_threads_come_and_go",
        test: many,
    },
    Case {
        name: "messages_pass_between_threads",
        test: messages,
    },
    Case {
        name: "sleeping_takes_its_time",
        test: sleeping,
    },
    Case {
        name: "the_end_of_a_process_ends_its_threads",
        test: process_end,
    },
];

fn numbers() -> Check {
    let barrier = Barrier::new(5);
    let seen = Mutex::new(BTreeSet::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let number = rustix::thread::gettid().as_raw_nonzero().get();
                if let Ok(mut seen) = seen.lock() {
                    seen.insert(number);
                }
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let listed = fs::read_dir("/proc/self/task").map(Iterator::count);
        barrier.wait();
        equal("/proc/self/task", ok("/proc/self/task", listed)?, 5)
    })?;
    let seen = seen.into_inner().map_err(|_| "a thread panicked")?;
    equal("distinct numbers", seen.len(), 4)?;
    ensure(
        "none is the process's",
        !seen.contains(&(std::process::id() as i32)),
    )
}

fn mutex() -> Check {
    let counter = Mutex::new(0_u64);
    let plain = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5000 {
                    let Ok(mut counter) = counter.lock() else {
                        return;
                    };
                    let before = plain.load(Ordering::Relaxed);
                    *counter += 1;
                    plain.store(before + 1, Ordering::Relaxed);
                }
            });
        }
    });
    equal("under the lock", plain.load(Ordering::Relaxed), 40_000)
}

fn condition() -> Check {
    let shared = Arc::new((Mutex::new(0_u32), Condvar::new()));
    let other = Arc::clone(&shared);
    let worker = thread::spawn(move || {
        for turn in 0..1000_u32 {
            let (value, changed) = &*other;
            let Ok(guard) = value.lock() else { return };
            let Ok(mut guard) = changed.wait_while(guard, |value| *value != 2 * turn) else {
                return;
            };
            *guard += 1;
            changed.notify_all();
        }
    });
    for turn in 0..1000_u32 {
        let (value, changed) = &*shared;
        let guard = value.lock().map_err(|_| "poisoned")?;
        let mut guard = changed
            .wait_while(guard, |value| *value != 2 * turn + 1)
            .map_err(|_| "poisoned")?;
        *guard += 1;
        changed.notify_all();
    }
    worker.join().map_err(|_| "the thread panicked".to_owned())
}

fn many() -> Check {
    let count = AtomicU64::new(0);
    for _ in 0..20 {
        thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| count.fetch_add(1, Ordering::Relaxed));
            }
        });
    }
    equal("threads that ran", count.load(Ordering::Relaxed), 1000)
}

fn messages() -> Check {
    let (sender, receiver) = mpsc::sync_channel(4);
    thread::scope(|scope| {
        for who in 0..4_u64 {
            let sender = sender.clone();
            scope.spawn(move || {
                for number in 0..500 {
                    if sender.send(who * 1000 + number).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        equal("messages", receiver.iter().count(), 2000)
    })
}

fn sleeping() -> Check {
    let begun = Instant::now();
    thread::sleep(Duration::from_millis(30));
    let passed = begun.elapsed();
    ensure(
        &format!("30 ms took {passed:?}"),
        passed >= Duration::from_millis(30),
    )
}

fn process_end() -> Check {
    run(|| {
        for _ in 0..4 {
            thread::spawn(|| {
                loop {
                    thread::park();
                }
            });
        }
        // Returning ends the process with its threads.
        Ok(())
    })?;
    run(|| {
        let barrier = Arc::new(Barrier::new(2));
        let other = Arc::clone(&barrier);
        thread::spawn(move || {
            other.wait();
            std::process::exit(0);
        });
        barrier.wait();
        loop {
            thread::park();
        }
    })
}
