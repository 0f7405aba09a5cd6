//! Scheduling, sleeping and timers.
//!
//! * [`run_queue`]: the policy, weighted fair queueing by virtual runtime; pure.
//! * [`cpu`]: each CPU's queue, the switch and the wake-up.
//! * [`entity`]: what the scheduler keeps with each thread.
//! * [`wait_queue`]: sleeping until a condition holds. [`mutex`]: the sleeping lock.
//! * [`timer_heap`], [`timer`]: one-shot timers; pure and per CPU.
//! * [`weight`]: nice levels as weights. [`policy`], [`io_priority`]: what threads are given besides.
//!
//! # Locks
//! Innermost of the kernel: a wait queue's lock, then a CPU's run queue or timer lock. All mask interrupts.
//!
//! # No lost wake-up
//! A thread that goes to sleep (1) stores its sleeping state, (2) enters a wait queue, (3) fence, (4) tests its
//! condition, (5) schedules. A waker (1) makes the condition true, (2) fence, (3) looks at the queue and takes the
//! thread out, (4) makes it runnable by its state. Whichever fence comes second sees the other's store, and whoever is
//! found in a queue is found about to sleep. The state turns into "off the queue" only under the lock of
//! the run queue of the thread's CPU, which the waker takes as well.

pub mod cpu;
pub mod entity;
pub mod idle;
pub mod io_priority;
pub mod mutex;
pub mod policy;
pub mod run_queue;
pub mod rw_lock;
pub mod syscalls;
pub mod timer;
pub mod timer_heap;
pub mod wait_queue;
pub mod weight;

pub use cpu::{preempt, schedule, start_thread, wake, yield_now};
pub use entity::{Entity, State};
pub use mutex::{Mutex, MutexGuard};
pub use rw_lock::RwLock;
pub use timer::{TimerHandle, TimerTarget, sleep_until};
pub use wait_queue::{Interruption, WaitQueue, Waiter, WaiterHandle, sleep};
