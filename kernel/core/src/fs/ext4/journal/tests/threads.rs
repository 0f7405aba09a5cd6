//! Handles of several threads.

use super::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Each thread keeps two blocks of its own and one of all the same; commits run all the time.
#[test]
fn handles_of_many_threads_are_each_in_one_transaction() {
    const THREADS: u64 = 4;
    const ROUNDS: u32 = 300;
    let disk = SimulatedDisk::new(image(format::CHECKSUM_3));
    let journal = open(&disk).unwrap();
    let done = AtomicBool::new(false);
    let shared = journal.block(HOME).unwrap();
    let increase = |bytes: &mut [u8]| {
        let value = u32::from_le_bytes(*bytes.first_chunk().unwrap()) + 1;
        *bytes.first_chunk_mut().unwrap() = value.to_le_bytes();
    };
    let count = |medium: &[u8], number: u64| {
        let at = number as usize * BLOCK;
        u32::from_le_bytes(*medium[at..].first_chunk().unwrap())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (journal, shared) = (&journal, &shared);
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        let handle = journal.begin(3).unwrap();
                        for offset in [1, 2] {
                            let own = journal.block(HOME + thread * 2 + offset).unwrap();
                            handle.modify(&own, increase).unwrap();
                        }
                        handle.modify(shared, increase).unwrap();
                    }
                })
            })
            .collect();
        let (journal, disk, done) = (&journal, &disk, &done);
        let committer = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                journal.commit().unwrap();
                let medium = replayed(disk);
                let mut sum = 0;
                for thread in 0..THREADS {
                    let own = [1, 2].map(|offset| count(&medium, HOME + thread * 2 + offset));
                    assert_eq!(own[0], own[1]);
                    sum += own[0];
                }
                assert_eq!(count(&medium, HOME), sum);
            }
        });
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        committer.join().unwrap();
    });
    journal.shut_down().unwrap();
    let medium = disk.after_power_loss(|| false);
    assert_eq!(count(&medium, HOME), THREADS as u32 * ROUNDS);
}

#[test]
fn a_commit_waits_for_handles_and_new_ones_for_the_commit() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    let handle = journal.begin(2).unwrap();
    fill(&journal, &handle, HOME, 1).unwrap();
    thread::scope(|scope| {
        let commit = scope.spawn(|| journal.commit());
        while !journal.state.lock().locked {
            thread::yield_now();
        }
        let later = scope.spawn(|| journal.begin(1).unwrap().transaction());
        fill(&journal, &handle, HOME + 1, 1).unwrap();
        let id = handle.transaction();
        drop(handle);
        commit.join().unwrap().unwrap();
        assert!(later.join().unwrap() > id);
        assert!(journal.committed() >= id);
    });
    let medium = replayed(&disk);
    assert_eq!((byte(&medium, HOME), byte(&medium, HOME + 1)), (1, 1));
}
