//! GICv2 (Arm IHI 0048B), as in the Raspberry Pi 4's GIC-400.
//!
//! Not the `arm-gic` crate's driver: that one wants exclusive access for every register, which would put a lock
//! around each interrupt, and doesn't route shared interrupts.

use core::ops::Range;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};
use hal::interrupt::{Acknowledged, InterruptController};
use hal::mmio::map_device;
use hal::sync::MAX_CPUS;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};

register_structs! {
    #[allow(non_snake_case)]
    Distributor {
        (0x000 => CTLR: ReadWrite<u32>),
        (0x004 => TYPER: ReadOnly<u32>),
        (0x008 => _reserved0),
        (0x080 => IGROUPR: [ReadWrite<u32>; 32]),
        (0x100 => ISENABLER: [ReadWrite<u32>; 32]),
        (0x180 => ICENABLER: [ReadWrite<u32>; 32]),
        (0x200 => _reserved1),
        (0x400 => IPRIORITYR: [ReadWrite<u8>; 1020]),
        (0x7fc => _reserved2),
        (0x800 => ITARGETSR: [ReadWrite<u8>; 1020]),
        (0xbfc => _reserved3),
        (0xc00 => ICFGR: [ReadWrite<u32>; 64]),
        (0xd00 => _reserved4),
        (0xf00 => SGIR: WriteOnly<u32>),
        (0xf04 => _reserved5),
        (0x1000 => @END),
    }
}

register_structs! {
    #[allow(non_snake_case)]
    Interface {
        (0x00 => CTLR: ReadWrite<u32>),
        (0x04 => PMR: ReadWrite<u32>),
        (0x08 => BPR: ReadWrite<u32>),
        (0x0c => IAR: ReadOnly<u32>),
        (0x10 => EOIR: WriteOnly<u32>),
        (0x14 => _reserved),
        (0x1000 => @END),
    }
}

/// In the middle of what the non-secure world has.
const PRIORITY: u8 = 0xa0;
/// Lets all priorities through.
const PRIORITY_MASK: u32 = 0xf0;
/// An interrupt number that means none (1020 to 1023).
const NONE: u32 = 1020;

/// A GICv2.
pub struct Gic {
    distributor: &'static Distributor,
    interface: &'static Interface,
    /// The bit of each CPU's interface, by CPU number.
    interfaces: [AtomicU8; MAX_CPUS],
}

// SAFETY: registers of the interface are each CPU's own; those of the distributor that are shared are written
// while the machine starts, or at once (SGIR).
unsafe impl Sync for Gic {}
// SAFETY: as above.
unsafe impl Send for Gic {}

impl Gic {
    /// Maps the controller's registers and turns all interrupts off.
    pub fn new(distributor: Range<u64>, interface: Range<u64>) -> Option<Self> {
        if distributor.end - distributor.start < size_of::<Distributor>() as u64
            || interface.end - interface.start < size_of::<Interface>() as u64
        {
            return None;
        }
        // SAFETY: the device tree says that a GICv2 is there; nobody else maps it.
        let (distributor, interface) = unsafe {
            let distributor = map_device(distributor.start, size_of::<Distributor>() as u64)?;
            let interface = map_device(interface.start, size_of::<Interface>() as u64)?;
            (
                distributor.cast::<Distributor>().as_ref(),
                interface.cast::<Interface>().as_ref(),
            )
        };
        distributor.CTLR.set(0);
        let words = (distributor.TYPER.get() & 0x1f) as usize + 1;
        for word in 1..words.min(32) {
            distributor.ICENABLER[word].set(u32::MAX);
        }
        distributor.CTLR.set(1);
        Some(Self {
            distributor,
            interface,
            interfaces: [const { AtomicU8::new(0) }; MAX_CPUS],
        })
    }
}

impl InterruptController for Gic {
    fn initialise_cpu(&self, cpu: usize) {
        // The targets of a private interrupt read as this CPU's own bit.
        let own = (0..32)
            .map(|number| self.distributor.ITARGETSR[number].get())
            .find(|&bit| bit != 0);
        self.interfaces[cpu].store(own.unwrap_or(1 << cpu), Relaxed);
        self.distributor.ICENABLER[0].set(u32::MAX);
        for number in 0..32 {
            self.distributor.IPRIORITYR[number].set(PRIORITY);
        }
        self.interface.PMR.set(PRIORITY_MASK);
        self.interface.CTLR.set(1);
    }

    fn enable(&self, number: u32, edge: bool) {
        let number = number as usize;
        if number >= NONE as usize {
            return;
        }
        if number >= 32 {
            self.distributor.IPRIORITYR[number].set(PRIORITY);
            self.distributor.ITARGETSR[number].set(self.interfaces[0].load(Relaxed));
        }
        if number >= 16 {
            let configuration = &self.distributor.ICFGR[number / 16];
            let bit = 2 << (number % 16 * 2);
            let value = configuration.get();
            configuration.set(if edge { value | bit } else { value & !bit });
        }
        self.distributor.ISENABLER[number / 32].set(1 << (number % 32));
    }

    fn acknowledge(&self) -> Option<Acknowledged> {
        let token = self.interface.IAR.get();
        let number = token & 0x3ff;
        (number < NONE).then_some(Acknowledged { number, token })
    }

    fn end(&self, token: u32) {
        self.interface.EOIR.set(token);
    }

    fn send(&self, cpu: usize, number: u32) {
        if let Some(bit) = self.interfaces.get(cpu) {
            barrier();
            self.distributor
                .SGIR
                .set(u32::from(bit.load(Relaxed)) << 16 | number & 0xf);
        }
    }

    fn send_to_others(&self, number: u32) {
        const ALL_BUT_THIS: u32 = 1 << 24;
        barrier();
        self.distributor.SGIR.set(ALL_BUT_THIS | number & 0xf);
    }
}

/// What was written before is visible to the CPU that takes the interrupt.
fn barrier() {
    // SAFETY: a barrier only.
    unsafe { core::arch::asm!("dsb ishst", options(nostack, preserves_flags)) };
}
