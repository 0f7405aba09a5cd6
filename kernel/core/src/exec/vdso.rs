//! The page of kernel code that every program has: where a signal handler without a restorer of its own returns to.

use crate::errno::{Errno, Result};
use crate::memory::{AddressSpace, Backing, Label, MapRequest, MemoryObject, PAGE_SIZE, Protection};
use crate::task::Current;
use alloc::sync::Arc;
use hal::frame::Frame;
use hal::sync::Once;

/// `mov x8, #__NR_rt_sigreturn; svc #0`: debuggers and unwinders know a signal frame by exactly these instructions.
const SIGNAL_RETURN: [u32; 2] = [0xd280_1168, 0xd400_0001];

/// The page, the same one for all programs.
struct CodePage(Frame);

impl MemoryObject for CodePage {
    fn page(&self, index: u64, for_write: bool) -> Result<Frame> {
        if index != 0 || for_write {
            return Err(Errno::ENXIO);
        }
        Ok(self.0.clone())
    }

    fn size(&self) -> u64 {
        PAGE_SIZE
    }
}

static PAGE: Once<Arc<dyn MemoryObject>> = Once::new();

fn page() -> Result<Arc<dyn MemoryObject>> {
    PAGE.try_call_once(|| {
        let frame = Frame::zeroed()?;
        for (index, instruction) in SIGNAL_RETURN.iter().enumerate() {
            frame.write(index * size_of::<u32>(), &instruction.to_le_bytes());
        }
        Ok(Arc::new(CodePage(frame)) as Arc<dyn MemoryObject>)
    })
    .cloned()
}

/// Maps the page into a new program's memory; gives its address.
///
/// # Errors
/// `ENOMEM`.
pub fn map(space: &AddressSpace) -> Result<u64> {
    let protection = Protection { read: true, write: false, execute: true };
    space.map(MapRequest {
        backing: Backing::Object(page()?),
        label: Label::Vdso,
        ..MapRequest::anonymous(PAGE_SIZE, protection)
    })
}

/// Where a signal handler of the caller returns to; 0 in a thread without memory.
pub fn signal_return_address(current: &Current) -> u64 {
    current.address_space().map_or(0, |space| space.layout().signal_return)
}
