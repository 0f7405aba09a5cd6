//! What happens when memory runs out. In a process of its own, since all tests of one share its memory.

use hal::frame::{Frame, FrameBlock, OutOfMemory, free, headroom, total};
use hal::heap::KernelHeap;
use std::alloc::{GlobalAlloc, Layout};

#[test]
fn the_reserve_outlasts_ordinary_memory() {
    assert_eq!(headroom(), Ok(()));
    let before = free();
    assert!(before <= total());

    let mut frames = Vec::new();
    let error = loop {
        match Frame::uninitialised() {
            Ok(frame) => frames.push(frame),
            Err(error) => break error,
        }
    };
    assert_eq!(error, OutOfMemory);
    assert_eq!(headroom(), Err(OutOfMemory));
    assert!(FrameBlock::allocate(3).is_err());

    // Small objects are still there, of every class, and a large one.
    let mut objects = Vec::new();
    for size in [16, 100, 700, 2048, 4096, 8192] {
        for _ in 0..8 {
            let layout = Layout::from_size_align(size, 16).expect("a valid layout");
            // SAFETY: the size isn't zero.
            let object = unsafe { KernelHeap.alloc(layout) };
            assert!(!object.is_null(), "no {size} bytes");
            objects.push((object, layout));
        }
    }

    // They too run out in the end, with a null pointer.
    let layout = Layout::from_size_align(4096, 16).expect("a valid layout");
    loop {
        // SAFETY: the size isn't zero.
        let object = unsafe { KernelHeap.alloc(layout) };
        if object.is_null() {
            break;
        }
        objects.push((object, layout));
    }
    assert_eq!(free(), 0);

    for (object, layout) in objects {
        // SAFETY: the object came from the heap with this layout, and isn't used any more.
        unsafe { KernelHeap.dealloc(object, layout) };
    }
    drop(frames);
    assert_eq!(headroom(), Ok(()));
    // All is back but the slabs of one object's class each.
    assert!(
        before - free() < 100,
        "{before} frames were free, now {}",
        free()
    );
    assert!(FrameBlock::allocate(FrameBlock::MAX_ORDER).is_ok());
}
