//! A card as a block device.

use super::card::{Answer, Bus, Card, Command};
use super::controller::{BLOCK, Controller, Data};
use super::registers::Registers;
use crate::device_tree::Storage;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hal::interrupt;
use hal::mmio::map_device;
use kernel_core::block::registry::{self, DiskKind};
use kernel_core::block::{BlockDevice, Geometry, Operation, Request};
use kernel_core::sched::Mutex;
use kernel_core::{Errno, Result, log};

/// How often a transfer is tried.
const TRIES: usize = 3;
/// Most segments of a request: 256 KiB when they are whole pages.
pub const SEGMENTS: usize = 64;

/// A card in its slot.
struct SdDisk {
    controller: &'static Controller,
    card: Card,
    /// Held while the card is used.
    using: Mutex<()>,
    /// It stopped answering, and isn't asked again.
    gone: AtomicBool,
}

/// Starts the controller in a place, and makes the card in it known if there is one.
pub fn start(place: &Storage) {
    let address = place.registers.start;
    let length = size_of::<Registers>() as u64;
    if place.registers.end - address < length {
        return;
    }
    // SAFETY: the device tree says that such a controller is there; this is its only driver.
    let Some(registers) = (unsafe { map_device(address, length) }) else {
        return;
    };
    // SAFETY: mapped above for good, and registers are accessed as such.
    let registers: &'static Registers = unsafe { registers.cast().as_ref() };
    match identify(registers, place) {
        Ok(disk) => {
            if let Err(error) = registry::register(DiskKind::Card, disk) {
                log::warn!("SD card at {address:#x}: not registered: {error}");
            }
        }
        Err(Errno::ENOMEDIUM) => {}
        Err(error) => log::warn!("SD card at {address:#x}: not started: {error}"),
    }
}

fn identify(registers: &'static Registers, place: &Storage) -> Result<Arc<SdDisk>> {
    let controller: &'static Controller =
        Box::leak(Box::new(Controller::start(registers, &place.dma)?));
    if !interrupt::register(place.interrupt.number, place.interrupt.edge, controller) {
        return Err(Errno::ENODEV);
    }
    controller.listen();
    let card = Card::identify(controller)?;
    log::info!(
        "SD host controller at {:#x}: {}",
        place.registers.start,
        if controller.has_dma() {
            "ADMA2"
        } else {
            "no DMA"
        }
    );
    Ok(Arc::new(SdDisk {
        card,
        controller,
        using: Mutex::new(()),
        gone: AtomicBool::new(false),
    }))
}

impl SdDisk {
    /// Moves a request's blocks.
    fn carry_out(&self, request: &Request<'_>) -> Result<()> {
        let index = match (request.operation, request.length() > BLOCK as u64) {
            (Operation::Read, false) => 17,
            (Operation::Read, true) => 18,
            (Operation::Write, false) => 24,
            (Operation::Write, true) => 25,
        };
        let command = Command::new(index, self.card.place(request.sector), Answer::Short);
        self.try_often(|| {
            let data = match request.operation {
                Operation::Read => Data::Read(request.segments),
                Operation::Write => Data::Write(request.segments),
            };
            self.controller.transfer(command, Some(data)).map(drop)
        })
    }

    /// Does `work` until it succeeds, with the card brought back to its transfer state in between. A card that doesn't
    /// answer that is gone.
    fn try_often(&self, mut work: impl FnMut() -> Result<()>) -> Result<()> {
        if self.gone.load(Relaxed) {
            return Err(Errno::EIO);
        }
        for _ in 0..TRIES {
            if work().is_ok() {
                return Ok(());
            }
            // It stops a transfer that may still go on; a card that is idle needn't answer.
            let _ = self
                .controller
                .command(Command::new(12, 0, Answer::ShortBusy));
            if self.card.wait_ready(self.controller) == Err(Errno::ETIMEDOUT) {
                self.gone.store(true, Relaxed);
                log::error!("SD card: it no longer answers and is given up");
                break;
            }
        }
        Err(Errno::EIO)
    }
}

impl BlockDevice for SdDisk {
    fn geometry(&self) -> Geometry {
        Geometry {
            block_size: BLOCK as u32,
            sectors: self.card.sectors,
            read_only: self.card.write_protected,
            maximum_segments: SEGMENTS,
        }
    }

    fn submit(&self, requests: &mut [Request<'_>]) {
        for request in requests {
            let _using = self.using.lock();
            request.result = self.carry_out(request);
        }
    }

    /// A card that has ended its busy state has stored what it was given: caches that must be flushed exist only where
    /// the host turns them on (Physical Layer specification, section 4.17).
    fn flush(&self) -> Result<()> {
        let _using = self.using.lock();
        self.try_often(|| self.card.wait_ready(self.controller))
    }
}
