//! Starting CPUs: PSCI and the spin table.

use crate::device_tree::{Conduit, Enable, Machine, Processor, Psci};
use core::arch::asm;
use hal::cpu::power::Power;
use hal::cpu::secondary::Starter;
use hal::sync::MAX_CPUS;

/// The machine's CPUs, and firmware for them.
pub struct Processors {
    processors: [Option<Processor>; MAX_CPUS],
    psci: Option<Psci>,
}

impl Processors {
    pub fn new(machine: &Machine<'_>) -> Self {
        Self {
            processors: machine.processors,
            psci: machine.psci,
        }
    }

    /// The CPUs' affinities, as many as the kernel can use.
    pub fn affinities(&self) -> impl Iterator<Item = u64> {
        self.processors
            .iter()
            .flatten()
            .map(|processor| processor.affinity)
    }

    /// Whether firmware can turn the machine off.
    pub fn has_power(&self) -> bool {
        self.psci.is_some_and(|psci| psci.power)
    }
}

impl Starter for Processors {
    fn start(&self, _cpu: usize, affinity: u64, entry: u64) -> bool {
        let Some(processor) = self
            .processors
            .iter()
            .flatten()
            .find(|processor| processor.affinity == affinity)
        else {
            return false;
        };
        match (processor.enable, self.psci) {
            (Enable::SpinTable(address), _) => release(address, entry),
            (Enable::Psci, Some(psci)) => {
                const CPU_ON: u32 = 0xc400_0003;
                call(psci.conduit, psci.start.unwrap_or(CPU_ON), affinity, entry) == 0
            }
            _ => false,
        }
    }
}

impl Power for Processors {
    fn off(&self) {
        const SYSTEM_OFF: u32 = 0x8400_0008;
        if let Some(psci) = self.psci.filter(|psci| psci.power) {
            call(psci.conduit, SYSTEM_OFF, 0, 0);
        }
    }

    fn reset(&self) {
        const SYSTEM_RESET: u32 = 0x8400_0009;
        if let Some(psci) = self.psci.filter(|psci| psci.power) {
            call(psci.conduit, SYSTEM_RESET, 0, 0);
        }
    }
}

/// Calls firmware (Arm SMC calling convention; the functions used are those of Arm DEN 0022, PSCI).
fn call(conduit: Conduit, function: u32, first: u64, second: u64) -> i64 {
    let result: i64;
    // SAFETY: the device tree says that firmware answers this call. It keeps all registers but x0 to x17.
    unsafe {
        match conduit {
            Conduit::HypervisorCall => asm!(
                "hvc #0", inout("x0") u64::from(function) => result, inout("x1") first => _, inout("x2") second => _,
                inout("x3") 0u64 => _, clobber_abi("C")
            ),
            Conduit::SecureMonitorCall => asm!(
                "smc #0", inout("x0") u64::from(function) => result, inout("x1") first => _, inout("x2") second => _,
                inout("x3") 0u64 => _, clobber_abi("C")
            ),
        }
    }
    result
}

/// Gives a waiting CPU its entry address.
fn release(address: u64, entry: u64) -> bool {
    // SAFETY: the device tree says that a CPU waits for this word, and for nothing else there.
    unsafe { hal::mmio::publish(address, entry) }
}
