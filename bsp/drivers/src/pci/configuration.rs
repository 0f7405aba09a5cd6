//! Configuration space of a host bridge's first bus, in memory (PCI Express Base Specification, section 7.2.2).

use core::ops::Range;
use core::ptr::NonNull;
use hal::mmio::map_device;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

/// Bytes of one bus: 32 devices, 8 functions, 4 KiB.
const BUS: u64 = 32 * 8 * 4096;

/// The space of bus 0.
#[derive(Clone, Copy)]
pub struct FirstBus(NonNull<u32>);

impl FirstBus {
    /// Maps it, for good; `None` if it is smaller than a bus, or there is no room.
    ///
    /// # Safety
    /// Such a space is there, and nothing else uses it.
    pub unsafe fn map(place: &Range<u64>) -> Option<Self> {
        if place.end - place.start < BUS || !place.start.is_multiple_of(BUS) {
            return None;
        }
        // SAFETY: as the caller promises.
        let mapped = unsafe { map_device(place.start, BUS) }?;
        Some(Self(mapped.cast()))
    }

    /// A register; `None` for one that isn't on this bus.
    fn register(&self, function: DeviceFunction, offset: u8) -> Option<NonNull<u32>> {
        if function.bus != 0 || !function.valid() {
            return None;
        }
        let page = usize::from(function.device) << 3 | usize::from(function.function);
        let word = page * 1024 + usize::from(offset / 4);
        // SAFETY: within the bus's space, which was mapped whole.
        Some(unsafe { self.0.add(word) })
    }
}

impl ConfigurationAccess for FirstBus {
    fn read_word(&self, function: DeviceFunction, offset: u8) -> u32 {
        match self.register(function, offset) {
            // SAFETY: a register of the space, which is only accessed as such.
            Some(register) => unsafe { register.read_volatile() },
            // As if nothing were there.
            None => u32::MAX,
        }
    }

    fn write_word(&mut self, function: DeviceFunction, offset: u8, data: u32) {
        if let Some(register) = self.register(function, offset) {
            // SAFETY: as above.
            unsafe { register.write_volatile(data) };
        }
    }

    unsafe fn unsafe_clone(&self) -> Self {
        *self
    }
}
