//! Forgetting names of file systems on devices when memory is short: the file system finds them again. Without that a walk
//! through a large disk would keep every file's inode in memory.

use super::path_node::{NAMES, PathNode};
use super::super_block::SuperBlock;
use crate::heap::MakeRoom;
use crate::sched::WaitQueue;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hal::frame;

/// Of memory, this part is left free by names.
const FREE_PART: u64 = 8;

/// Memory is short.
static SHORT: AtomicBool = AtomicBool::new(false);
static WORK: WaitQueue = WaitQueue::new();

/// Has names forgotten in the background if memory is short; called when one is remembered. Never waits.
pub fn leave_memory() {
    if frame::free() < frame::total() / FREE_PART && !SHORT.swap(true, Relaxed) {
        WORK.wake_all();
    }
}

/// The background thread.
pub fn run() {
    loop {
        WORK.wait_until(|| SHORT.load(Relaxed).then_some(()));
        SuperBlock::each_on_device(forget_unused);
        SHORT.store(false, Relaxed);
    }
}

/// A directory whose entries are looked through, and the position up to which that is done.
struct Visit {
    directory: Arc<PathNode>,
    position: u64,
}

/// Forgets the names of an instance that nobody uses: files first, then directories that nothing is known below any more.
pub(crate) fn forget_unused(instance: &SuperBlock) {
    let Some(root) = instance.root() else { return };
    let mut visits: Vec<Visit> = Vec::new();
    let mut next = Some(root);
    loop {
        if let Some(directory) = next.take() {
            if visits.make_room(1).is_err() {
                return;
            }
            visits.push(Visit {
                directory,
                position: 0,
            });
        }
        let Some(visit) = visits.last_mut() else {
            return;
        };
        let below = {
            let token = NAMES.read();
            let mut entries = visit.directory.entries(&token, visit.position);
            entries
                .find(|(_, node)| !node.has_no_children(&token))
                .map(|(position, node)| (position, node.clone()))
        };
        if let Some((position, node)) = below {
            visit.position = position + 1;
            next = Some(node);
            continue;
        }
        forget_in(&visit.directory);
        visits.pop();
    }
}

/// Forgets the unused names in a directory.
fn forget_in(directory: &PathNode) {
    // Nobody looks a name up meanwhile: a file system takes a directory that is found while its inode is there for one that
    // can be reached by two ways.
    let _changing = directory.inode().change.lock();
    // One section a batch: walks go on in between. What is taken out goes afterwards, with its inode.
    while !directory.take_unused(&mut NAMES.write()).is_empty() {}
}
