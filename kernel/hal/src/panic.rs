//! The end of the kernel: says what happened, where and in which task, and stops the machine.

use crate::cpu::power;
use crate::exception::UserRegisters;
use crate::task::current_header;
use core::fmt::{self, Write};
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

mod backtrace;
mod symbols;

/// The exit status an emulator gives for a panic, and for a machine the kernel cannot start on.
pub const EXIT_STATUS: u32 = 101;

/// How many panics there have been: a panic inside of a panic says less, and the third one nothing.
static DEPTH: AtomicUsize = AtomicUsize::new(0);

/// Whether the report was shown where that is not done as it is written.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// The CPU that panics, or none.
static OWNER: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Seconds to wait before the machine restarts; negative: at once; zero: it stops instead.
static RESTART_AFTER: AtomicI32 = AtomicI32::new(0);

/// What a panic ends in (the command line's `panic=`): zero stops the machine, a positive number restarts it after
/// so many seconds, a negative one at once.
pub fn set_restart(seconds: i32) {
    RESTART_AFTER.store(seconds, Relaxed);
}

#[panic_handler]
fn panic(information: &PanicInfo<'_>) -> ! {
    begin();
    let mut writer = Report;
    // The writer never fails; what a value's own formatting refuses is left out.
    let _ = match information.location() {
        Some(place) => writeln!(
            writer,
            "kernel panic: {} ({}:{})",
            information.message(),
            place.file(),
            place.line()
        ),
        None => writeln!(writer, "kernel panic: {}", information.message()),
    };
    say_where(&mut writer);
    backtrace::print(&mut writer, backtrace::own_frame(), None);
    end()
}

/// Ends the kernel at an exception in it: `registers` are those at the exception, `syndrome` and `address` ESR_EL1 and
/// FAR_EL1.
pub(crate) fn exception(what: &str, registers: &UserRegisters, syndrome: u64, address: u64) -> ! {
    begin();
    let mut writer = Report;
    // The writer never fails.
    let _ = writeln!(
        writer,
        "kernel panic: {what}, address {address:#018x}, syndrome {syndrome:#010x}"
    );
    say_where(&mut writer);
    for (index, values) in registers.x.chunks(4).enumerate() {
        for (offset, value) in values.iter().enumerate() {
            let _ = write!(writer, "  x{:<2} {value:016x}", index * 4 + offset);
        }
        let _ = writeln!(writer);
    }
    let _ = writeln!(
        writer,
        "  sp  {:016x}  pc  {:016x}  pstate {:016x}",
        registers.sp, registers.pc, registers.pstate
    );
    backtrace::print(
        &mut writer,
        registers.x[29] as usize,
        Some((registers.pc as usize, registers.x[30] as usize)),
    );
    end()
}

/// Claims the panic for this CPU and stops the others.
fn begin() {
    // SAFETY: masks everything; this CPU does nothing but panic from here on.
    unsafe { core::arch::asm!("msr daifset, #0xf", options(nostack)) };
    let cpu = crate::cpu::id();
    match OWNER.compare_exchange(usize::MAX, cpu, SeqCst, Relaxed) {
        Ok(_) => crate::interrupt::send_to_others(crate::interrupt::Signal::Stop),
        Err(owner) if owner != cpu => power::park(),
        Err(_) => {}
    }
    match DEPTH.fetch_add(1, SeqCst) {
        0 => crate::console::ensure(),
        1 => say(b"\n(a panic in the panic)\n"),
        _ => end(),
    }
}

/// Says on which CPU and in which task.
fn say_where(writer: &mut Report) {
    let _ = write!(writer, "on CPU {}, ", crate::cpu::id());
    // SAFETY: the current header, whatever its kind.
    let _ = unsafe { crate::entry::hooks::__gantry_describe(current_header(), writer) };
    let _ = writeln!(writer);
}

/// Ends the emulator, or restarts or stops the machine, as it was told.
fn end() -> ! {
    // A panic in there ends here again.
    if !SHOWN.swap(true, Relaxed) {
        crate::console::show_last();
    }
    power::exit_emulator(EXIT_STATUS);
    let seconds = RESTART_AFTER.load(Relaxed);
    if seconds == 0 {
        power::park();
    }
    let until =
        crate::time::now().saturating_add(u64::from(seconds.max(0).unsigned_abs()) * 1_000_000_000);
    while crate::time::now() < until {
        core::hint::spin_loop();
    }
    crate::cpu::reset()
}

/// The panic's own way to the console.
struct Report;

impl fmt::Write for Report {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        say(text.as_bytes());
        Ok(())
    }
}

fn say(text: &[u8]) {
    crate::log::return_carriages(text, crate::console::write_last);
}
