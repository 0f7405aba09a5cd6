//! Where mappings go, and what is refused.

use core::sync::atomic::Ordering;

use super::*;
use crate::errno::Errno;

#[test]
fn mappings_go_below_each_other_and_fill_gaps() {
    let space = space();
    let one = |pages: u64| {
        space
            .map(MapRequest::anonymous(pages * PAGE_SIZE, READ))
            .unwrap()
    };
    let first = one(4);
    let second = one(2);
    assert_eq!(second, first - 2 * PAGE_SIZE);
    let third = one(1);
    assert_eq!(third, second - PAGE_SIZE);
    space.unmap(first, 4 * PAGE_SIZE).unwrap();
    assert_eq!(one(5), third - 5 * PAGE_SIZE, "too large for the gap");
    assert_eq!(one(3), first + PAGE_SIZE, "the highest end of the gap");
    assert_eq!(one(1), first);
}

#[test]
fn a_search_agrees_with_a_naive_one() {
    let space = space();
    let mut seed = 88_172_645_463_325_252u64;
    let mut mapped: Vec<(u64, u64)> = Vec::new();
    let mut top = 0;
    for _ in 0..2000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        if !seed.is_multiple_of(3) || mapped.is_empty() {
            let length = (1 + (seed >> 8) % 6) * PAGE_SIZE;
            let start = space.map(MapRequest::anonymous(length, READ)).unwrap();
            top = top.max(start + length);
            mapped.sort_unstable();
            let mut end = top;
            for (area, size) in mapped.iter().rev() {
                if end - (area + size) >= length {
                    break;
                }
                end = *area;
            }
            assert_eq!(start, end - length);
            mapped.push((start, length));
        } else {
            let (start, length) = mapped.swap_remove((seed >> 16) as usize % mapped.len());
            space.unmap(start, length).unwrap();
        }
    }
}

#[test]
fn hints_are_taken_where_there_is_room() {
    let space = space();
    let hinted = |index| MapRequest {
        placement: Placement::Hint(page(index)),
        ..MapRequest::anonymous(2 * PAGE_SIZE, READ)
    };
    assert_eq!(space.map(hinted(4)), Ok(page(4)));
    assert_ne!(space.map(hinted(5)), Ok(page(5)));
    let exactly = |index| MapRequest {
        placement: Placement::FixedNoReplace(page(index)),
        ..hinted(0)
    };
    assert_eq!(space.map(exactly(5)), Err(Errno::EEXIST));
    assert_eq!(space.map(exactly(6)), Ok(page(6)));
}

#[test]
fn nonsense_is_refused() {
    let space = space();
    let at = |address, length| MapRequest {
        placement: Placement::Fixed(address),
        ..MapRequest::anonymous(length, READ)
    };
    assert_eq!(space.map(at(page(0), 0)), Err(Errno::EINVAL));
    assert_eq!(space.map(at(page(0) + 1, 1)), Err(Errno::EINVAL));
    assert_eq!(space.map(at(0, 1)), Err(Errno::EPERM));
    assert_eq!(space.map(at(page(0), u64::MAX)), Err(Errno::ENOMEM));
    assert_eq!(
        space.map(at(USER_END - PAGE_SIZE, 2 * PAGE_SIZE)),
        Err(Errno::ENOMEM)
    );
    assert_eq!(space.unmap(page(0), 0), Err(Errno::EINVAL));
    assert_eq!(space.unmap(page(0) + 1, 1), Err(Errno::EINVAL));
    assert_eq!(space.unmap(page(0), u64::MAX), Err(Errno::EINVAL));
    assert_eq!(
        space.unmap(page(0), PAGE_SIZE),
        Ok(()),
        "unmapping nothing is fine"
    );
}

#[test]
fn more_than_there_is_memory_is_refused_unless_not_reserved() {
    let space = space();
    let huge = MapRequest::anonymous((hal::frame::total() + 1) * PAGE_SIZE, READ_WRITE);
    assert_eq!(space.map(huge.clone()), Err(Errno::ENOMEM));
    assert!(
        space
            .map(MapRequest {
                protection: NONE,
                ..huge.clone()
            })
            .is_ok()
    );
    assert!(
        space
            .map(MapRequest {
                flags: AreaFlags::NO_RESERVE,
                ..huge
            })
            .is_ok()
    );
}

#[test]
fn limits_are_kept() {
    let space = space();
    space.map(fixed(0, 10, READ_WRITE)).unwrap();
    let limits = space.limits();
    limits
        .address_space
        .store(12 * PAGE_SIZE, Ordering::Relaxed);
    assert_eq!(space.map(fixed(20, 3, READ)), Err(Errno::ENOMEM));
    space.map(fixed(20, 2, READ)).unwrap();
    space.map(fixed(5, 5, READ_WRITE)).unwrap();
    limits.data.store(10 * PAGE_SIZE, Ordering::Relaxed);
    assert_eq!(
        space.protect(page(20), PAGE_SIZE, READ_WRITE, false),
        Err(Errno::ENOMEM)
    );
    limits.locked.store(2 * PAGE_SIZE, Ordering::Relaxed);
    assert_eq!(
        space.lock_range(page(0), 3 * PAGE_SIZE, LockMode::Now, false),
        Err(Errno::ENOMEM)
    );
    space
        .lock_range(page(0) + 1, PAGE_SIZE, LockMode::Now, false)
        .unwrap();
    assert_eq!(space.statistics().locked, 2);
    assert_eq!(space.statistics().resident, 2);
    space.unlock_all();
    assert_eq!(space.statistics().locked, 0);
}

#[test]
fn remapping_grows_in_place_or_moves() {
    let space = space();
    space.map(fixed(0, 2, READ_WRITE)).unwrap();
    space.write_memory(page(1), &[3]).unwrap();
    let none = RemapFlags::empty();
    assert_eq!(
        space.remap(page(0), 2 * PAGE_SIZE, 4 * PAGE_SIZE, none, 0),
        Ok(page(0))
    );
    space.map(fixed(5, 1, READ_WRITE)).unwrap();
    assert_eq!(
        space.remap(page(0), 4 * PAGE_SIZE, 6 * PAGE_SIZE, none, 0),
        Err(Errno::ENOMEM)
    );
    let moved = space
        .remap(
            page(0),
            4 * PAGE_SIZE,
            6 * PAGE_SIZE,
            RemapFlags::MAY_MOVE,
            0,
        )
        .unwrap();
    assert_eq!(byte(&space, moved + PAGE_SIZE), Some(3));
    assert_eq!(byte(&space, page(1)), None);
    assert_eq!(
        space.remap(moved, 6 * PAGE_SIZE, PAGE_SIZE, none, 0),
        Ok(moved)
    );
    assert_eq!(space.statistics().total, 2);
    assert_eq!(
        space.remap(page(9), PAGE_SIZE, PAGE_SIZE, none, 0),
        Err(Errno::EFAULT)
    );
    assert_eq!(
        space.remap(moved, 0, PAGE_SIZE, RemapFlags::MAY_MOVE, 0),
        Err(Errno::EINVAL),
        "only shared memory doubles"
    );
}

#[test]
fn shared_memory_can_be_mapped_twice_by_remapping() {
    let space = space();
    space
        .map(MapRequest {
            shared: true,
            ..fixed(0, 2, READ_WRITE)
        })
        .unwrap();
    let twin = space
        .remap(page(0), 0, 2 * PAGE_SIZE, RemapFlags::MAY_MOVE, 0)
        .unwrap();
    space.write_memory(page(1), &[44]).unwrap();
    assert_eq!(byte(&space, twin + PAGE_SIZE), Some(44));
}

#[test]
fn the_number_of_areas_is_limited() {
    let space = space();
    let count = MAXIMUM_AREAS as u64;
    space.map(fixed(0, 2 * count, READ)).unwrap();
    for index in 0..count / 2 - 1 {
        space
            .protect(page(2 * index + 1), PAGE_SIZE, NONE, false)
            .unwrap();
    }
    let before = shape(&space).len();
    assert_eq!(before as u64, count - 1);
    assert_eq!(
        space.protect(page(2 * count - 2), PAGE_SIZE, NONE, false),
        Err(Errno::ENOMEM)
    );
    assert_eq!(shape(&space).len(), before, "a refusal changes nothing");
    space.map(fixed(4 * count, 3, READ)).unwrap();
    assert_eq!(space.map(fixed(4 * count + 4, 1, READ)), Err(Errno::ENOMEM));
    assert_eq!(
        space.unmap(page(4 * count + 1), PAGE_SIZE),
        Err(Errno::ENOMEM),
        "a hole makes two of one"
    );
    space.unmap(page(4 * count + 2), PAGE_SIZE).unwrap();
}
