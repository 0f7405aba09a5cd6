//! Counted references to frames.

use super::cache::allocate_preferably_zero;
use super::metadata::{INSTRUCTIONS_CLEAN, Metadata, metadata};
use super::{
    FRAME_SHIFT, FRAME_SIZE, OutOfMemory, Purpose, allocate_number, machine, release_number,
};
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::num::NonZeroU32;
use core::ops::Deref;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, fence};

/// The frame that `Frame::shared_zero` shares; 0 before its first use.
static SHARED_ZERO: AtomicU32 = AtomicU32::new(0);

/// One of the owners of a page of memory. Like `Arc`: `clone` adds an owner, dropping the last one frees
/// the page.
///
/// The content is plain bytes that any owner, and any user program it is mapped into, may change at any time.
/// Accesses at the same time mix byte by byte.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    number: NonZeroU32,
}

impl Frame {
    /// A page of zeros.
    ///
    /// # Errors
    /// [`OutOfMemory`] if memory is short.
    #[inline]
    pub fn zeroed() -> Result<Self, OutOfMemory> {
        let (number, zero) = allocate_preferably_zero(Purpose::Ordinary)?;
        // SAFETY: the count of a frame just allocated is one, which is this owner.
        let frame = unsafe { Self::from_number(number) };
        if !zero {
            // SAFETY: a page of ours.
            unsafe { machine::zero_page(frame.address()) };
        }
        Ok(frame)
    }

    /// The page of zeros that all share, for reading. It is never changed: a copy-on-write of it is a page of
    /// zeros anew.
    ///
    /// # Errors
    /// [`OutOfMemory`] if memory is short at its first use.
    pub fn shared_zero() -> Result<Self, OutOfMemory> {
        let known = SHARED_ZERO.load(Acquire);
        if known != 0 {
            // SAFETY: the static owns the frame for ever; the clone is the caller's share.
            return Ok(unsafe { FrameRef::from_number(known) }.clone_frame());
        }
        let frame = Self::zeroed()?;
        match SHARED_ZERO.compare_exchange(0, frame.number.get(), Release, Relaxed) {
            // The static keeps the first owner's share.
            Ok(_) => Ok(ManuallyDrop::new(frame).deref().clone()),
            Err(_) => Self::shared_zero(),
        }
    }

    /// Whether this is the page of [`Self::shared_zero`].
    #[inline(always)]
    pub fn is_shared_zero(&self) -> bool {
        self.number.get() == SHARED_ZERO.load(Relaxed)
    }

    /// A page with unspecified content: whatever was freed last. Only for pages that are overwritten as a whole
    /// before anybody else can see them.
    ///
    /// # Errors
    /// [`OutOfMemory`] if memory is short.
    #[inline]
    pub fn uninitialised() -> Result<Self, OutOfMemory> {
        let number = allocate_number(Purpose::Ordinary)?;
        // SAFETY: the count of a frame just allocated is one, which is this owner.
        Ok(unsafe { Self::from_number(number) })
    }

    /// A page with the content of another.
    ///
    /// # Errors
    /// [`OutOfMemory`] if memory is short.
    #[inline]
    pub fn copy_of(source: &Frame) -> Result<Self, OutOfMemory> {
        let frame = Self::uninitialised()?;
        frame.copy_from(source);
        Ok(frame)
    }

    /// Takes over one owner's share of a frame.
    ///
    /// # Safety
    /// The frame is in use, and one of its owners gives its share to this reference.
    #[inline(always)]
    pub(crate) unsafe fn from_number(number: u32) -> Self {
        // SAFETY: frame 0 is never given out.
        let number = unsafe { NonZeroU32::new_unchecked(number) };
        Self { number }
    }

    /// Gives this owner's share to the caller, who ends it with [`Self::from_number`].
    #[inline(always)]
    pub(crate) fn into_number(self) -> u32 {
        ManuallyDrop::new(self).number.get()
    }

    #[inline(always)]
    fn metadata(&self) -> &'static Metadata {
        // SAFETY: an owned frame is RAM.
        unsafe { metadata(self.number()) }
    }

    /// The frame number: the physical address in pages.
    #[inline(always)]
    pub fn number(&self) -> u64 {
        u64::from(self.number.get())
    }

    /// Where the page is in the linear map: for drivers that hand it to a device.
    #[inline(always)]
    pub fn address(&self) -> *mut u8 {
        machine::linear_address(self.number() << FRAME_SHIFT)
    }

    /// Whether this is the only owner. If so it stays that way, as only an owner makes further ones.
    #[inline(always)]
    pub fn is_unique(&self) -> bool {
        self.metadata().count.load(Acquire) == 1
    }

    /// How many owners there are at this moment.
    pub fn owners(&self) -> u32 {
        self.metadata().count.load(Relaxed)
    }

    /// Copies bytes from `offset` on out of the page.
    ///
    /// # Panics
    /// If the range isn't within the page.
    #[inline]
    pub fn read(&self, offset: usize, target: &mut [u8]) {
        check(offset, target.len());
        // SAFETY: within the page; `target` is memory of the caller's own.
        unsafe {
            machine::copy(
                target.as_mut_ptr(),
                self.address().add(offset),
                target.len(),
            )
        };
    }

    /// Copies bytes into the page from `offset` on.
    ///
    /// # Panics
    /// If the range isn't within the page.
    #[inline]
    pub fn write(&self, offset: usize, source: &[u8]) {
        check(offset, source.len());
        self.content_changes();
        // SAFETY: within the page; `source` can't overlap it, as no reference into a page exists.
        unsafe { machine::copy(self.address().add(offset), source.as_ptr(), source.len()) };
    }

    /// Sets bytes from `offset` on to zero.
    ///
    /// # Panics
    /// If the range isn't within the page.
    #[inline]
    pub fn fill_zero(&self, offset: usize, length: usize) {
        check(offset, length);
        self.content_changes();
        // SAFETY: within the page.
        unsafe { core::ptr::write_bytes(self.address().add(offset), 0, length) };
    }

    /// Replaces the whole content by that of another page.
    #[inline]
    pub fn copy_from(&self, source: &Frame) {
        self.content_changes();
        if self != source {
            // SAFETY: two different pages.
            unsafe { machine::copy_page(self.address(), source.address()) };
        }
    }

    /// Copies a part of another page to the same or another place in this one.
    ///
    /// # Panics
    /// If a range isn't within its page.
    pub fn copy_part(&self, offset: usize, source: &Frame, source_offset: usize, length: usize) {
        check(offset, length);
        check(source_offset, length);
        self.content_changes();
        // SAFETY: both ranges are within their pages; `ptr::copy` allows overlap.
        unsafe {
            core::ptr::copy(
                source.address().add(source_offset),
                self.address().add(offset),
                length,
            )
        };
    }

    /// Notes that instruction fetches may see old content from now on.
    #[inline(always)]
    pub(crate) fn content_changes(&self) {
        let state = &self.metadata().state;
        if state.load(Relaxed) & INSTRUCTIONS_CLEAN != 0 {
            state.fetch_and(!INSTRUCTIONS_CLEAN, Relaxed);
        }
    }

    /// Makes instruction fetches see the present content, unless they do.
    #[inline(always)]
    pub(crate) fn clean_for_instructions(&self) {
        let state = &self.metadata().state;
        if state.load(Acquire) & INSTRUCTIONS_CLEAN == 0 {
            machine::synchronise_instructions(self.address());
            // Set afterwards: whoever sees the flag may run the page at once.
            state.fetch_or(INSTRUCTIONS_CLEAN, Release);
        }
    }
}

/// Offsets come from callers that have checked them; this keeps a mistake of theirs within the page.
#[inline(always)]
fn check(offset: usize, length: usize) {
    assert!(
        offset <= FRAME_SIZE && length <= FRAME_SIZE - offset,
        "a range beyond its page"
    );
}

impl Clone for Frame {
    #[inline(always)]
    fn clone(&self) -> Self {
        // The count can't overflow: every owner takes at least four bytes of memory.
        self.metadata().count.fetch_add(1, Relaxed);
        Self {
            number: self.number,
        }
    }
}

impl Drop for Frame {
    #[inline(always)]
    fn drop(&mut self) {
        if self.metadata().count.fetch_sub(1, Release) == 1 {
            fence(Acquire);
            // SAFETY: that was the last owner.
            unsafe { release_number(self.number.get()) };
        }
    }
}

/// A frame that somebody else owns for `'a`; use it as a `&Frame`, `clone` it to become an owner.
#[derive(Debug)]
pub struct FrameRef<'a> {
    frame: ManuallyDrop<Frame>,
    owner: PhantomData<&'a Frame>,
}

impl FrameRef<'_> {
    /// # Safety
    /// The frame has an owner for the whole lifetime.
    #[inline(always)]
    pub(crate) unsafe fn from_number(number: u32) -> Self {
        // SAFETY: the frame is in use; the reference is never dropped, so it takes no share.
        let frame = unsafe { Frame::from_number(number) };
        Self {
            frame: ManuallyDrop::new(frame),
            owner: PhantomData,
        }
    }
}

impl FrameRef<'_> {
    /// A further owner.
    #[inline(always)]
    pub fn clone_frame(&self) -> Frame {
        Frame::clone(self)
    }
}

impl Deref for FrameRef<'_> {
    type Target = Frame;
    #[inline(always)]
    fn deref(&self) -> &Frame {
        &self.frame
    }
}
