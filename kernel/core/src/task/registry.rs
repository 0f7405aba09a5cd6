//! Every number of the host and what bears it: threads, processes, process groups, sessions.

use super::group::{ProcessGroup, Session};
use super::{Process, ThreadRef};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::hash::{BuildHasherDefault, Hasher};
use hal::sync::IrqSpinLock;
use hashbrown::HashMap;

/// Numbers are below this, as by default on Linux for up to 32 CPUs (proc(5), pid_max).
pub const NUMBER_LIMIT: u32 = 32_768;
/// Numbers below this aren't given out again.
const FIRST_REUSED: u32 = 300;

/// Spreads small numbers over the table.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }
    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// What bears a number.
#[derive(Default)]
struct Bearers {
    thread: Option<ThreadRef>,
    process: Option<Arc<Process>>,
    group: Option<Weak<ProcessGroup>>,
    session: Option<Weak<Session>>,
}

struct Numbers {
    bearers: HashMap<u32, Bearers, BuildHasherDefault<NumberHasher>>,
    next: u32,
}

static NUMBERS: IrqSpinLock<Numbers> = IrqSpinLock::new(Numbers {
    bearers: HashMap::with_hasher(BuildHasherDefault::new()),
    next: 1,
});

/// Takes the next free number. It is given back through [`release`].
///
/// # Errors
/// `EAGAIN` when all are in use, `ENOMEM`.
pub fn allocate() -> Result<u32> {
    let mut numbers = NUMBERS.lock();
    numbers.bearers.make_room(1)?;
    for _ in 0..NUMBER_LIMIT {
        let number = numbers.next;
        numbers.next = if number + 1 < NUMBER_LIMIT {
            number + 1
        } else {
            FIRST_REUSED
        };
        if !numbers.bearers.contains_key(&number) {
            numbers.bearers.insert(number, Bearers::default());
            return Ok(number);
        }
    }
    Err(Errno::EAGAIN)
}

/// Gives a number back that nothing bears any more.
pub fn release(number: u32) {
    let bearers = NUMBERS.lock().bearers.remove(&number);
    drop(bearers);
}

/// The number given out last (/proc/loadavg).
pub fn newest() -> u32 {
    NUMBERS.lock().next - 1
}

fn with<R>(number: u32, read: impl FnOnce(&mut Bearers) -> R) -> Option<R> {
    NUMBERS.lock().bearers.get_mut(&number).map(read)
}

/// Makes a thread findable by its number.
pub fn publish_thread(thread: &ThreadRef) {
    with(thread.host_tid(), |bearers| {
        bearers.thread = Some(thread.clone())
    });
}

/// Makes a process findable by its number.
pub fn publish_process(process: &Arc<Process>) {
    with(process.host_pid(), |bearers| {
        bearers.process = Some(process.clone())
    });
}

/// Makes a process group findable by its number.
pub fn publish_group(group: &Arc<ProcessGroup>) {
    with(group.number().host(), |bearers| {
        bearers.group = Some(Arc::downgrade(group))
    });
}

/// Makes a session findable by its number.
pub fn publish_session(session: &Arc<Session>) {
    with(session.number().host(), |bearers| {
        bearers.session = Some(Arc::downgrade(session))
    });
}

/// A thread that ends isn't found any more.
pub fn withdraw_thread(host_tid: u32) {
    let thread = with(host_tid, |bearers| bearers.thread.take());
    drop(thread);
}

/// A reaped process isn't found any more.
pub fn withdraw_process(host_pid: u32) {
    let process = with(host_pid, |bearers| bearers.process.take());
    drop(process);
}

/// The process with this number, also one that has exited but wasn't waited for.
pub fn find(host_pid: u32) -> Option<Arc<Process>> {
    with(host_pid, |bearers| bearers.process.clone())?
}

/// The living thread with this number.
pub fn find_thread(host_tid: u32) -> Option<ThreadRef> {
    with(host_tid, |bearers| bearers.thread.clone())?
}

/// The process group with this number.
pub fn find_group(number: u32) -> Option<Arc<ProcessGroup>> {
    with(number, |bearers| {
        bearers.group.as_ref().and_then(Weak::upgrade)
    })?
}

/// The session with this number.
pub fn find_session(number: u32) -> Option<Arc<Session>> {
    with(number, |bearers| {
        bearers.session.as_ref().and_then(Weak::upgrade)
    })?
}

/// All processes as of now, by number.
///
/// # Errors
/// `ENOMEM`.
pub fn processes() -> Result<Vec<Arc<Process>>> {
    let mut all = Vec::new();
    loop {
        let wanted = NUMBERS.lock().bearers.len();
        all.make_room(wanted)?;
        let numbers = NUMBERS.lock();
        if numbers.bearers.len() <= all.capacity() {
            all.extend(
                numbers
                    .bearers
                    .values()
                    .filter_map(|bearers| bearers.process.clone()),
            );
            break;
        }
    }
    all.sort_unstable_by_key(|process| process.host_pid());
    Ok(all)
}

/// How many processes there are, zombies included, and how many threads.
pub fn counts() -> (usize, usize) {
    let numbers = NUMBERS.lock();
    let processes = numbers
        .bearers
        .values()
        .filter(|bearers| bearers.process.is_some())
        .count();
    let threads = numbers
        .bearers
        .values()
        .filter(|bearers| bearers.thread.is_some())
        .count();
    (processes, threads)
}
