//! Robust futexes: the locks that a thread holds when it dies are marked and handed on
//! (Documentation/locking/robust-futexes.rst).

use super::operations;
use crate::task::Current;
use core::sync::atomic::Ordering::Relaxed;
use hal::user::{self, UserAddr};

/// `FUTEX_WAITERS`.
const WAITERS: u32 = 0x8000_0000;
/// `FUTEX_OWNER_DIED`.
const OWNER_DIED: u32 = 0x4000_0000;
/// The owner's number.
const OWNER: u32 = 0x3fff_ffff;
/// The most locks looked at, as a list may be a circle.
const LIMIT: usize = 2048;

/// Marks every lock that the dying thread holds. What the list says wrong is ignored.
pub fn release(current: &Current) {
    let head = current.robust_list.swap(0, Relaxed);
    if head == 0 {
        return;
    }
    // struct robust_list_head: the list's first entry, the word's offset from an entry, the entry being changed.
    let Ok([first, offset, pending]) = user::read_value::<[u64; 3]>(UserAddr(head)) else {
        return;
    };
    let mut entry = first;
    for _ in 0..LIMIT {
        // Bit 0 marks a lock with priority inheritance, which this kernel doesn't have.
        let address = entry & !1;
        if address == head {
            break;
        }
        // The next one before this one is released, which may free it.
        let next = user::read_value::<u64>(UserAddr(address));
        if address != pending & !1 && !mark(current, address.wrapping_add(offset), false) {
            return;
        }
        match next {
            Ok(next) => entry = next,
            Err(_) => break,
        }
    }
    if pending != 0 {
        mark(current, (pending & !1).wrapping_add(offset), true);
    }
}

/// Marks one lock if the thread holds it, and wakes one that waits; false if it can't be read.
fn mark(current: &Current, address: u64, pending: bool) -> bool {
    if !address.is_multiple_of(4) {
        return false;
    }
    let own = current.number().own();
    loop {
        let Ok(word) = user::load_u32(UserAddr(address)) else {
            return false;
        };
        if pending && word == 0 {
            // It was being unlocked: the wake that would have followed.
            operations::wake_at(current, address, 1);
            return true;
        }
        if word & OWNER != own {
            return true;
        }
        match user::compare_exchange_u32(UserAddr(address), word, (word & WAITERS) | OWNER_DIED) {
            Ok(old) if old == word => {
                if word & WAITERS != 0 {
                    operations::wake_at(current, address, 1);
                }
                return true;
            }
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}
