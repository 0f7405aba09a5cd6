//! What the kernel wants to know about a machine.

use core::ops::Range;
use hal::boot::Regions;
use hal::sync::MAX_CPUS;

/// How many serial ports are told apart.
pub const MAX_SERIAL: usize = 4;

/// A machine, as its device tree describes it. Addresses are physical, as the CPUs see them.
#[derive(Default)]
pub struct Machine<'a> {
    pub model: &'a str,
    pub command_line: &'a [u8],
    /// Not empty, if present.
    pub initial_ramdisk: Option<Range<u64>>,
    /// Seed material from the boot loader, if any.
    pub random_seed: &'a [u8],
    /// Seed material that is meant for the kernel's place in memory, which is fixed here.
    pub placement_seed: &'a [u8],
    /// Registers of the BCM2711's random number generator.
    pub random_generator: Option<Range<u64>>,
    pub memory: Regions<32>,
    /// In use by firmware.
    pub reserved: Regions<64>,
    /// In use by firmware, and not to be mapped.
    pub unmapped: Regions<32>,
    /// Memory below this is reached by every device on a bus that says what it reaches, and by those with 32 address
    /// bits.
    pub device_reach: u64,
    pub processors: [Option<Processor>; MAX_CPUS],
    pub psci: Option<Psci>,
    pub controller: Option<Controller>,
    /// The interrupt of each CPU's virtual timer.
    pub timer_interrupt: Option<u32>,
    /// The counter's frequency in hertz, where firmware doesn't set the register.
    pub timer_frequency: Option<u64>,
    pub serial: [Option<Serial>; MAX_SERIAL],
    /// The serial port (an index) that /chosen/stdout-path names.
    pub standard_output: Option<usize>,
    /// Registers of a PL031 real-time clock.
    pub clock: Option<Range<u64>>,
    /// Registers of the Raspberry Pi's power manager and watchdog.
    pub power_manager: Option<Range<u64>>,
    /// Registers of the mailbox to the Raspberry Pi's firmware.
    pub mailbox: Option<Range<u64>>,
    /// Registers of QEMU's firmware configuration device.
    pub fw_cfg: Option<Range<u64>>,
}

/// A CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processor {
    /// MPIDR affinity.
    pub affinity: u64,
    pub enable: Enable,
}

/// How a CPU is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enable {
    Psci,
    /// It waits for an entry address at this physical address.
    SpinTable(u64),
    /// In no known way.
    Unknown,
}

/// How firmware is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduit {
    HypervisorCall,
    SecureMonitorCall,
}

/// The power state coordination interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Psci {
    pub conduit: Conduit,
    /// The function that starts a CPU, if it isn't the standard one (PSCI 0.1).
    pub start: Option<u32>,
    /// Whether the machine can be turned off and reset with it (PSCI 0.2 and later).
    pub power: bool,
}

/// The interrupt controller's registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Controller {
    /// GICv2: distributor, CPU interface.
    Version2(Range<u64>, Range<u64>),
    /// GICv3: distributor, first redistributors.
    Version3(Range<u64>, Range<u64>),
}

/// The kinds of serial ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerialKind {
    /// Arm PL011; Linux calls them ttyAMA.
    Pl011,
    /// The BCM2835's mini UART; Linux calls it ttyS.
    Mini,
}

/// A serial port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serial {
    pub kind: SerialKind,
    pub registers: Range<u64>,
    /// GIC interrupt number.
    pub interrupt: Option<u32>,
    /// N of its alias serialN.
    pub alias: Option<u32>,
}
