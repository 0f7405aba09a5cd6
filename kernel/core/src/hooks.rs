//! The kernel's side of exceptions, interrupts and switches, for the machine layer to call.

use crate::memory::FaultSignal;
use crate::sched::{self, timer};
use crate::signal::{self, Signal, SignalInfo, deliver};
use crate::task::{self, Current, Thread, ThreadRef, memory_score};
use crate::vfs::page_cache::write_back;
use crate::{start, syscall, tty};
use alloc::sync::Arc;
use core::fmt;
use hal::exception::{Access, Exception, Fault, FaultKind, Unresolved, UserRegisters};

/// `si_code` of SIGSEGV: nothing is mapped at the address.
const SEGV_MAPERR: i32 = 1;
/// `si_code` of SIGSEGV: the mapping doesn't allow the access.
const SEGV_ACCERR: i32 = 2;
/// `si_code` of SIGBUS: the address isn't aligned.
const BUS_ADRALN: i32 = 1;
/// `si_code` of SIGBUS: the object has no such page.
const BUS_ADRERR: i32 = 2;
/// `si_code` of SIGBUS: the memory system failed.
const BUS_OBJERR: i32 = 3;
/// `si_code` of SIGILL: no such instruction.
const ILL_ILLOPC: i32 = 1;
/// `si_code` of SIGTRAP: a breakpoint.
const TRAP_BRKPT: i32 = 1;
/// `si_code` of SIGTRAP: a hardware breakpoint or watchpoint.
const TRAP_HWBKPT: i32 = 4;
/// `si_code` of SIGFPE: unknown cause.
const FPE_FLTUNK: i32 = 14;

/// Frames that the page cache is asked for when there are none.
const FRAMES: u64 = 256;

/// What the machine layer binds.
pub struct KernelHooks;

impl hal::Kernel for KernelHooks {
    type Thread = Thread;

    #[inline]
    fn syscall(current: &Current, registers: &mut UserRegisters) {
        syscall::dispatch(current, registers);
    }

    fn user_fault(current: &Current, registers: &mut UserRegisters, fault: Fault) {
        let info = match fault.kind {
            FaultKind::Alignment => SignalInfo::fault(Signal::SIGBUS, BUS_ADRALN, fault.address),
            FaultKind::External => SignalInfo::fault(Signal::SIGBUS, BUS_OBJERR, fault.address),
            _ => match resolve(current, fault.address, fault.access) {
                Ok(()) => return,
                Err(FaultSignal::NotMapped) => {
                    SignalInfo::fault(Signal::SIGSEGV, SEGV_MAPERR, fault.address)
                }
                Err(FaultSignal::NotPermitted) => {
                    SignalInfo::fault(Signal::SIGSEGV, SEGV_ACCERR, fault.address)
                }
                Err(FaultSignal::NoObject) => {
                    SignalInfo::fault(Signal::SIGBUS, BUS_ADRERR, fault.address)
                }
                Err(FaultSignal::OutOfMemory) => return make_memory(current),
            },
        };
        force(current, registers, info);
    }

    fn user_exception(current: &Current, registers: &mut UserRegisters, exception: Exception) {
        let pc = registers.pc;
        let info = match exception {
            Exception::Undefined | Exception::Other(_) => {
                SignalInfo::fault(Signal::SIGILL, ILL_ILLOPC, pc)
            }
            Exception::Breakpoint(_) => SignalInfo::fault(Signal::SIGTRAP, TRAP_BRKPT, pc),
            Exception::Debug => SignalInfo::fault(Signal::SIGTRAP, TRAP_HWBKPT, pc),
            Exception::Alignment => SignalInfo::fault(Signal::SIGBUS, BUS_ADRALN, pc),
            Exception::FloatingPoint => SignalInfo::fault(Signal::SIGFPE, FPE_FLTUNK, pc),
            Exception::SystemError => SignalInfo::fault(Signal::SIGBUS, BUS_OBJERR, pc),
        };
        force(current, registers, info);
    }

    fn user_return(current: &Current, registers: &mut UserRegisters) {
        deliver::user_return(current, registers);
    }

    fn kernel_user_copy_fault(address: u64, access: Access) -> Result<(), Unresolved> {
        resolve(&task::current(), address, access).map_err(|_| Unresolved)
    }

    fn preempt() {
        sched::preempt();
    }

    fn finish_switch(previous: ThreadRef) {
        sched::cpu::finish_switch(previous);
    }

    fn timer() {
        timer::interrupt();
    }

    fn console_input(bytes: &[u8]) {
        tty::console::received(bytes);
    }

    fn secondary_start(cpu: usize) -> ! {
        start::secondary(cpu)
    }

    fn describe(thread: &Thread, writer: &mut dyn fmt::Write) -> fmt::Result {
        // A panic may have come with any lock held: only what needs none.
        write!(
            writer,
            "thread {} of process {}",
            thread.host_tid(),
            thread.process().host_pid()
        )
    }
}

fn resolve(current: &Current, address: u64, access: Access) -> Result<(), FaultSignal> {
    match current.address_space() {
        Some(memory) => memory.handle_fault(address, access),
        None => Err(FaultSignal::NotMapped),
    }
}

/// Sends the thread the signal for what its own instruction did; one line in the log if that ends it.
fn force(current: &Current, registers: &UserRegisters, info: SignalInfo) {
    let process = current.process();
    let fatal = process
        .shared()
        .lock()
        .actions
        .get(info.signal)
        .is_default();
    if fatal {
        crate::log::info!(
            "{} (process {}): {:?}, code {}, at address {:#x}, pc {:#x}",
            current.name(),
            process.host_pid(),
            info.signal,
            info.code,
            info.address(),
            registers.pc
        );
    }
    signal::force(&current.arc(), info);
}

/// There was no page to be had for an access, which is tried again: at once if there is memory by now (or always was,
/// and the page was refused as `fail-nth` asks) or the page cache gave some, else when a process chosen for it has ended.
fn make_memory(current: &Current) {
    if hal::frame::headroom().is_ok() || write_back::drop_clean(FRAMES) > 0 {
        return;
    }
    match memory_score::kill_one() {
        Some(victim) if !Arc::ptr_eq(&victim, current.process()) => {
            // Interrupted by its own end, the caller doesn't try again.
            let _ = victim
                .state_changed
                .wait_killable(|| victim.is_zombie().then_some(()));
        }
        Some(_) => {}
        None => end_for_want_of_memory(current),
    }
}

/// Nobody else can give memory: the process ends itself.
fn end_for_want_of_memory(current: &Current) {
    let process = current.process();
    crate::log::error!(
        "out of memory: {} (process {}) is killed",
        current.name(),
        process.host_pid()
    );
    memory_score::kill(process);
}
