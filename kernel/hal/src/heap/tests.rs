//! The heap against what an allocator promises.

use super::*;
use crate::frame::tests::Random;
use std::vec::Vec;

struct Held {
    pointer: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Held {
    fn new(layout: Layout, mark: u8, zeroed: bool) -> Self {
        // SAFETY: the memory is new and as large as asked for.
        unsafe {
            let pointer = if zeroed {
                KernelHeap.alloc_zeroed(layout)
            } else {
                KernelHeap.alloc(layout)
            };
            assert!(!pointer.is_null());
            assert!(pointer.addr().is_multiple_of(layout.align()));
            if zeroed {
                assert!(
                    core::slice::from_raw_parts(pointer, layout.size())
                        .iter()
                        .all(|&byte| byte == 0)
                );
            }
            pointer.write_bytes(mark, layout.size());
            Self {
                pointer,
                layout,
                mark,
            }
        }
    }

    fn check(&self) {
        // SAFETY: the memory is ours.
        let bytes = unsafe { core::slice::from_raw_parts(self.pointer, self.layout.size()) };
        assert!(bytes.iter().all(|&byte| byte == self.mark));
    }

    fn release(self) {
        self.check();
        // SAFETY: the memory is ours and not used any more.
        unsafe { KernelHeap.dealloc(self.pointer, self.layout) };
    }

    fn resize(&mut self, size: usize) {
        let kept = size.min(self.layout.size());
        // SAFETY: the memory is ours; the part kept is as it was.
        unsafe {
            self.pointer = KernelHeap.realloc(self.pointer, self.layout, size);
            assert!(!self.pointer.is_null());
            assert!(
                core::slice::from_raw_parts(self.pointer, kept)
                    .iter()
                    .all(|&byte| byte == self.mark)
            );
            self.pointer.write_bytes(self.mark, size);
        }
        self.layout = Layout::from_size_align(size, self.layout.align()).unwrap();
    }
}

fn random_size(random: &mut Random) -> usize {
    match random.next(10) {
        0..5 => random.next(128) as usize + 1,
        5..9 => random.next(3000) as usize + 1,
        _ => random.next(40_000) as usize + 1,
    }
}

#[test]
fn objects_are_disjoint_aligned_and_keep_their_content_on_all_cpus() {
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut random = Random(seed);
                let mut held: Vec<Held> = Vec::new();
                for step in 0..20_000u32 {
                    let grow = step / 3000 % 2 == 0;
                    match random.next(8) {
                        0 if !held.is_empty() => {
                            let index = random.next(held.len() as u64) as usize;
                            held[index].resize(random_size(&mut random));
                        }
                        1..6 if grow || held.is_empty() => {
                            let most = if random.next(20) == 0 { 14 } else { 5 };
                            let align = 1 << random.next(most);
                            let layout =
                                Layout::from_size_align(random_size(&mut random), align).unwrap();
                            held.push(Held::new(layout, step as u8, random.next(4) == 0));
                        }
                        _ if !held.is_empty() => {
                            held.swap_remove(random.next(held.len() as u64) as usize)
                                .release();
                        }
                        _ => {}
                    }
                }
                held.into_iter().for_each(Held::release);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn slabs_fill_up_and_are_freed_when_empty() {
    let mut slabs = slab::Slabs::new();
    let class = size_class::of(Layout::new::<[u64; 64]>()).unwrap();
    let mut objects = [core::ptr::null_mut(); 80];
    assert_eq!(slabs.take(class, &mut objects[..3]), 3);
    assert_eq!(slabs.frames(), 1);
    assert_eq!(slabs.take(class, &mut objects[3..]), 77);
    assert_eq!(slabs.frames(), 10);
    let mut sorted = objects;
    sorted.sort();
    assert!(
        sorted
            .windows(2)
            .all(|pair| pair[1].addr() - pair[0].addr() >= 512)
    );
    // Every second object first, so that slabs join the list in many states.
    for first in [0, 1] {
        for object in objects.iter().skip(first).step_by(2) {
            // SAFETY: each object is given back once.
            unsafe { slabs.give_back(core::slice::from_ref(object)) };
        }
    }
    assert_eq!(slabs.frames(), 1);
}

#[test]
fn classes_waste_less_than_a_third_and_respect_alignment() {
    for size in 1..=size_class::LARGEST {
        let class = size_class::of(Layout::from_size_align(size, 1).unwrap()).unwrap();
        assert!(size_class::SIZES[class] >= size);
        assert!(class == 0 || size_class::SIZES[class - 1] < size);
        assert!(size < 48 || size_class::SIZES[class] * 2 <= size * 3 + 32);
    }
    let class = size_class::of(Layout::from_size_align(100, 256).unwrap()).unwrap();
    assert_eq!(size_class::SIZES[class], 256);
    assert_eq!(
        size_class::of(Layout::from_size_align(1, 4096).unwrap()),
        None
    );
}

#[test]
fn what_cannot_be_is_null() {
    let layout = Layout::from_size_align(1 << 40, 8).unwrap();
    // SAFETY: the size isn't zero.
    assert!(unsafe { KernelHeap.alloc(layout) }.is_null());
}
