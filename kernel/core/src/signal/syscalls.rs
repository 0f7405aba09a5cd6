//! The system calls on signals.

use super::action::{Action, ActionFlags};
use super::deliver::set_blocked;
use super::frame::{self, SS_AUTODISARM, SS_DISABLE, SS_ONSTACK, UserStack};
use super::information::{SI_TKILL, SI_USER, UserSignalInfo};
use super::permission::{may_signal, origin};
use super::state::AlternateStack;
use super::{Signal, SignalInfo, SignalSet, send};
use crate::errno::{Errno, Result};
use crate::sched::{self, Interruption};
use crate::syscall::Arguments;
use crate::task::thread::Restart;
use crate::task::{self, Current, Process, ThreadRef, family, registry};
use crate::time::value::Timespec;
use alloc::sync::Arc;
use hal::user::{self, UserAddr};

/// Bytes of a `sigset_t` of the kernel.
const SET_SIZE: usize = 8;
/// `MINSIGSTKSZ` of arm64.
const MINIMUM_STACK: u64 = 5120;

fn check_set_size(size: usize) -> Result<()> {
    if size == SET_SIZE {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// restart_syscall(2): goes on with a call that a signal without handler interrupted.
pub fn restart_syscall(current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    match current.take_restart() {
        None => Err(Errno::EINTR),
        Some(Restart::Sleep {
            deadline,
            remaining,
        }) => crate::time::sleep::resume(current, deadline, remaining).map(|()| 0),
        Some(Restart::Futex {
            address,
            value,
            mask,
            private,
            deadline,
        }) => {
            let wait = crate::futex::operations::Wait {
                address,
                value,
                mask,
                private,
                deadline: Some(deadline),
            };
            crate::futex::operations::wait(current, wait).map(|()| 0)
        }
    }
}

/// rt_sigaction(2).
pub fn rt_sigaction(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (new_address, old_address) = (arguments.u64(1), arguments.u64(2));
    check_set_size(arguments.usize(3))?;
    let new: Option<Action> = if new_address == 0 {
        None
    } else {
        Some(user::read_value(UserAddr(new_address))?)
    };
    let signal = Signal::new(arguments.int(0)).ok_or(Errno::EINVAL)?;
    if new.is_some() && signal.is_unstoppable() {
        return Err(Errno::EINVAL);
    }
    let process = current.process();
    let old = {
        let mut shared = process.shared().lock();
        match new {
            None => shared.actions.get(signal),
            Some(new) => {
                let mask = SignalSet(new.mask).blockable().0;
                let flags = new.flags().intersection(ActionFlags::all()).bits();
                let new = Action { mask, flags, ..new };
                let old = shared.actions.replace(signal, new);
                if new.discards(signal) {
                    send::discard(process, &mut shared, SignalSet::of(&[signal]));
                }
                old
            }
        }
    };
    if old_address != 0 {
        user::write_value(UserAddr(old_address), &old)?;
    }
    Ok(0)
}

/// rt_sigprocmask(2).
pub fn rt_sigprocmask(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check_set_size(arguments.usize(3))?;
    let old = current.signals().blocked();
    if arguments.u64(1) != 0 {
        let set = SignalSet(user::read_value(UserAddr(arguments.u64(1)))?);
        let new = match arguments.int(0) {
            // SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK
            0 => old.union(set),
            1 => old.without(set),
            2 => set,
            _ => return Err(Errno::EINVAL),
        };
        set_blocked(current, new.blockable());
    }
    if arguments.u64(2) != 0 {
        user::write_value(UserAddr(arguments.u64(2)), &old.0)?;
    }
    Ok(0)
}

/// rt_sigpending(2): blocked signals that wait.
pub fn rt_sigpending(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.usize(1) > SET_SIZE {
        return Err(Errno::EINVAL);
    }
    let waiting = current
        .signals()
        .pending_set()
        .union(current.process().pending_set());
    let set = waiting
        .intersection(current.signals().blocked())
        .0
        .to_ne_bytes();
    user::copy_to_user(UserAddr(arguments.u64(0)), &set[..arguments.usize(1)])?;
    Ok(0)
}

/// rt_sigsuspend(2).
pub fn rt_sigsuspend(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check_set_size(arguments.usize(1))?;
    let set = SignalSet(user::read_value(UserAddr(arguments.u64(0)))?).blockable();
    current.signals().save_mask(current.signals().blocked());
    set_blocked(current, set);
    sched::sleep(current, || None::<()>, None, Interruption::Signal)?;
    Err(Errno::RESTART_NO_HANDLER)
}

/// rt_sigtimedwait(2).
pub fn rt_sigtimedwait(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check_set_size(arguments.usize(3))?;
    let set = SignalSet(user::read_value(UserAddr(arguments.u64(0)))?).blockable();
    let deadline = match arguments.u64(2) {
        0 => None,
        address => {
            let time: Timespec = user::read_value(UserAddr(address))?;
            Some(hal::time::now().saturating_add(time.to_nanoseconds()?))
        }
    };
    let info = match send::take_of(current, set) {
        Some(info) => info,
        None => wait_for(current, set, deadline)?,
    };
    if arguments.u64(1) != 0 {
        user::write_value(UserAddr(arguments.u64(1)), &info.to_user())?;
    }
    Ok(usize::from(info.signal.number()))
}

/// Sleeps until a signal of `set` comes. It is unblocked meanwhile, so that senders wake this thread.
pub(crate) fn wait_for(
    current: &Current,
    set: SignalSet,
    deadline: Option<u64>,
) -> Result<SignalInfo> {
    if deadline.is_some_and(|deadline| deadline <= hal::time::now()) {
        return Err(Errno::EAGAIN);
    }
    let blocked = current.signals().blocked();
    current.signals().store_blocked_otherwise(blocked);
    set_blocked(current, blocked.without(set));
    let slept = sched::sleep(
        current,
        || send::take_of(current, set),
        deadline,
        Interruption::Signal,
    );
    // What came between the last look and the mask's return.
    let late = || send::take_of(current, set);
    let result = match slept {
        Ok(Some(info)) => Ok(info),
        Ok(None) => late().ok_or(Errno::EAGAIN),
        Err(_) => late().ok_or(Errno::EINTR),
    };
    set_blocked(current, blocked);
    current.signals().store_blocked_otherwise(SignalSet(0));
    result
}

/// rt_sigreturn(2): never returns to its caller.
pub fn rt_sigreturn(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    match frame::pop(current, arguments.registers) {
        Ok(mask) => set_blocked(current, mask),
        Err(_) => send::force(&current.arc(), SignalInfo::kernel(Signal::SIGSEGV)),
    }
    Ok(arguments.registers.x[0] as usize)
}

/// sigaltstack(2).
pub fn sigaltstack(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let stack_pointer = arguments.registers.sp;
    let old = current.signals().alternate_stack();
    if arguments.u64(0) != 0 {
        let new: UserStack = user::read_value(UserAddr(arguments.u64(0)))?;
        if !old.auto_disarm && old.contains(stack_pointer) {
            return Err(Errno::EPERM);
        }
        let auto_disarm = new.flags & SS_AUTODISARM != 0;
        let stack = match new.flags & !SS_AUTODISARM {
            SS_DISABLE => AlternateStack {
                auto_disarm,
                ..AlternateStack::default()
            },
            0 | SS_ONSTACK if new.size < MINIMUM_STACK => return Err(Errno::ENOMEM),
            0 | SS_ONSTACK => AlternateStack {
                base: new.base,
                size: new.size,
                auto_disarm,
            },
            _ => return Err(Errno::EINVAL),
        };
        current.signals().set_alternate_stack(stack);
    }
    if arguments.u64(1) != 0 {
        user::write_value(
            UserAddr(arguments.u64(1)),
            &UserStack::of(old, stack_pointer),
        )?;
    }
    Ok(0)
}

/// A signal argument: 0 only tests whether it could be sent.
fn signal_argument(number: i32) -> Result<Option<Signal>> {
    if number == 0 {
        Ok(None)
    } else {
        Signal::new(number).map(Some).ok_or(Errno::EINVAL)
    }
}

/// What the caller tells with a signal to `process`.
fn sender(current: &Current, signal: Signal, code: i32, process: &Process) -> SignalInfo {
    let pid = current.process().number_seen_by(process).unwrap_or(0);
    SignalInfo::user(signal, code, pid, current.with_credentials(|own| own.uid))
}

fn signal_process(current: &Current, process: &Arc<Process>, signal: Option<Signal>) -> Result<()> {
    if !may_signal(current, process, signal) {
        return Err(Errno::EPERM);
    }
    match signal {
        None => Ok(()),
        Some(signal) => send::to_process(
            process,
            sender(current, signal, SI_USER, process),
            origin(current, process),
        ),
    }
}

/// Signals several: success if any was, else the last error.
fn signal_all(
    current: &Current,
    processes: &[Arc<Process>],
    signal: Option<Signal>,
) -> Result<usize> {
    let mut result = Err(Errno::ESRCH);
    for process in processes {
        match signal_process(current, process, signal) {
            Ok(()) => result = Ok(0),
            Err(error) if result.is_err() => result = Err(error),
            Err(_) => {}
        }
    }
    result
}

/// kill(2).
pub fn kill(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (pid, signal) = (arguments.int(0), arguments.int(1));
    match pid {
        1.. => {
            let process = task::find_process(current, pid)?;
            signal_process(current, &process, signal_argument(signal)?).map(|()| 0)
        }
        0 => {
            let members = visible_members(current, &current.process().group())?;
            signal_all(current, &members, signal_argument(signal)?)
        }
        -1 => {
            let signal = signal_argument(signal)?;
            let contexts = current.process().contexts();
            let mut all = registry::processes()?;
            // Everyone in sight but the caller and the first process of the machine.
            all.retain(|process| {
                !Arc::ptr_eq(process, current.process())
                    && process.host_pid() != 1
                    && contexts.sees(process.number())
            });
            signal_all(current, &all, signal)
        }
        i32::MIN => Err(Errno::ESRCH),
        _ => {
            let signal = signal_argument(signal)?;
            let members = visible_members(current, &*task::find_group(current, -pid)?)?;
            signal_all(current, &members, signal)
        }
    }
}

/// The members of a group that the caller sees.
fn visible_members(
    current: &Current,
    group: &task::ProcessGroup,
) -> Result<alloc::vec::Vec<Arc<Process>>> {
    let mut members = family::members(group)?;
    members.retain(|process| current.process().contexts().sees(process.number()));
    Ok(members)
}

/// tkill(2).
pub fn tkill(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.int(0) <= 0 {
        return Err(Errno::EINVAL);
    }
    let thread = task::find_thread(current, arguments.int(0))?;
    signal_thread(current, &thread, arguments.int(1))
}

/// tgkill(2).
pub fn tgkill(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let thread = thread_of_group(current, arguments.int(0), arguments.int(1))?;
    signal_thread(current, &thread, arguments.int(2))
}

fn thread_of_group(current: &Current, group: i32, tid: i32) -> Result<ThreadRef> {
    if group <= 0 || tid <= 0 {
        return Err(Errno::EINVAL);
    }
    let thread = task::find_thread(current, tid)?;
    let process = current
        .process()
        .contexts()
        .number_of(thread.process().number());
    if process == Some(group as u32) {
        Ok(thread)
    } else {
        Err(Errno::ESRCH)
    }
}

fn signal_thread(current: &Current, thread: &ThreadRef, signal: i32) -> Result<usize> {
    let signal = signal_argument(signal)?;
    let process = thread.process();
    if !may_signal(current, process, signal) {
        return Err(Errno::EPERM);
    }
    if let Some(signal) = signal {
        send::to_thread(
            thread,
            sender(current, signal, SI_TKILL, process),
            origin(current, process),
        )?;
    }
    Ok(0)
}

/// Takes what a program tells with a signal; only to itself may it claim to be the kernel or kill(2).
pub(crate) fn queued(signal: i32, address: u64, to_self: bool) -> Result<Option<SignalInfo>> {
    let user: UserSignalInfo = user::read_value(UserAddr(address))?;
    if (user.code >= 0 || user.code == SI_TKILL) && !to_self {
        return Err(Errno::EPERM);
    }
    Ok(signal_argument(signal)?.map(|signal| SignalInfo::from_user(signal, &user)))
}

/// rt_sigqueueinfo(2).
pub fn rt_sigqueueinfo(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let process = task::find_process(current, arguments.int(0))?;
    let to_self = Arc::ptr_eq(&process, current.process());
    let info = queued(arguments.int(1), arguments.u64(2), to_self)?;
    if !may_signal(current, &process, info.map(|info| info.signal)) {
        return Err(Errno::EPERM);
    }
    if let Some(info) = info {
        send::to_process(&process, info, origin(current, &process))?;
    }
    Ok(0)
}

/// rt_tgsigqueueinfo(2).
pub fn rt_tgsigqueueinfo(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let thread = thread_of_group(current, arguments.int(0), arguments.int(1))?;
    let process = thread.process();
    let to_self = Arc::ptr_eq(process, current.process());
    let info = queued(arguments.int(2), arguments.u64(3), to_self)?;
    if !may_signal(current, process, info.map(|info| info.signal)) {
        return Err(Errno::EPERM);
    }
    if let Some(info) = info {
        send::to_thread(&thread, info, origin(current, process))?;
    }
    Ok(0)
}
