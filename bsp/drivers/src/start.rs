//! From the device tree to the portable kernel.

use crate::device_tree::{self, Machine};
use crate::mailbox::Mailbox;
use crate::{devices, fw_cfg, gic, power::Watchdog, processors::Processors, rng200, serial};
use hal::boot::{BoardFacts, Boot, BootInformation, DeviceTreeError, MemoryError};
use hal::cpu::power::{self, Power};
use hal::println;
use spin::Once;

/// Why the kernel can't start.
enum Failure {
    DeviceTree(DeviceTreeError),
    Damaged(device_tree::Damage),
    NoRoot,
    Memory(MemoryError),
    Controller,
    Timer,
}

/// Finds out what the machine has, starts its drivers and enters the kernel. If it can't, says why in a line, on the
/// console if there is one by then or the one that `fallback` registers, and stops.
pub fn start(mut boot: Boot, fallback: fn(), kernel: fn(BootInformation) -> !) -> ! {
    hal::console::set_fallback(fallback);
    match prepare(&mut boot) {
        Ok(information) => kernel(information),
        Err(failure) => {
            hal::console::ensure();
            say(&failure);
            power::exit(hal::panic::EXIT_STATUS)
        }
    }
}

/// Not inlined: the description of the machine is large, and must not stay on the stack while the kernel runs.
#[inline(never)]
fn prepare(boot: &mut Boot) -> Result<BootInformation, Failure> {
    let (blob, physical) = boot.device_tree().map_err(Failure::DeviceTree)?;
    device_tree::check(blob).map_err(Failure::Damaged)?;
    let blob: &'static [u8] = blob;
    let machine = device_tree::read(blob).ok_or(Failure::NoRoot)?;
    serial::start(&machine);
    hal::time::initialise(machine.timer_frequency);
    apply_command_line(machine.command_line);
    start_power(&machine);
    let blob_range = physical..physical + blob.len() as u64;
    // SAFETY: the device tree says what is memory and who uses it; the boot protocol adds the tree itself and the
    // initial RAM disk. This is the only call.
    unsafe {
        boot.initialise_memory(
            machine.memory.as_slice().iter().cloned(),
            machine
                .reserved
                .as_slice()
                .iter()
                .cloned()
                .chain([blob_range]),
            machine.unmapped.as_slice().iter().cloned(),
            machine.initial_ramdisk.clone(),
            machine.device_reach,
        )
    }
    .map_err(Failure::Memory)?;
    hal::random::add(machine.random_seed);
    hal::random::add(machine.placement_seed);
    if let Some(registers) = machine.random_generator.clone() {
        rng200::start(registers);
    }
    let controller = machine
        .controller
        .as_ref()
        .and_then(gic::start)
        .ok_or(Failure::Controller)?;
    devices::note(blob);
    hal::interrupt::initialise(controller, machine.timer_interrupt.ok_or(Failure::Timer)?);
    let mailbox = machine.mailbox.clone().and_then(Mailbox::new);
    let frame_buffer = match &mailbox {
        Some(mailbox) => mailbox.frame_buffer(&machine.memory),
        None => machine.fw_cfg.clone().and_then(fw_cfg::frame_buffer),
    };
    Ok(BootInformation {
        command_line: machine.command_line,
        initial_ramdisk: machine.initial_ramdisk.clone(),
        model: machine.model,
        facts: mailbox
            .as_ref()
            .map_or_else(BoardFacts::default, Mailbox::facts),
        frame_buffer,
        device_tree: blob,
        wall_clock: machine.clock.and_then(crate::clock::read),
        start_devices: devices::start,
    })
}

/// CPUs, and how the machine is turned off: by firmware where that can, else by the board's power manager.
fn start_power(machine: &Machine<'_>) {
    static PROCESSORS: Once<Processors> = Once::new();
    static WATCHDOG: Once<Watchdog> = Once::new();
    let processors = PROCESSORS.call_once(|| Processors::new(machine));
    hal::cpu::secondary::register(processors, processors.affinities());
    let watchdog = machine
        .power_manager
        .clone()
        .filter(|_| !processors.has_power())
        .and_then(Watchdog::new);
    let power: &'static dyn Power = match watchdog {
        Some(watchdog) => WATCHDOG.call_once(|| watchdog),
        None => processors,
    };
    power::register(power);
}

/// The words of the command line that are for the machine layer.
fn apply_command_line(command_line: &[u8]) {
    for word in command_line.split(|byte| byte.is_ascii_whitespace()) {
        if word == b"gantry.semihosting" {
            power::allow_semihosting();
        } else if let Some(seconds) = word.strip_prefix(b"panic=") {
            let seconds = core::str::from_utf8(seconds)
                .ok()
                .and_then(|seconds| seconds.parse().ok());
            hal::panic::set_restart(seconds.unwrap_or(0));
        }
    }
}

fn say(failure: &Failure) {
    match failure {
        Failure::DeviceTree(DeviceTreeError::Missing) => {
            println!("boot: the boot loader gave no device tree (x0 is zero); boot with one");
        }
        Failure::DeviceTree(error) => println!("boot: no device tree where x0 points: {error:x?}"),
        Failure::Damaged(damage) => println!("boot: the device tree is damaged: {damage:x?}"),
        Failure::NoRoot => {
            println!("boot: the device tree has no root node or more reservations than fit")
        }
        Failure::Memory(error) => {
            println!("boot: the memory the device tree describes can't be used: {error:?}")
        }
        Failure::Controller => println!(
            "boot: the device tree describes no interrupt controller this kernel knows (GICv2, GICv3)"
        ),
        Failure::Timer => println!("boot: the device tree describes no Arm generic timer"),
    }
}
