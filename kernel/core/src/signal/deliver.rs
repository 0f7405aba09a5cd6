//! What a thread does about its signals before it returns to user mode.

use super::action::ActionFlags;
use super::state::{Ending, ExitStatus, JobState};
use super::{Action, Disposition, Signal, SignalInfo, SignalSet, frame, send, stop};
use crate::context;
use crate::errno::Errno;
use crate::sched;
use crate::task::{Current, exit, family};
use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::fence;
use hal::exception::UserRegisters;
use hal::task::flags;

/// The number of `restart_syscall`.
const RESTART_SYSCALL: u64 = 128;
/// Bytes of the SVC instruction.
const INSTRUCTION: u64 = 4;

/// Work at the return to user mode: giving way, signals, stops, the thread's end. Called again while task flags are
/// set; interrupts are on.
pub fn user_return(current: &Current, registers: &mut UserRegisters) {
    let set = current.flags();
    if set & flags::RESCHEDULE != 0 {
        sched::cpu::schedule_from_user(current);
    }
    if set & flags::WORK != 0 {
        current.clear_flag(flags::WORK);
        if current.starts_system() {
            crate::start::run_first_program(current, registers);
        }
    }
    if set & flags::SIGNAL != 0 {
        handle(current, registers);
    }
}

/// What was found to do.
enum Work {
    Nothing,
    End(ExitStatus),
    Freeze,
    Stop,
    /// A stop signal whose effect depends on whether the group is orphaned.
    MayStop(Signal),
    Handle(Action, SignalInfo),
}

/// Handles what waits for the thread: at most one handler is set up, others follow at its first instruction.
pub fn handle(current: &Current, registers: &mut UserRegisters) {
    current.clear_flag(flags::SIGNAL);
    current.set_signalled(false);
    // Senders add first and set the flag then, so what came before the flag was cleared is seen now.
    fence(SeqCst);
    let interrupted = current.take_interrupted_call();
    loop {
        match find_work(current) {
            Work::End(status) => exit::exit_thread(current, status),
            Work::Freeze => context::freezer::stand_still(current),
            Work::Stop => stop::stand_still(current),
            Work::MayStop(signal) => {
                if signal == Signal::SIGSTOP || !family::in_orphaned_group(current.process()) {
                    stop::begin(&mut current.process().shared().lock(), signal);
                }
            }
            Work::Handle(action, info) => {
                if let Some(argument) = interrupted {
                    restart_for_handler(registers, argument, &action);
                }
                run_handler(current, registers, &action, &info);
                return;
            }
            Work::Nothing => {
                if let Some(argument) = interrupted {
                    restart(registers, argument);
                }
                if let Some(mask) = current.signals().take_saved_mask() {
                    set_blocked(current, mask);
                }
                return;
            }
        }
    }
}

/// Takes the next thing to do, with the process's state locked.
fn find_work(current: &Current) -> Work {
    let process = current.process();
    let mut shared = process.shared().lock();
    if shared.ends(current.host_tid()) {
        return Work::End(match shared.ending {
            Ending::Process(status) => status,
            _ => ExitStatus::Code(0),
        });
    }
    if shared.frozen {
        return Work::Freeze;
    }
    if !matches!(shared.job, JobState::Running) {
        return Work::Stop;
    }
    let signals = current.signals();
    let blocked = signals.blocked();
    loop {
        let own = signals.pending_set().without(blocked);
        let taken = if own.is_empty() {
            let taken = shared.pending.take(blocked);
            process.note_pending(&shared);
            taken
        } else {
            let mut pending = signals.pending.lock();
            let taken = pending.take(blocked);
            signals.note_pending(&pending);
            taken
        };
        let Some(info) = taken else {
            return Work::Nothing;
        };
        let signal = info.signal;
        let action = shared.actions.get(signal);
        match action.disposition(signal) {
            Disposition::Ignore | Disposition::Continue => {}
            // It was blocked when it was sent, or it would have been discarded then.
            Disposition::Stop | Disposition::Terminate
                if process.host_pid() == 1 && !info.is_fault() => {}
            Disposition::Stop => return Work::MayStop(signal),
            Disposition::Terminate => {
                let status = ExitStatus::Signal(signal);
                send::end_process(process, &mut shared, status);
                return Work::End(status);
            }
            Disposition::Handle => {
                if action.flags().contains(ActionFlags::RESET_HANDLER) {
                    shared.actions.set(
                        signal,
                        Action {
                            handler: 0,
                            ..action
                        },
                    );
                }
                return Work::Handle(action, info);
            }
        }
    }
}

/// Sets the registers to run a handler, and blocks what is blocked meanwhile.
fn run_handler(
    current: &Current,
    registers: &mut UserRegisters,
    action: &Action,
    info: &SignalInfo,
) {
    let signals = current.signals();
    let blocked = signals.blocked();
    let restored = signals.take_saved_mask().unwrap_or(blocked);
    if frame::push(current, registers, action, info, restored).is_err() {
        // No stack for the handler. If it was for SIGSEGV itself, its default action is all that is left.
        if info.signal == Signal::SIGSEGV {
            let mut shared = current.process().shared().lock();
            shared.actions.set(Signal::SIGSEGV, Action::default());
        }
        set_blocked(current, restored);
        send::force(&current.arc(), SignalInfo::kernel(Signal::SIGSEGV));
        return;
    }
    let mut during = blocked.union(action.mask());
    if !action.flags().contains(ActionFlags::NO_DEFER) {
        during.insert(info.signal);
    }
    set_blocked(current, during.blockable());
}

/// The error that the interrupted call gave, if the return value is one of the internal ones.
fn restart_code(registers: &UserRegisters) -> Option<Errno> {
    [
        Errno::RESTART_SYSCALL,
        Errno::RESTART_NO_INTERRUPT,
        Errno::RESTART_NO_HANDLER,
        Errno::RESTART_BLOCK,
    ]
    .into_iter()
    .find(|code| code.as_return_value() == registers.x[0])
}

/// No handler runs: the call starts again, by itself or through `restart_syscall`.
fn restart(registers: &mut UserRegisters, argument: u64) {
    let Some(code) = restart_code(registers) else {
        return;
    };
    registers.x[0] = argument;
    if code == Errno::RESTART_BLOCK {
        registers.x[8] = RESTART_SYSCALL;
    }
    registers.pc = registers.pc.wrapping_sub(INSTRUCTION);
}

/// A handler runs: the call starts again after it, or fails with `EINTR`.
fn restart_for_handler(registers: &mut UserRegisters, argument: u64, action: &Action) {
    let Some(code) = restart_code(registers) else {
        return;
    };
    let again = match code {
        Errno::RESTART_NO_INTERRUPT => true,
        Errno::RESTART_SYSCALL => action.flags().contains(ActionFlags::RESTART),
        _ => false,
    };
    if again {
        registers.x[0] = argument;
        registers.pc = registers.pc.wrapping_sub(INSTRUCTION);
    } else {
        registers.x[0] = Errno::EINTR.as_return_value();
    }
}

/// Sets the blocked signals of the running thread, and makes it look at what that lets through.
#[inline]
pub fn set_blocked(current: &Current, blocked: SignalSet) {
    let signals = current.signals();
    signals.store_blocked(blocked);
    fence(SeqCst);
    let waiting = signals.pending_set().union(current.process().pending_set());
    if !waiting.without(blocked).is_empty() {
        current.set_signalled(true);
        current.set_flag(flags::SIGNAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupted(code: Errno) -> UserRegisters {
        let mut registers = UserRegisters::new(0x1004, 0x8000);
        registers.x[0] = code.as_return_value();
        registers.x[8] = 63;
        registers
    }

    #[test]
    fn without_a_handler_every_interrupted_call_goes_on() {
        for code in [
            Errno::RESTART_SYSCALL,
            Errno::RESTART_NO_INTERRUPT,
            Errno::RESTART_NO_HANDLER,
        ] {
            let mut registers = interrupted(code);
            restart(&mut registers, 7);
            assert_eq!(
                (registers.pc, registers.x[0], registers.x[8]),
                (0x1000, 7, 63)
            );
        }
        let mut registers = interrupted(Errno::RESTART_BLOCK);
        restart(&mut registers, 7);
        assert_eq!((registers.pc, registers.x[8]), (0x1000, 128));
    }

    #[test]
    fn with_a_handler_only_some_calls_start_again() {
        let plain = Action {
            handler: 0x5000,
            ..Action::default()
        };
        let restarting = Action {
            flags: ActionFlags::RESTART.bits(),
            ..plain
        };
        let eintr = Errno::EINTR.as_return_value();
        for (code, action, again) in [
            (Errno::RESTART_SYSCALL, plain, false),
            (Errno::RESTART_SYSCALL, restarting, true),
            (Errno::RESTART_NO_INTERRUPT, plain, true),
            (Errno::RESTART_NO_HANDLER, restarting, false),
            (Errno::RESTART_BLOCK, restarting, false),
        ] {
            let mut registers = interrupted(code);
            restart_for_handler(&mut registers, 7, &action);
            assert_eq!(registers.pc == 0x1000, again, "{code:?}");
            assert_eq!(registers.x[0], if again { 7 } else { eintr });
        }
    }

    #[test]
    fn a_finished_call_is_left_alone() {
        let mut registers = UserRegisters::new(0x1004, 0);
        registers.x[0] = 5;
        restart(&mut registers, 7);
        assert_eq!((registers.pc, registers.x[0]), (0x1004, 5));
    }
}
