//! Eight bytes about every frame, in one array from the first frame of RAM to the last.

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What is known about a frame.
///
/// `count` is the number of owners while the frame is in use, `state` is [`FREE`] plus an order for the first
/// frame of a free block, otherwise flags that last as long as the frame is in use. A user page table and a heap
/// slab keep what they have to know about themselves in both.
#[repr(C, align(8))]
pub(crate) struct Metadata {
    pub count: AtomicU32,
    pub state: AtomicU32,
}

/// State of the first frame of a block in the buddy allocator; the low byte is the block's order.
pub(crate) const FREE: u32 = 0x100;

/// State flag: instruction fetches see the frame's present content.
pub(crate) const INSTRUCTIONS_CLEAN: u32 = 0x200;

/// Points where the metadata of frame number 0 would be.
static ORIGIN: AtomicPtr<Metadata> = AtomicPtr::new(core::ptr::null_mut());
/// The first frame number with metadata.
static FIRST: AtomicU64 = AtomicU64::new(0);
/// The first frame number after those with metadata.
static END: AtomicU64 = AtomicU64::new(0);

impl Metadata {
    /// Begins the use of a frame by one owner: count 1, no flags.
    #[inline(always)]
    pub fn begin_use(&self) {
        // One store: nobody else looks at a frame that is just being given out.
        self.count.store(1, Relaxed);
        self.state.store(0, Relaxed);
    }
}

/// The metadata of frame `number`.
///
/// # Safety
/// `number` is a frame of RAM (it came from the allocator, a page table or the initial RAM disk's range).
#[inline(always)]
pub(crate) unsafe fn metadata(number: u64) -> &'static Metadata {
    // SAFETY: the array covers all frames of RAM and is never freed.
    unsafe { &*ORIGIN.load(Relaxed).wrapping_add(number as usize) }
}

/// Whether there is metadata for frame `number`.
pub(crate) fn covers(number: u64) -> bool {
    (FIRST.load(Relaxed)..END.load(Relaxed)).contains(&number)
}

/// The first frame number above all with metadata.
pub(super) fn end() -> u64 {
    END.load(Relaxed)
}

/// Installs the array.
///
/// # Safety
/// `array` points to zeroed metadata for the frames `first..end`, that nobody else uses, for ever.
pub(super) unsafe fn install(array: *mut Metadata, first: u64, end: u64) {
    ORIGIN.store(array.wrapping_sub(first as usize), Relaxed);
    FIRST.store(first, Relaxed);
    END.store(end, Relaxed);
}
