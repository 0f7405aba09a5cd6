//! Virtio entropy devices (Virtual I/O Device specification 1.2, section 5.4): asked once, before the first program runs.

use super::memory::KernelMemory;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::time::Duration;
use kernel_core::heap::MakeRoom;
use kernel_core::sched::sleep_until;
use kernel_core::{Errno, Result};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{SomeTransport, Transport};

bitflags! {
    /// Features that the driver knows.
    #[derive(Clone, Copy, Debug)]
    struct Features: u64 {
        /// The device follows version 1 of the specification.
        const VERSION_1 = 1 << 32;
    }
}

/// The queue of requests, and its length.
const QUEUE: u16 = 0;
const LENGTH: usize = 2;
/// Random bytes that are asked for: twice what a seed has.
const BYTES: usize = 64;
/// How long the device may take.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(1);

/// Adds random bytes of the device to the kernel's; returns how many. Sleeps.
///
/// # Errors
/// `ENOMEM`, `EIO` if the device can't be used, `ETIMEDOUT` if it doesn't answer.
pub fn gather(mut transport: SomeTransport<'static>) -> Result<usize> {
    let mut bytes: Vec<u8> = Vec::new();
    bytes.make_room_exact(BYTES)?;
    bytes.resize(BYTES, 0);
    transport.begin_init(Features::VERSION_1);
    let mut queue = VirtQueue::<KernelMemory, LENGTH>::new(&mut transport, QUEUE, false, false)
        .map_err(|_| Errno::EIO)?;
    transport.finish_init();
    // SAFETY: the buffer, of the heap and so of the linear map, is kept until the device has given it back, or for ever.
    let token = unsafe { queue.add(&[], &mut [&mut bytes]) }.map_err(|_| Errno::EIO)?;
    transport.notify(QUEUE);
    let until = hal::time::now() + PATIENCE.as_nanos() as u64;
    while !queue.can_pop() {
        if hal::time::now() >= until {
            // The device may write to them yet.
            core::mem::forget((bytes, queue, transport));
            return Err(Errno::ETIMEDOUT);
        }
        // Without memory for the timer it is only looked sooner.
        let _ = sleep_until(hal::time::now() + PAUSE.as_nanos() as u64);
    }
    // SAFETY: the buffer that was added with this token.
    let given = unsafe { queue.pop_used(token, &[], &mut [&mut bytes]) }.map_err(|_| Errno::EIO)?;
    let given = bytes.get(..given as usize).ok_or(Errno::EIO)?;
    hal::random::add(given);
    kernel_core::system::random::reseed();
    Ok(given.len())
}
