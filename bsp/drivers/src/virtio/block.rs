//! Virtio block devices (Virtual I/O Device specification 1.2, section 5.2).
//!
//! Threads put their requests into the queue and sleep. The interrupt only wakes them: whoever wakes first takes all
//! finished requests out, those of others too. The queue's lock comes before the transport's.

use super::memory::KernelMemory;
use crate::device_tree::Interrupt;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::ptr::NonNull;
use core::sync::atomic::Ordering::{Acquire, Release, SeqCst};
use core::sync::atomic::{AtomicUsize, fence};
use hal::frame::FrameBlock;
use hal::interrupt::{self, InterruptHandler};
use hal::sync::{IrqSpinLock, SpinLock};
use kernel_core::block::{BlockDevice, Geometry, Operation, Request};
use kernel_core::heap::MakeRoom;
use kernel_core::sched::WaitQueue;
use kernel_core::{Errno, Result};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{SomeTransport, Transport};

bitflags! {
    /// Features (section 5.2.3) that the driver knows.
    #[derive(Clone, Copy, Debug)]
    struct Features: u64 {
        /// The largest number of segments of a request is told.
        const SEG_MAX = 1 << 2;
        const READ_ONLY = 1 << 5;
        /// The size of a block is told.
        const BLOCK_SIZE = 1 << 6;
        /// Writes go to a cache, which can be flushed.
        const FLUSH = 1 << 9;
        /// The device follows version 1 of the specification.
        const VERSION_1 = 1 << 32;
    }
}

/// Places in the configuration (section 5.2.4).
const CAPACITY: usize = 0;
const SEGMENT_MAXIMUM: usize = 12;
const BLOCK_SIZE: usize = 20;

/// Types of requests (section 5.2.6).
const READ: u32 = 0;
const WRITE: u32 = 1;
const FLUSH: u32 = 4;
/// The status of a request that succeeded.
const SUCCESS: u8 = 0;
/// What the status is before the device has set it.
const UNSET: u8 = 0xff;

/// Descriptors of the queue: a request takes one for each segment and two more.
const QUEUE: usize = 64;
/// Most segments of a request, so that two large ones are under way at a time.
const SEGMENTS: usize = QUEUE / 2 - 2;
/// Most requests under way.
const FLIGHTS: usize = QUEUE / 3;

/// A request's header and status, where the device reads and writes them.
#[repr(C, align(32))]
struct Frame {
    kind: u32,
    reserved: u32,
    sector: u64,
    status: u8,
}
/// Bytes of the header.
const HEADER: usize = 16;

/// A piece of memory that the device reads or writes.
type Piece = NonNull<[u8]>;

/// A request under way.
struct Flight {
    token: u16,
    pieces: Vec<Piece>,
    /// The device writes the pieces.
    is_read: bool,
    batch: Arc<Batch>,
    index: usize,
}

/// Requests that one thread waits for.
struct Batch {
    left: AtomicUsize,
    results: SpinLock<Vec<Result<()>>>,
}

impl Batch {
    fn new(count: usize) -> Result<Arc<Self>> {
        let mut results = Vec::new();
        results.make_room(count)?;
        results.resize(count, Ok(()));
        Ok(Arc::new(Self {
            left: AtomicUsize::new(count),
            results: SpinLock::new(results),
        }))
    }

    fn finish(&self, index: usize, result: Result<()>) {
        if let Some(place) = self.results.lock().get_mut(index) {
            *place = result;
        }
        self.left.fetch_sub(1, Release);
    }
}

/// What is to be put into the queue.
struct Order<'a> {
    kind: u32,
    sector: u64,
    request: Option<&'a Request<'a>>,
}

struct State {
    /// On the heap, as it is large for a stack.
    queue: Box<VirtQueue<KernelMemory, QUEUE>>,
    frames: FrameBlock,
    /// As many as there may be.
    flights: Vec<Option<Flight>>,
    /// The device broke the rules of the queue: nothing it says counts any more.
    broken: bool,
}

// SAFETY: the pointers are to memory that the state owns (the queue's rings, the frames) or that is kept for it until the
// request has been taken out (a flight's pieces); all are used with the state's lock held.
unsafe impl Send for State {}

/// A disk.
pub struct VirtioBlock {
    state: SpinLock<State>,
    transport: IrqSpinLock<SomeTransport<'static>>,
    /// Threads whose requests are under way, or that wait for room in the queue.
    done: WaitQueue,
    geometry: Geometry,
    has_cache: bool,
}

impl VirtioBlock {
    /// Starts a device, for good.
    ///
    /// # Errors
    /// `ENODEV` for one that doesn't do what the driver needs; `ENOMEM`.
    pub fn start(mut transport: SomeTransport<'static>, line: Interrupt) -> Result<&'static Self> {
        let features = transport.begin_init(Features::all());
        let word = |transport: &SomeTransport<'_>, place| {
            transport
                .read_config_space::<u32>(place)
                .map_err(|_| Errno::ENODEV)
        };
        let capacity = transport.read_consistent(|| {
            Ok(u64::from(transport.read_config_space::<u32>(CAPACITY)?)
                | u64::from(transport.read_config_space::<u32>(CAPACITY + 4)?) << 32)
        });
        let mut geometry = Geometry {
            block_size: 512,
            sectors: capacity.map_err(|_| Errno::ENODEV)?,
            read_only: features.contains(Features::READ_ONLY),
            maximum_segments: 1,
        };
        if features.contains(Features::BLOCK_SIZE) {
            geometry.block_size = word(&transport, BLOCK_SIZE)?;
        }
        if features.contains(Features::SEG_MAX) {
            let told = word(&transport, SEGMENT_MAXIMUM)? as usize;
            geometry.maximum_segments = told.clamp(1, SEGMENTS);
        }
        let queue = Self::queue(&mut transport)?;
        let mut flights = Vec::new();
        flights.make_room(FLIGHTS)?;
        flights.resize_with(FLIGHTS, || None);
        let frames = FrameBlock::allocate_zeroed(0)?;
        transport.finish_init();
        let device: &'static Self = Box::leak(Box::new(Self {
            state: SpinLock::new(State {
                queue,
                frames,
                flights,
                broken: false,
            }),
            transport: IrqSpinLock::new(transport),
            done: WaitQueue::new(),
            geometry,
            has_cache: features.contains(Features::FLUSH),
        }));
        if !interrupt::register(line.number, line.edge, device) {
            return Err(Errno::ENODEV);
        }
        Ok(device)
    }

    #[inline(never)]
    fn queue(
        transport: &mut SomeTransport<'static>,
    ) -> Result<Box<VirtQueue<KernelMemory, QUEUE>>> {
        let queue = VirtQueue::new(transport, 0, false, false).map_err(|_| Errno::ENODEV)?;
        Ok(Box::new(queue))
    }

    /// Carries out what `order` gives for the numbers below `count`, and returns when all is done.
    fn carry_out<'a>(
        &self,
        count: usize,
        order: impl Fn(usize) -> Option<Order<'a>>,
    ) -> Result<Arc<Batch>> {
        let batch = Batch::new(count)?;
        let mut next = 0;
        self.done.wait_until(|| {
            let mut state = self.state.lock();
            let taken = state.take_finished();
            let first = next;
            while let Some(order) = order(next) {
                match state.begin(&order, &batch, next) {
                    Ok(true) => next += 1,
                    Ok(false) => break,
                    Err(error) => {
                        batch.finish(next, Err(error));
                        next += 1;
                    }
                }
            }
            if next > first {
                // The device must see the requests before it is asked whether it wants to be told.
                fence(SeqCst);
                if state.queue.should_notify() {
                    self.transport.lock().notify(0);
                }
            }
            drop(state);
            if taken {
                self.done.wake_all();
            }
            (next >= count && batch.left.load(Acquire) == 0).then_some(())
        });
        Ok(batch)
    }
}

impl State {
    /// Where frame `index` is.
    fn frame(&self, index: usize) -> NonNull<Frame> {
        const { assert!(FLIGHTS * size_of::<Frame>() <= hal::frame::FRAME_SIZE) };
        let first = self.frames.address().cast::<Frame>();
        // SAFETY: all frames are within the block, which isn't at address 0.
        unsafe { NonNull::new_unchecked(first.add(index)) }
    }

    /// Puts a request into the queue; false if there is no room.
    fn begin(&mut self, order: &Order<'_>, batch: &Arc<Batch>, index: usize) -> Result<bool> {
        if self.broken {
            return Err(Errno::EIO);
        }
        let Some(place) = self.flights.iter().position(Option::is_none) else {
            return Ok(false);
        };
        let segments = order.request.map_or(&[][..], |request| request.segments);
        if self.queue.available_desc() < segments.len() + 2 {
            return Ok(false);
        }
        let mut pieces: Vec<Piece> = Vec::new();
        pieces.make_room(segments.len())?;
        for segment in segments {
            // SAFETY: the segment is within its frame, as whoever submits has checked.
            let start = unsafe { segment.frame.address().add(segment.offset) };
            let start = NonNull::new(start).ok_or(Errno::EIO)?;
            pieces.push(NonNull::slice_from_raw_parts(start, segment.length));
        }
        let frame = self.frame(place);
        // SAFETY: no request under way has this place, so the device doesn't use it.
        unsafe {
            frame.write(Frame {
                kind: order.kind.to_le(),
                reserved: 0,
                sector: order.sector.to_le(),
                status: UNSET,
            });
        }
        let is_read = order
            .request
            .is_some_and(|request| request.operation == Operation::Read);
        // SAFETY: the frame and the pieces stay until the request is taken out: the frame is the state's, and who
        // submits keeps the pages until then. Nobody looks at the frame meanwhile, and a page's content is bytes that
        // others may change at any time.
        let token = unsafe {
            with_buffers(frame, &pieces, is_read, |inputs, outputs| {
                self.queue.add(inputs, outputs)
            })
        };
        let Ok(token) = token else { return Ok(false) };
        self.flights[place] = Some(Flight {
            token,
            pieces,
            is_read,
            batch: batch.clone(),
            index,
        });
        Ok(true)
    }

    /// Takes finished requests out of the queue; whether there were any.
    fn take_finished(&mut self) -> bool {
        let mut any = false;
        while let Some(token) = self.queue.peek_used().filter(|_| !self.broken) {
            let is_it = |flight: &Option<Flight>| {
                flight.as_ref().is_some_and(|flight| flight.token == token)
            };
            let Some(place) = self.flights.iter().position(is_it) else {
                self.give_up();
                return true;
            };
            let frame = self.frame(place);
            let Some(flight) = self.flights[place].take() else {
                continue;
            };
            // SAFETY: the buffers that were given with this token.
            let popped = unsafe {
                with_buffers(frame, &flight.pieces, flight.is_read, |inputs, outputs| {
                    self.queue.pop_used(token, inputs, outputs)
                })
            };
            // SAFETY: the device has given the frame back.
            let status = unsafe { (&raw const (*frame.as_ptr()).status).read_volatile() };
            let result = match (popped, status) {
                (Ok(_), SUCCESS) => Ok(()),
                _ => Err(Errno::EIO),
            };
            flight.batch.finish(flight.index, result);
            any = true;
        }
        any
    }

    /// The device speaks of a request that it wasn't given. It may still write where it was told to, so what it was given
    /// stays: the pages are kept for ever.
    fn give_up(&mut self) {
        self.broken = true;
        for flight in self.flights.iter_mut().flatten() {
            flight.batch.finish(flight.index, Err(Errno::EIO));
        }
    }
}

/// Calls `work` with the buffers of a request as the queue takes them: first those that the device reads, then those that
/// it writes.
///
/// # Safety
/// The frame and the pieces are memory that stays for the call. The slices stand for addresses alone: the queue reads
/// and writes nothing through them, nor does [`KernelMemory`].
unsafe fn with_buffers<R>(
    frame: NonNull<Frame>,
    pieces: &[Piece],
    is_read: bool,
    work: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> R,
) -> R {
    let mut inputs: [&[u8]; SEGMENTS + 1] = [&[]; SEGMENTS + 1];
    let mut outputs: [&mut [u8]; SEGMENTS + 1] = core::array::from_fn(|_| &mut [][..]);
    let (mut read, mut written) = (1, 0);
    // SAFETY: as the caller promises; header and status don't overlap.
    let status = unsafe {
        inputs[0] = core::slice::from_raw_parts(frame.as_ptr().cast(), HEADER);
        core::slice::from_mut(&mut (*frame.as_ptr()).status)
    };
    for piece in pieces {
        // SAFETY: as the caller promises.
        unsafe {
            if is_read {
                outputs[written] = &mut *piece.as_ptr();
                written += 1;
            } else {
                inputs[read] = &*piece.as_ptr();
                read += 1;
            }
        }
    }
    outputs[written] = status;
    work(&inputs[..read], &mut outputs[..=written])
}

impl InterruptHandler for VirtioBlock {
    fn handle(&self) {
        self.transport.lock().ack_interrupt();
        self.done.wake_all();
    }
}

impl BlockDevice for VirtioBlock {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn submit(&self, requests: &mut [Request<'_>]) {
        let outcome = self.carry_out(requests.len(), |index| {
            let request = requests.get(index)?;
            Some(Order {
                kind: match request.operation {
                    Operation::Read => READ,
                    Operation::Write => WRITE,
                },
                sector: request.sector,
                request: Some(request),
            })
        });
        match outcome {
            Ok(batch) => {
                let results = batch.results.lock();
                for (request, &result) in requests.iter_mut().zip(results.iter()) {
                    request.result = result;
                }
            }
            Err(error) => {
                for request in requests {
                    request.result = Err(error);
                }
            }
        }
    }

    fn flush(&self) -> Result<()> {
        if !self.has_cache {
            return Ok(());
        }
        let order = |index| {
            (index == 0).then_some(Order {
                kind: FLUSH,
                sector: 0,
                request: None,
            })
        };
        let batch = self.carry_out(1, order)?;
        let results = batch.results.lock();
        results.first().copied().unwrap_or(Err(Errno::EIO))
    }
}
