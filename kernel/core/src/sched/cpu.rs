//! Each CPU's run queue, the switch between threads and the wake-up.

use super::entity::{Entity, State};
use super::run_queue::{self, RunQueue};
use super::{timer, weight};
use crate::errno::{Errno, Result};
use crate::task::{self, Current, ThreadRef};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU32, AtomicUsize, fence};
use hal::cpu::MAX_CPUS;
use hal::sync::IrqSpinLock;
use hal::task::{InterruptGuard, flags};

/// A CPU as the scheduler sees it.
struct Cpu {
    queue: RunQueue<ThreadRef>,
    /// What runs; none before the CPU has joined.
    current: Option<ThreadRef>,
    /// What runs when nothing else can.
    idle: Option<ThreadRef>,
    /// When `current` was last charged for its run time, ns.
    started: u64,
    /// When `current` should give way if others wait, ns.
    slice_end: u64,
    /// What it has spent its time on up to the last switch.
    used: CpuTimes,
}

/// What a CPU spent its time on, ns, and how often it switched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    pub user: u64,
    pub system: u64,
    pub idle: u64,
    pub switches: u64,
}

/// How often (ns) the timer looks at what a thread does that runs alone: whether its time is user or system time.
const TICK: u64 = 10_000_000;

impl CpuTimes {
    #[inline]
    fn charge(&mut self, entity: &Entity, is_idle: bool, ran: u64) {
        let total = match (is_idle, entity.is_in_user()) {
            (true, _) => &mut self.idle,
            (false, true) => &mut self.user,
            (false, false) => &mut self.system,
        };
        *total += ran;
    }
}

impl Cpu {
    /// The running thread's virtual run time as of now, and the queue's minimum brought up to it.
    fn catch_up(&mut self) -> u64 {
        let Some(current) = &self.current else {
            return 0;
        };
        let entity = current.scheduling();
        let ran = hal::time::now().saturating_sub(self.started);
        let running = entity.virtual_runtime.load(Relaxed)
            + weight::virtual_time(ran, entity.weight.load(Relaxed));
        if !self
            .idle
            .as_ref()
            .is_some_and(|idle| Arc::ptr_eq(idle, current))
        {
            self.queue.advance(running);
        }
        running
    }
}

static CPUS: [IrqSpinLock<Cpu>; MAX_CPUS] = [const {
    IrqSpinLock::new(Cpu {
        queue: RunQueue::new(),
        current: None,
        idle: None,
        started: 0,
        slice_end: u64::MAX,
        used: CpuTimes {
            user: 0,
            system: 0,
            idle: 0,
            switches: 0,
        },
    })
}; MAX_CPUS];

/// One bit per CPU that runs its idle thread. A hint: written under the CPU's lock, read without.
static IDLE: AtomicU32 = AtomicU32::new(0);
/// One bit per CPU that takes part.
static JOINED: AtomicU32 = AtomicU32::new(0);
/// How many threads every queue has room for.
static CAPACITY: AtomicUsize = AtomicUsize::new(0);
/// How many threads there are.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// A thread's claim on room in every run queue, so that waking it never allocates.
pub struct QueueRoom(());

impl QueueRoom {
    /// Makes room for one more thread.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn reserve() -> Result<Self> {
        let wanted = THREADS.fetch_add(1, Relaxed) + 1;
        let room = QueueRoom(());
        if wanted > CAPACITY.load(Acquire) {
            let capacity = (wanted * 2).max(64);
            for cpu in &CPUS {
                cpu.lock().queue.reserve(capacity)?;
            }
            CAPACITY.fetch_max(capacity, Release);
        }
        Ok(room)
    }
}

impl Drop for QueueRoom {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Relaxed);
    }
}

/// The CPUs that take part, one bit each.
pub fn joined() -> u64 {
    u64::from(JOINED.load(Relaxed))
}

/// This CPU joins: the calling thread, its idle thread, is what it runs.
pub fn join(idle: &ThreadRef) {
    let interrupts = InterruptGuard::new();
    let cpu = hal::cpu::id();
    idle.scheduling().set_state(State::RUNNABLE);
    idle.scheduling().cpu.store(cpu as u32, Relaxed);
    idle.scheduling().on_queue.store(true, Relaxed);
    let mut this = CPUS[cpu].lock();
    this.current = Some(idle.clone());
    this.idle = Some(idle.clone());
    this.started = hal::time::now();
    IDLE.fetch_or(1 << cpu, Relaxed);
    JOINED.fetch_or(1 << cpu, Relaxed);
    drop(this);
    drop(interrupts);
}

/// Why the running thread calls the scheduler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// It sleeps if its state says so.
    Block,
    /// Others may have a better claim; whatever its state, it stays runnable.
    Preempted,
    /// It lets the others run first.
    Yield,
}

/// Lets another thread run if the calling one sleeps (its state says so) or one that waits has a better claim.
/// No spin lock may be held. Returns when the thread runs again.
pub fn schedule() {
    reschedule(&task::current(), Reason::Block, false);
}

/// The same for a thread at its return to user mode: it stays runnable, and the time it ran is user time.
pub fn schedule_from_user(current: &Current) {
    reschedule(current, Reason::Preempted, true);
}

/// The interrupted thread gives way; interrupts are masked on entry and on return.
pub fn preempt() {
    reschedule(&task::current(), Reason::Preempted, false);
}

/// Lets every waiting thread of this CPU run before the calling one.
pub fn yield_now() {
    let current = task::current();
    let empty = {
        let cpu = current.scheduling().cpu();
        // A thread that moves between the two lines yields to another queue's threads, which does no harm.
        CPUS[cpu].lock().queue.is_empty()
    };
    if !empty {
        reschedule(&current, Reason::Yield, false);
    }
}

fn reschedule(current: &Current, reason: Reason, from_user: bool) {
    let interrupts = InterruptGuard::new();
    current.clear_flag(flags::RESCHEDULE);
    let entity = current.scheduling();
    let cpu = hal::cpu::id();
    let now = hal::time::now();
    let mut this = CPUS[cpu].lock();

    let ran = now.saturating_sub(this.started);
    this.started = now;
    if from_user {
        entity.in_user.store(true, Relaxed);
    }
    entity.charge(ran);
    let virtual_runtime = entity.virtual_runtime.load(Relaxed)
        + weight::virtual_time(ran, entity.weight.load(Relaxed));

    let is_idle = this.idle.as_ref().is_some_and(|idle| current.is(idle));
    this.used.charge(entity, is_idle, ran);
    let stays = reason != Reason::Block || entity.state() == State::RUNNABLE;
    let next = if is_idle {
        this.queue.pop()
    } else if stays && !entity.allows(cpu) {
        // Its affinity changed: it must leave this CPU once it is off it.
        entity.virtual_runtime.store(virtual_runtime, Relaxed);
        let next = this.queue.pop();
        this.queue.push(virtual_runtime, current.arc());
        next
    } else if stays {
        match reason {
            Reason::Yield => match this.queue.pop() {
                Some((first, next)) => {
                    let behind = virtual_runtime.max(first);
                    entity.virtual_runtime.store(behind, Relaxed);
                    this.queue.push(behind, current.arc());
                    Some((first, next))
                }
                None => None,
            },
            _ if this.queue.has_better_than(virtual_runtime) => {
                entity.virtual_runtime.store(virtual_runtime, Relaxed);
                let next = this.queue.pop();
                this.queue.push(virtual_runtime, current.arc());
                next
            }
            _ => None,
        }
    } else {
        entity.virtual_runtime.store(virtual_runtime, Relaxed);
        entity.queue_minimum.store(this.queue.minimum(), Relaxed);
        entity.on_queue.store(false, Relaxed);
        this.queue.pop()
    };

    let (next, next_is_idle) = match next {
        Some((next_runtime, next)) => {
            next.scheduling()
                .virtual_runtime
                .store(next_runtime, Relaxed);
            (next, false)
        }
        None if is_idle || (stays && entity.allows(cpu)) => {
            // The running one goes on.
            entity.virtual_runtime.store(virtual_runtime, Relaxed);
            this.slice_end = now + this.queue.slice();
            if !this.queue.is_empty() {
                timer::program(this.slice_end);
            } else if !is_idle {
                timer::program(now + TICK);
            }
            return;
        }
        None => match this.idle.clone() {
            Some(idle) => (idle, true),
            None => return,
        },
    };

    let switches = if reason == Reason::Block {
        &entity.voluntary_switches
    } else {
        &entity.involuntary_switches
    };
    switches.store(switches.load(Relaxed) + 1, Relaxed);
    this.used.switches += 1;
    if next_is_idle {
        IDLE.fetch_or(1 << cpu, Relaxed);
    } else if is_idle {
        IDLE.fetch_and(!(1 << cpu), Relaxed);
    }
    this.slice_end = now + this.queue.slice();
    if !this.queue.is_empty() {
        timer::program(this.slice_end);
    } else if !next_is_idle {
        timer::program(now + TICK);
    }
    let before = this.current.replace(next.clone());
    drop(this);
    drop(before);
    next.activate_address_space(&interrupts);
    let previous = hal::task::switch(next, &interrupts);
    finish_switch(previous);
}

/// The second half of a switch, in the next thread: gives up the CPU's reference to the one before. An exited thread
/// goes here, with its kernel stack. Interrupts masked.
pub fn finish_switch(previous: ThreadRef) {
    let entity = previous.scheduling();
    if entity.on_queue.load(Relaxed) && !entity.allows(hal::cpu::id()) {
        migrate(&previous);
    }
    drop(previous);
}

/// Moves a waiting thread away from a CPU it may not use any more.
fn migrate(thread: &ThreadRef) {
    let entity = thread.scheduling();
    let from = entity.cpu();
    let taken = {
        let mut source = CPUS[from].lock();
        let minimum = source.queue.minimum();
        source
            .queue
            .take(|waiting| Arc::ptr_eq(waiting, thread))
            .map(|(runtime, thread)| (runtime, minimum, thread))
    };
    if let Some((runtime, minimum, thread)) = taken {
        let target = choose_cpu(&thread, from);
        enqueue(target, thread, |queue| queue.place_moved(runtime, minimum));
    }
}

/// Makes a sleeping thread runnable if its sleep is one of `kinds`; says whether this call did. Callable from
/// interrupts. The caller has made the condition true and passed a fence before.
pub fn wake(thread: &ThreadRef, kinds: State) -> bool {
    let entity = thread.scheduling();
    if entity.state().0 & kinds.0 == 0 {
        return false;
    }
    loop {
        let cpu = entity.cpu();
        let mut home = CPUS[cpu].lock();
        if entity.cpu() != cpu {
            continue;
        }
        if entity.state().0 & kinds.0 == 0 {
            return false;
        }
        entity.set_state(State::RUNNABLE);
        if entity.on_queue.load(Relaxed) {
            // It hasn't gone to sleep yet, and now won't.
            return true;
        }
        entity.on_queue.store(true, Relaxed);
        // While its state is being saved, only that CPU may have it: it can't start it before it is done.
        let target = if thread.header().is_on_cpu() {
            cpu
        } else {
            choose_cpu(thread, cpu)
        };
        if target == cpu {
            let running = home.catch_up();
            let runtime = home.queue.place_woken(entity.virtual_runtime.load(Relaxed));
            insert(&mut home, cpu, thread.clone(), runtime, running);
        } else {
            drop(home);
            let runtime = entity.virtual_runtime.load(Relaxed);
            let minimum = entity.queue_minimum.load(Relaxed);
            enqueue(target, thread.clone(), |queue| {
                queue.place_woken(
                    queue
                        .minimum()
                        .saturating_sub(minimum.saturating_sub(runtime)),
                )
            });
        }
        return true;
    }
}

/// Lets a new thread run for the first time.
pub fn start_thread(thread: ThreadRef) {
    let entity = thread.scheduling();
    entity.set_state(State::RUNNABLE);
    entity.on_queue.store(true, Relaxed);
    let interrupts = InterruptGuard::new();
    let target = choose_cpu(&thread, hal::cpu::id());
    enqueue(target, thread, RunQueue::minimum);
    drop(interrupts);
}

/// Where a thread should run: its CPU if that is idle, else any idle one, else its CPU; within its affinity.
fn choose_cpu(thread: &ThreadRef, previous: usize) -> usize {
    let allowed = thread.scheduling().affinity() & joined();
    if allowed == 0 {
        return previous;
    }
    let idle = u64::from(IDLE.load(Relaxed)) & allowed;
    if (idle | if idle == 0 { allowed } else { 0 }) >> previous & 1 != 0 {
        return previous;
    }
    (if idle != 0 { idle } else { allowed }).trailing_zeros() as usize
}

fn enqueue(cpu: usize, thread: ThreadRef, place: impl FnOnce(&RunQueue<ThreadRef>) -> u64) {
    let mut target = CPUS[cpu].lock();
    thread.scheduling().cpu.store(cpu as u32, Relaxed);
    let running = target.catch_up();
    let runtime = place(&target.queue);
    insert(&mut target, cpu, thread, runtime, running);
}

/// Puts a thread into a queue and sees to it that it gets the CPU if it should.
fn insert(target: &mut Cpu, cpu: usize, thread: ThreadRef, virtual_runtime: u64, running: u64) {
    thread
        .scheduling()
        .virtual_runtime
        .store(virtual_runtime, Relaxed);
    target.queue.push(virtual_runtime, thread);
    let here = cpu == hal::cpu::id();
    let idle_bit = IDLE.load(Relaxed) >> cpu & 1 != 0;
    let Some(current) = &target.current else {
        return;
    };
    if idle_bit || run_queue::preempts(virtual_runtime, running) {
        current.set_flag(flags::RESCHEDULE);
        if !here {
            hal::cpu::send_reschedule(cpu);
        }
        return;
    }
    if here {
        timer::program(target.slice_end);
    } else if target.queue.len() == 1 {
        // The CPU has no deadline for a slice yet: it sets one when it looks at its queue.
        current.set_flag(flags::RESCHEDULE);
        hal::cpu::send_reschedule(cpu);
    }
    let helpers = IDLE.load(Relaxed) & JOINED.load(Relaxed);
    if helpers != 0 {
        hal::cpu::send_reschedule(helpers.trailing_zeros() as usize);
    }
}

/// The slice of this CPU's thread may be over; interrupts masked. Gives the next deadline the slices need.
pub(super) fn slice_tick(now: u64) -> Option<u64> {
    let cpu = hal::cpu::id();
    let this = CPUS[cpu].lock();
    if this.queue.is_empty() {
        let idles = IDLE.load(Relaxed) >> cpu & 1 != 0;
        return (!idles).then_some(now + TICK);
    }
    if now < this.slice_end {
        return Some(this.slice_end);
    }
    if let Some(current) = &this.current {
        current.set_flag(flags::RESCHEDULE);
    }
    let helpers = IDLE.load(Relaxed) & JOINED.load(Relaxed) & !(1 << cpu);
    if helpers != 0 {
        hal::cpu::send_reschedule(helpers.trailing_zeros() as usize);
    }
    None
}

/// Charges the running thread for its time up to `now`; `in_user` is where the timer interrupt found it.
pub(super) fn look(now: u64, in_user: bool) {
    let mut this = CPUS[hal::cpu::id()].lock();
    let Some(current) = this.current.clone() else {
        return;
    };
    let entity = current.scheduling();
    let ran = now.saturating_sub(this.started);
    this.started = now;
    entity.in_user.store(in_user, Relaxed);
    entity.charge(ran);
    let is_idle = this
        .idle
        .as_ref()
        .is_some_and(|idle| Arc::ptr_eq(idle, &current));
    this.used.charge(entity, is_idle, ran);
    let virtual_runtime = entity.virtual_runtime.load(Relaxed)
        + weight::virtual_time(ran, entity.weight.load(Relaxed));
    entity.virtual_runtime.store(virtual_runtime, Relaxed);
    drop(this);
    drop(current);
}

/// Takes a waiting thread from another CPU for this idle one; interrupts masked. Says whether there was one.
pub(super) fn pull(cpu: usize) -> bool {
    fence(SeqCst);
    for other in (0..MAX_CPUS).filter(|&other| other != cpu && joined() >> other & 1 != 0) {
        let taken = {
            let mut source = CPUS[other].lock();
            let minimum = source.queue.minimum();
            source
                .queue
                .take(|thread| thread.scheduling().allows(cpu) && !thread.header().is_on_cpu())
                .map(|(runtime, thread)| (runtime, minimum, thread))
        };
        if let Some((runtime, minimum, thread)) = taken {
            enqueue(cpu, thread, |queue| queue.place_moved(runtime, minimum));
            return true;
        }
    }
    false
}

/// Whether threads wait for this CPU; interrupts masked.
pub(super) fn has_work(cpu: usize) -> bool {
    !CPUS[cpu].lock().queue.is_empty()
}

/// How many threads run or wait, over all CPUs.
pub fn runnable() -> usize {
    let running = joined()
        .count_ones()
        .saturating_sub(IDLE.load(Relaxed).count_ones()) as usize;
    running + CPUS.iter().map(|cpu| cpu.lock().queue.len()).sum::<usize>()
}

/// Restricts a thread to the CPUs of `mask`.
///
/// # Errors
/// `EINVAL` if none of them takes part.
pub fn set_affinity(thread: &ThreadRef, mask: u64) -> Result<()> {
    if mask & joined() == 0 {
        return Err(Errno::EINVAL);
    }
    let entity = thread.scheduling();
    entity.set_affinity(mask);
    fence(SeqCst);
    let cpu = entity.cpu();
    if entity.allows(cpu) {
        return Ok(());
    }
    if thread.header().is_on_cpu() {
        thread.set_flag(flags::RESCHEDULE);
        hal::cpu::send_reschedule(cpu);
        if task::current().is(thread) {
            schedule_away();
        }
    } else {
        migrate(thread);
    }
    Ok(())
}

/// The calling thread leaves a CPU it may not use any more.
fn schedule_away() {
    reschedule(&task::current(), Reason::Preempted, false);
}

/// What a CPU spent its time on up to now; all zero for one that there isn't.
pub fn times(cpu: usize) -> CpuTimes {
    let Some(cpu) = CPUS.get(cpu) else {
        return CpuTimes::default();
    };
    let this = cpu.lock();
    let mut times = this.used;
    let running = hal::time::now().saturating_sub(this.started);
    match (&this.current, &this.idle) {
        (Some(current), Some(idle)) if Arc::ptr_eq(current, idle) => times.idle += running,
        (Some(current), _) => times.charge(current.scheduling(), false, running),
        _ => {}
    }
    times
}

/// The time (ns) a thread has run since it was last charged; 0 if it doesn't run. Callable from interrupts.
pub fn uncharged(thread: &ThreadRef) -> u64 {
    let this = CPUS[thread.scheduling().cpu()].lock();
    match &this.current {
        Some(running) if Arc::ptr_eq(running, thread) => {
            hal::time::now().saturating_sub(this.started)
        }
        _ => 0,
    }
}
