//! GICv3 and v4 (Arm IHI 0069), by the `arm-gic` crate.

use arm_gic::gicv3::registers::{Gicd, GicrSgi};
use arm_gic::gicv3::{
    GicCpuInterface, GicDistributor, GicRedistributor, GicRedistributorIterator, Group, SgiTarget,
    SgiTargetGroup,
};
use arm_gic::{IntId, InterruptGroup, Trigger};
use core::ops::Range;
use core::ptr::NonNull;
use hal::cpu::secondary::{affinity, own_affinity};
use hal::interrupt::{Acknowledged, InterruptController};
use hal::mmio::map_device;
use hal::sync::IrqSpinLock;
use safe_mmio::UniqueMmioPointer;

/// Lets all priorities through.
const PRIORITY_MASK: u8 = 0xff;
const PRIORITY: u8 = 0x80;

/// A GICv3.
pub struct Gic {
    distributor: IrqSpinLock<GicDistributor<'static>>,
    redistributors: IrqSpinLock<NonNull<GicrSgi>>,
}

// SAFETY: all access to the registers is under the locks, or to the CPU's own system registers.
unsafe impl Sync for Gic {}
// SAFETY: as above.
unsafe impl Send for Gic {}

impl Gic {
    /// Maps the controller's registers and prepares the distributor.
    pub fn new(distributor: Range<u64>, redistributors: Range<u64>) -> Option<Self> {
        if distributor.end - distributor.start < size_of::<Gicd>() as u64 {
            return None;
        }
        // SAFETY: the device tree says that a GICv3 is there; nobody else maps it.
        let (distributor, redistributors) = unsafe {
            let mapped = map_device(distributor.start, size_of::<Gicd>() as u64)?;
            let redistributors = map_device(
                redistributors.start,
                redistributors.end - redistributors.start,
            )?;
            (
                GicDistributor::new(UniqueMmioPointer::new(mapped.cast())),
                redistributors.cast(),
            )
        };
        let gic = Self {
            distributor: IrqSpinLock::new(distributor),
            redistributors: IrqSpinLock::new(redistributors),
        };
        gic.distributor.lock().configure_default_settings();
        Some(gic)
    }

    /// Runs `body` with this CPU's redistributor.
    fn with_own_redistributor(&self, body: impl FnOnce(&mut GicRedistributor<'_>)) {
        let base = self.redistributors.lock();
        // SAFETY: the registers are mapped whole, and used under the lock alone.
        let Ok(mut all) = (unsafe { GicRedistributorIterator::new(*base) }) else {
            return;
        };
        if let Some(mut own) =
            all.find(|redistributor| redistributor.typer().core_mpidr() == own_affinity())
        {
            body(&mut own);
        }
    }
}

impl InterruptController for Gic {
    fn initialise_cpu(&self, _cpu: usize) {
        GicCpuInterface::enable_system_register_el1();
        self.with_own_redistributor(|redistributor| {
            // It may be awake already, which is as good.
            let _ = redistributor.mark_core_awake();
            redistributor.configure_default_settings();
        });
        GicCpuInterface::set_priority_mask(PRIORITY_MASK);
        GicCpuInterface::enable_group1(true);
    }

    fn enable(&self, number: u32, edge: bool) {
        let trigger = if edge { Trigger::Edge } else { Trigger::Level };
        if let Some(id) = private(number) {
            self.with_own_redistributor(|redistributor| {
                // Errors mean that there is no such interrupt: nothing to enable.
                let _ = redistributor.set_interrupt_priority(id, PRIORITY);
                if !id.is_sgi() {
                    let _ = redistributor.set_trigger(id, trigger);
                }
                let _ = redistributor.enable_interrupt(id, true);
            });
        } else if number < IntId::SPECIAL_NONE.into() {
            let id = IntId::spi(number - 32);
            let mut distributor = self.distributor.lock();
            // As above.
            let _ = distributor.set_group(id, Group::Group1NS);
            let _ = distributor.set_interrupt_priority(id, PRIORITY);
            let _ = distributor.set_trigger(id, trigger);
            let _ = distributor.set_routing(id, Some(affinity(0)));
            let _ = distributor.enable_interrupt(id, true);
        }
    }

    fn acknowledge(&self) -> Option<Acknowledged> {
        let number = u32::from(GicCpuInterface::get_and_acknowledge_interrupt(
            InterruptGroup::Group1,
        )?);
        Some(Acknowledged {
            number,
            token: number,
        })
    }

    fn end(&self, token: u32) {
        let id = private(token).unwrap_or_else(|| IntId::spi(token.saturating_sub(32)));
        GicCpuInterface::end_interrupt(id, InterruptGroup::Group1);
    }

    fn send(&self, cpu: usize, number: u32) {
        let affinity = affinity(cpu).to_le_bytes();
        let target = SgiTarget::List {
            affinity3: affinity[4],
            affinity2: affinity[2],
            affinity1: affinity[1],
            target_list: 1 << (affinity[0] & 0xf),
        };
        barrier();
        // The number is always that of an SGI.
        let _ = GicCpuInterface::send_sgi(
            IntId::sgi(number & 0xf),
            target,
            SgiTargetGroup::CurrentGroup1,
        );
    }

    fn send_to_others(&self, number: u32) {
        barrier();
        // As above.
        let _ = GicCpuInterface::send_sgi(
            IntId::sgi(number & 0xf),
            SgiTarget::All,
            SgiTargetGroup::CurrentGroup1,
        );
    }
}

/// The identifier of an interrupt that each CPU has for itself.
fn private(number: u32) -> Option<IntId> {
    match number {
        0..16 => Some(IntId::sgi(number)),
        16..32 => Some(IntId::ppi(number - 16)),
        _ => None,
    }
}

/// What was written before is visible to the CPU that takes the interrupt.
fn barrier() {
    // SAFETY: a barrier only.
    unsafe { core::arch::asm!("dsb ishst", options(nostack, preserves_flags)) };
}
