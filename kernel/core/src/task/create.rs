//! Making threads and processes (clone(2)).

use super::clone_flags::CloneFlags;
use super::process::Inheritance;
use super::thread::{NewThread, Resources, VforkDone};
use super::{Current, Process, Resource, Thread, ThreadRef, family, limits, registry, user_tasks};
use crate::context::{TaskNumber, VfsRootContext};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::sched::cpu::QueueRoom;
use crate::sched::{self, Entity, State};
use crate::signal::state::{AlternateStack, Ending, JobState};
use crate::signal::{Signal, ThreadSignals, send};
use alloc::sync::Arc;
use hal::exception::UserRegisters;
use hal::task::Task;
use hal::user::{self, UserAddr};

/// What clone(2) is asked for.
pub struct Request {
    pub flags: CloneFlags,
    /// What the parent is sent at the child's end.
    pub exit_signal: Option<Signal>,
    /// The child's stack pointer; 0 to keep the parent's.
    pub stack: u64,
    pub thread_pointer: u64,
    /// Where to write the child's number in the parent's memory.
    pub parent_tid: u64,
    /// Where to write it in the child's, and to clear it at its end.
    pub child_tid: u64,
}

/// Makes a thread of the caller's process or a child process, that goes on where `registers` say with 0 as its
/// result; gives the child's number as the caller sees it. A vfork returns when the child has its own memory.
///
/// # Errors
/// `ENOMEM`; `EAGAIN` when there are no more numbers or the process list is dead; `RESTART_NO_INTERRUPT` when a signal
/// is to be handled first.
pub fn create(current: &Current, registers: &UserRegisters, request: &Request) -> Result<usize> {
    hal::frame::headroom()?;
    user_tasks::check_creation(current)?;
    let flags = request.flags;
    let room = QueueRoom::reserve()?;
    let root = current.process().contexts().vfs_root();
    let resources = take_resources(current, flags)?;
    let mut start = registers.clone();
    start.x[0] = 0;
    if request.stack != 0 {
        start.sp = request.stack;
    }
    let mut state = hal::task::capture_current();
    if flags.contains(CloneFlags::SET_THREAD_POINTER) {
        state.thread_pointer = request.thread_pointer;
    }
    let vfork_done = flags
        .contains(CloneFlags::VFORK)
        .then(|| Arc::new(VforkDone::default()));
    let make = |number: Arc<TaskNumber>, process: Arc<Process>| -> Result<ThreadRef> {
        let own_number = number.own();
        let memory = resources.memory.clone();
        let shares_stack = flags.contains(CloneFlags::MEMORY) && !flags.contains(CloneFlags::VFORK);
        let alternate = if shares_stack {
            AlternateStack::default()
        } else {
            current.signals().alternate_stack()
        };
        let thread = Thread::new(NewThread {
            number,
            process,
            scheduling: Entity::new(current.scheduling().nice(), current.scheduling().affinity()),
            signals: ThreadSignals::new(current.signals().blocked(), alternate),
            credentials: current.credentials(),
            user_task: current.another_user_task(),
            resources: Some(resources),
            name: current.name(),
            clear_child_tid: if flags.contains(CloneFlags::CHILD_CLEAR_TID) {
                request.child_tid
            } else {
                0
            },
            vfork_done: vfork_done.clone(),
            starts_system: false,
            room,
        });
        thread.scheduling().inherit(current.scheduling());
        let task = Task::new_user(thread, start, state)?;
        if flags.contains(CloneFlags::CHILD_SET_TID) {
            // A bad address is the child's own affair, as on Linux.
            let _ = memory.write_memory(request.child_tid, &own_number.to_ne_bytes());
        }
        Ok(task)
    };
    let thread = if flags.contains(CloneFlags::THREAD) {
        add_thread(current, make)?
    } else {
        add_process(current, flags, request.exit_signal, make)?
    };
    VfsRootContext::follow(root.as_ref(), &thread);
    let list = current.process().contexts().list().ok_or(Errno::EAGAIN)?;
    let number = thread.number().seen_by(&list).unwrap_or(0);
    if flags.contains(CloneFlags::PARENT_SET_TID) {
        // A bad address is no reason to take the child back, as on Linux.
        let _ = user::write_value(UserAddr(request.parent_tid), &number);
    }
    sched::start_thread(thread);
    if let Some(done) = vfork_done {
        done.wait();
    }
    Ok(number as usize)
}

/// Shares or copies what the flags say.
fn take_resources(current: &Current, flags: CloneFlags) -> Result<Resources> {
    let own = current.resources().ok_or(Errno::EINVAL)?;
    Ok(Resources {
        files: if flags.contains(CloneFlags::FILES) {
            own.files
        } else {
            own.files.duplicate()?
        },
        fs: if flags.contains(CloneFlags::FS) {
            if !flags.contains(CloneFlags::THREAD) {
                own.fs.set_shared();
            }
            own.fs
        } else {
            own.fs.duplicate()
        },
        memory: if flags.contains(CloneFlags::MEMORY) {
            own.memory
        } else {
            own.memory.fork()?
        },
    })
}

fn add_thread(
    current: &Current,
    make: impl FnOnce(Arc<TaskNumber>, Arc<Process>) -> Result<ThreadRef>,
) -> Result<ThreadRef> {
    let process = current.process();
    let number = process
        .contexts()
        .number_for_thread(registry::allocate()?, registry::release);
    let thread = make(number, process.clone())?;
    {
        let mut shared = process.shared().lock();
        if !matches!(shared.ending, Ending::No) {
            return Err(Errno::RESTART_NO_INTERRUPT);
        }
        shared.threads.make_room(1)?;
        shared.threads.push(thread.clone());
        if !matches!(shared.job, JobState::Running) {
            send::notify(&thread, State::RUNNABLE);
        }
    }
    // Another thread may have entered a list since the number was made.
    process.contexts().settle(&thread.number());
    registry::publish_thread(&thread);
    Ok(thread)
}

fn add_process(
    current: &Current,
    flags: CloneFlags,
    exit_signal: Option<Signal>,
    make: impl FnOnce(Arc<TaskNumber>, Arc<Process>) -> Result<ThreadRef>,
) -> Result<ThreadRef> {
    let parent = current.process();
    let inherited = parent.contexts().fork(|| current.signal_pending())?;
    let (contexts, passage) = inherited.build(registry::allocate()?, registry::release);
    let actions = {
        let mut shared = parent.shared().lock();
        if flags.contains(CloneFlags::HANDLERS) {
            shared.actions.share()
        } else {
            let mut actions = shared.actions.duplicate();
            if flags.contains(CloneFlags::CLEAR_HANDLERS) {
                actions.reset_for_exec();
            }
            actions
        }
    };
    let beside = flags.contains(CloneFlags::PARENT);
    let process = Process::new(
        contexts,
        Inheritance {
            actions,
            limits: *parent.limits().lock(),
            name: current.name(),
            executable: parent.executable(),
            signal_return: parent.signal_return(),
            flags: parent.flags().for_child(),
            personality: parent
                .personality()
                .load(core::sync::atomic::Ordering::Relaxed),
            memory_score: parent.memory_score().clone(),
            owner: parent.owner(),
            exit_signal: if beside {
                parent.exit_signal()
            } else {
                exit_signal
            },
        },
    );
    let thread = make(process.number().clone(), process.clone())?;
    process.shared().lock().threads.push(thread.clone());
    let cpu_limit = process.limit(Resource::CpuTime);
    if cpu_limit != limits::INFINITY {
        process.timers().set_cpu_limit(&process, cpu_limit)?;
    }
    let entered = if beside {
        family::enter_beside(&process, parent)
    } else {
        family::enter(&process, Some(parent), &parent.group())
    };
    entered.inspect_err(|_| process.timers().clear())?;
    registry::publish_process(&process);
    registry::publish_thread(&thread);
    drop(passage);
    Ok(thread)
}
