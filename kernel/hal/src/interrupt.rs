//! Interrupts: the controller a board registers, handlers by number, and signals between CPUs.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use spin::Once;

/// An interrupt controller. Interrupt numbers are the GIC's: 0-15 signals between CPUs, 16-31 private to
/// each CPU, from 32 on shared.
pub trait InterruptController: Sync {
    /// Prepares the controller's part of this CPU; called on each CPU, the boot CPU first.
    fn initialise_cpu(&self, cpu: usize);

    /// Lets an interrupt through; private ones on this CPU, shared ones to the boot CPU. `edge`: pulses, not a level.
    fn enable(&self, number: u32, edge: bool);

    /// The pending interrupt of highest priority, now active on this CPU; `token` is for `end`.
    fn acknowledge(&self) -> Option<Acknowledged>;

    /// Ends an active interrupt.
    fn end(&self, token: u32);

    /// Sends signal `number` (0-15) to a CPU.
    fn send(&self, cpu: usize, number: u32);

    /// Sends signal `number` (0-15) to all CPUs but this one.
    fn send_to_others(&self, number: u32);
}

/// An interrupt taken from the controller.
#[derive(Clone, Copy)]
pub struct Acknowledged {
    pub number: u32,
    pub token: u32,
}

/// A driver's interrupt.
pub trait InterruptHandler: Sync {
    /// Handles the device's interrupt; interrupts are masked.
    fn handle(&self);
}

/// What one CPU says to another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Look at the current task's flags.
    Reschedule = 0,
    /// Stop for good: another CPU panicked or powers the machine off.
    Stop = 1,
}

/// The number of the interrupt that [`raise`] makes.
pub const RAISED: u32 = 2;

/// How many devices may have an interrupt.
const MAX_HANDLERS: usize = 16;

static CONTROLLER: Once<&'static dyn InterruptController> = Once::new();
static HANDLERS: [Once<(u32, &'static dyn InterruptHandler)>; MAX_HANDLERS] =
    [const { Once::new() }; MAX_HANDLERS];
static TIMER: AtomicU32 = AtomicU32::new(u32::MAX);

/// Takes the board's controller and prepares it for the boot CPU; `timer` is the number of each CPU's own
/// virtual timer interrupt.
pub fn initialise(controller: &'static dyn InterruptController, timer: u32) {
    CONTROLLER.call_once(|| controller);
    TIMER.store(timer, Relaxed);
    initialise_cpu(0);
}

/// Prepares a CPU's part of the controller and lets its timer and signals through.
pub(crate) fn initialise_cpu(cpu: usize) {
    if let Some(controller) = CONTROLLER.get() {
        controller.initialise_cpu(cpu);
        controller.enable(Signal::Reschedule as u32, true);
        controller.enable(Signal::Stop as u32, true);
        controller.enable(TIMER.load(Relaxed), false);
    }
}

/// Binds a device's interrupt, which others may have too, to its driver and lets it through; false if there is no room for one more.
pub fn register(number: u32, edge: bool, handler: &'static dyn InterruptHandler) -> bool {
    let Some(slot) = HANDLERS.iter().find(|slot| !slot.is_completed()) else {
        return false;
    };
    slot.call_once(|| (number, handler));
    if let Some(controller) = CONTROLLER.get() {
        controller.enable(number, edge);
    }
    true
}

/// Makes the interrupt [`RAISED`] on the boot CPU, which runs its handler as soon as it lets interrupts in: for work that
/// the caller can't do where it is. Callable from anywhere.
pub fn raise() {
    if let Some(controller) = CONTROLLER.get() {
        controller.send(0, RAISED);
    }
}

/// Sends a signal to a CPU.
pub(crate) fn send(cpu: usize, signal: Signal) {
    if let Some(controller) = CONTROLLER.get() {
        controller.send(cpu, signal as u32);
    }
}

/// Sends a signal to all CPUs but this one.
pub(crate) fn send_to_others(signal: Signal) {
    if let Some(controller) = CONTROLLER.get() {
        controller.send_to_others(signal as u32);
    }
}

/// Handles all pending interrupts of this CPU. Called from the vectors, interrupts masked.
pub(crate) fn dispatch() {
    let Some(controller) = CONTROLLER.get() else {
        return;
    };
    while let Some(interrupt) = controller.acknowledge() {
        if interrupt.number == TIMER.load(Relaxed) {
            crate::time::silence();
            crate::entry::hooks::__gantry_timer();
        } else if interrupt.number == Signal::Stop as u32 {
            controller.end(interrupt.token);
            crate::cpu::power::park();
        } else if interrupt.number != Signal::Reschedule as u32 {
            // Devices may share a line: each looks whether it was its own.
            for (number, handler) in HANDLERS.iter().map_while(Once::get) {
                if *number == interrupt.number {
                    handler.handle();
                }
            }
        }
        controller.end(interrupt.token);
    }
}
