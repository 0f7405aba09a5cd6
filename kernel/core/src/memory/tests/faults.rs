//! What faults do: demand paging, copy on write, objects, stacks, signals.

use core::sync::atomic::Ordering;

use hal::exception::Access;

use super::*;
use crate::errno::Errno;

/// Shared memory of so many pages, each with its index in the first byte.
fn object(pages: u64) -> Arc<SharedMemory> {
    let object = Arc::new(SharedMemory::new(pages * PAGE_SIZE));
    for index in 0..pages {
        object
            .page(index, true)
            .unwrap()
            .write(0, &[index as u8 + 1]);
    }
    object
}

fn of_object(
    index: u64,
    pages: u64,
    object: &Arc<SharedMemory>,
    shared: bool,
    protection: Protection,
) -> MapRequest {
    MapRequest {
        backing: Backing::Object(object.clone()),
        shared,
        ..fixed(index, pages, protection)
    }
}

fn resident(space: &AddressSpace) -> u64 {
    space.statistics().resident
}

#[test]
fn untouched_memory_takes_no_frames() {
    let space = space();
    space.map(fixed(0, 1 << 16, READ_WRITE)).unwrap();
    assert_eq!(resident(&space), 0);
    space.handle_fault(page(5), Access::Read).unwrap();
    space.handle_fault(page(6) + 77, Access::Write).unwrap();
    assert_eq!(resident(&space), 2);
    assert_eq!(byte(&space, page(5)), Some(0));
}

#[test]
fn a_page_read_first_can_be_written_later() {
    let space = space();
    space.map(fixed(0, 2, READ_WRITE)).unwrap();
    space.handle_fault(page(0), Access::Read).unwrap();
    space.handle_fault(page(1), Access::Read).unwrap();
    space.write_memory(page(0), &[9]).unwrap();
    assert_eq!(
        (byte(&space, page(0)), byte(&space, page(1))),
        (Some(9), Some(0))
    );
}

#[test]
fn signals_say_why() {
    let space = space();
    space.map(fixed(0, 1, READ)).unwrap();
    space.map(fixed(2, 1, NONE)).unwrap();
    assert_eq!(
        space.handle_fault(page(1), Access::Read),
        Err(FaultSignal::NotMapped)
    );
    assert_eq!(
        space.handle_fault(page(0), Access::Write),
        Err(FaultSignal::NotPermitted)
    );
    assert_eq!(
        space.handle_fault(page(0), Access::Execute),
        Err(FaultSignal::NotPermitted)
    );
    assert_eq!(
        space.handle_fault(page(2), Access::Read),
        Err(FaultSignal::NotPermitted)
    );
    assert_eq!(
        space.handle_fault(u64::MAX, Access::Read),
        Err(FaultSignal::NotMapped)
    );
}

#[test]
fn beyond_the_end_of_an_object_is_a_bus_error() {
    let space = space();
    let object = object(2);
    for shared in [false, true] {
        space
            .map(of_object(0, 4, &object, shared, READ_WRITE))
            .unwrap();
        assert_eq!(byte(&space, page(1)), Some(2));
        assert_eq!(
            space.handle_fault(page(2), Access::Read),
            Err(FaultSignal::NoObject)
        );
        assert_eq!(
            space.handle_fault(page(2), Access::Write),
            Err(FaultSignal::NoObject)
        );
    }
}

#[test]
fn shared_writes_reach_the_object_and_private_ones_do_not() {
    let space = space();
    let object = object(4);
    space
        .map(of_object(0, 4, &object, true, READ_WRITE))
        .unwrap();
    space
        .map(of_object(8, 4, &object, false, READ_WRITE))
        .unwrap();
    assert_eq!(byte(&space, page(9)), Some(2));
    space.write_memory(page(1), &[50]).unwrap();
    assert_eq!(
        byte(&space, page(9)),
        Some(50),
        "not yet copied: the object's own page"
    );
    space.write_memory(page(9), &[60]).unwrap();
    space.write_memory(page(10), &[61]).unwrap();
    assert_eq!(
        (byte(&space, page(1)), byte(&space, page(9))),
        (Some(50), Some(60))
    );
    assert_eq!(
        (byte(&space, page(2)), byte(&space, page(10))),
        (Some(3), Some(61))
    );
}

#[test]
fn one_read_fault_maps_the_cached_neighbours() {
    let space = space();
    let object = object(64);
    space.map(of_object(3, 64, &object, false, READ)).unwrap();
    space.handle_fault(page(20), Access::Read).unwrap();
    assert_eq!(resident(&space), 16);
    for index in 0..64 {
        assert_eq!(byte(&space, page(3 + index)), Some(index as u8 + 1));
    }
    assert_eq!(resident(&space), 64);
}

#[test]
fn neighbours_outside_of_the_area_stay_out() {
    let space = space();
    let object = object(64);
    space.map(of_object(0, 64, &object, false, READ)).unwrap();
    space.unmap(page(0), 3 * PAGE_SIZE).unwrap();
    space.unmap(page(6), 58 * PAGE_SIZE).unwrap();
    space.handle_fault(page(4), Access::Read).unwrap();
    assert_eq!(resident(&space), 3);
    assert_eq!(byte(&space, page(3)), Some(4));
    assert_eq!(byte(&space, page(2)), None);
}

#[test]
fn fork_shares_what_is_shared_and_copies_the_rest() {
    let parent = space();
    let shared = MapRequest {
        shared: true,
        ..fixed(0, 1, READ_WRITE)
    };
    parent.map(shared).unwrap();
    parent.map(fixed(1, 1, READ_WRITE)).unwrap();
    parent.write_memory(page(1), &[1]).unwrap();
    let child = parent.fork().unwrap();
    parent.write_memory(page(0), &[7]).unwrap();
    parent.write_memory(page(1), &[8]).unwrap();
    assert_eq!(
        (byte(&child, page(0)), byte(&child, page(1))),
        (Some(7), Some(1))
    );
    child.write_memory(page(0), &[9]).unwrap();
    child.write_memory(page(1), &[2]).unwrap();
    assert_eq!(
        (byte(&parent, page(0)), byte(&parent, page(1))),
        (Some(9), Some(8))
    );
}

#[test]
fn advice_decides_what_a_child_gets() {
    let parent = space();
    parent.map(fixed(0, 3, READ_WRITE)).unwrap();
    for index in 0..3 {
        parent.write_memory(page(index), &[5]).unwrap();
    }
    parent
        .advise(page(0), PAGE_SIZE, Advice::from_number(10).unwrap())
        .unwrap();
    parent
        .advise(page(1), PAGE_SIZE, Advice::from_number(18).unwrap())
        .unwrap();
    assert_eq!(shape(&parent), [(0, 1), (1, 1), (2, 1)]);
    let child = parent.fork().unwrap();
    assert_eq!(
        (
            byte(&child, page(0)),
            byte(&child, page(1)),
            byte(&child, page(2))
        ),
        (None, Some(0), Some(5))
    );
    parent
        .advise(page(0), 2 * PAGE_SIZE, Advice::from_number(11).unwrap())
        .unwrap();
    parent
        .advise(page(0), 2 * PAGE_SIZE, Advice::from_number(19).unwrap())
        .unwrap();
    assert_eq!(shape(&parent), [(0, 3)]);
}

#[test]
fn pages_not_needed_read_as_zeros() {
    let space = space();
    space.map(fixed(0, 2, READ_WRITE)).unwrap();
    space.write_memory(page(0), &[5]).unwrap();
    space
        .advise(page(0), 2 * PAGE_SIZE, Advice::DontNeed { locked: false })
        .unwrap();
    assert_eq!(resident(&space), 0);
    assert_eq!(byte(&space, page(0)), Some(0));
    assert_eq!(
        space.advise(page(0), 3 * PAGE_SIZE, Advice::Hint),
        Err(Errno::ENOMEM)
    );
    space.lock_range(page(0), 1, LockMode::Now, true).unwrap();
    assert_eq!(
        space.advise(page(0), PAGE_SIZE, Advice::DontNeed { locked: false }),
        Err(Errno::EINVAL)
    );
}

#[test]
fn a_stack_grows_to_its_limit_and_keeps_its_distance() {
    let space = space();
    let top = 1 << 12;
    let stack = MapRequest {
        flags: AreaFlags::GROWS_DOWN,
        label: Label::Stack,
        ..fixed(top, 2, READ_WRITE)
    };
    space.map(stack).unwrap();
    space
        .limits()
        .stack
        .store(64 * PAGE_SIZE, Ordering::Relaxed);
    space.handle_fault(page(top - 10), Access::Write).unwrap();
    assert_eq!(shape(&space), [(top - 10, 12)]);
    assert_eq!(space.statistics().stack, 12);
    assert_eq!(
        space.handle_fault(page(top - 63), Access::Write),
        Err(FaultSignal::NotMapped)
    );
    space.handle_fault(page(top - 62), Access::Write).unwrap();
    space.limits().stack.store(u64::MAX, Ordering::Relaxed);
    // A neighbour 300 pages below: the stack may come as near as the guard gap of 256.
    space.map(fixed(top - 400, 1, READ_WRITE)).unwrap();
    assert_eq!(
        space.handle_fault(page(top - 300), Access::Write),
        Err(FaultSignal::NotMapped)
    );
    space.handle_fault(page(top - 143), Access::Write).unwrap();
    assert_eq!(
        space.handle_fault(page(top - 144), Access::Write),
        Err(FaultSignal::NotMapped)
    );
}

#[test]
fn the_break_moves_by_bytes_and_stops_at_its_neighbours() {
    let space = space();
    space.set_layout(Layout {
        heap_start: page(0) + 100,
        ..Layout::default()
    });
    assert_eq!(space.set_break(0), page(0) + 100);
    assert_eq!(space.set_break(page(3) + 5), page(3) + 5);
    assert_eq!(shape(&space), [(1, 3)]);
    space.write_memory(page(3), &[1]).unwrap();
    assert_eq!(space.set_break(page(3)), page(3));
    assert_eq!(shape(&space), [(1, 2)]);
    assert_eq!(space.set_break(page(4)), page(4));
    assert_eq!(
        byte(&space, page(3)),
        Some(0),
        "memory given back comes back empty"
    );
    space.map(fixed(6, 1, READ_WRITE)).unwrap();
    assert_eq!(space.set_break(page(6)), page(6));
    assert_eq!(space.set_break(page(6) + 1), page(6));
    assert_eq!(space.set_break(page(0)), page(6));
    space.limits().data.store(4 * PAGE_SIZE, Ordering::Relaxed);
    assert_eq!(space.set_break(page(1)), page(1));
    assert_eq!(space.set_break(page(6)), page(1));
}

#[test]
fn written_pages_survive_protection_changes() {
    let space = space();
    let object = object(1);
    space.map(of_object(0, 1, &object, false, READ)).unwrap();
    assert_eq!(byte(&space, page(0)), Some(1));
    space.protect(page(0), 1, READ_WRITE, false).unwrap();
    space.handle_fault(page(0), Access::Write).unwrap();
    space.write_memory(page(0), &[40]).unwrap();
    space.protect(page(0), 1, NONE, false).unwrap();
    assert_eq!(
        space.handle_fault(page(0), Access::Read),
        Err(FaultSignal::NotPermitted)
    );
    space.protect(page(0), 1, READ_WRITE, false).unwrap();
    assert_eq!(byte(&space, page(0)), Some(40));
    let mut own = [0];
    object.page(0, false).unwrap().read(0, &mut own);
    assert_eq!(own, [1]);
}

/// Shared memory that can lose its pages.
struct Shrinking {
    memory: Arc<SharedMemory>,
    size: core::sync::atomic::AtomicU64,
    mappings: Mappings,
}

impl MemoryObject for Shrinking {
    fn page(&self, index: u64, for_write: bool) -> crate::errno::Result<hal::frame::Frame> {
        if index * PAGE_SIZE >= self.size() {
            Err(Errno::ENXIO)
        } else {
            self.memory.page(index, for_write)
        }
    }

    fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    fn mappings(&self) -> Option<&Mappings> {
        Some(&self.mappings)
    }
}

#[test]
fn a_shorter_object_takes_its_pages_away_everywhere() {
    let object = Arc::new(Shrinking {
        memory: object(8),
        size: core::sync::atomic::AtomicU64::new(8 * PAGE_SIZE),
        mappings: Mappings::new(),
    });
    let parent = space();
    for (index, shared) in [(0, true), (20, false)] {
        let mapping = MapRequest {
            backing: Backing::Object(object.clone()),
            shared,
            ..fixed(index, 8, READ_WRITE)
        };
        parent.map(mapping).unwrap();
    }
    parent.write_memory(page(25), &[99]).unwrap();
    let child = parent.fork().unwrap();
    for space in [&parent, &child] {
        assert_eq!(
            (
                byte(space, page(1)),
                byte(space, page(5)),
                byte(space, page(25))
            ),
            (Some(2), Some(6), Some(99))
        );
    }
    object.size.store(4 * PAGE_SIZE, Ordering::Relaxed);
    object.mappings.unmap_pages(&*object, 4, u64::MAX, true);
    for space in [&parent, &child] {
        assert_eq!(
            space.handle_fault(page(5), Access::Read),
            Err(FaultSignal::NoObject)
        );
        assert_eq!(
            space.handle_fault(page(25), Access::Read),
            Err(FaultSignal::NoObject)
        );
        assert_eq!(byte(space, page(1)), Some(2));
    }
}
