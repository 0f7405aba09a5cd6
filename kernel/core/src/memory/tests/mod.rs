//! Behaviour of address spaces on the host's simulated memory.

mod faults;
mod model;
mod placement;

use alloc::sync::Arc;

use super::*;

/// Where the tests map.
const BASE: u64 = 0x10_0000_0000;

const READ: Protection = Protection {
    read: true,
    write: false,
    execute: false,
};
const READ_WRITE: Protection = Protection {
    read: true,
    write: true,
    execute: false,
};
const NONE: Protection = Protection {
    read: false,
    write: false,
    execute: false,
};

/// Address of page `index` of the test window.
fn page(index: u64) -> u64 {
    BASE + index * PAGE_SIZE
}

fn space() -> Arc<AddressSpace> {
    AddressSpace::new().unwrap()
}

/// Private anonymous memory of `pages` pages at page `index` of the window.
fn fixed(index: u64, pages: u64, protection: Protection) -> MapRequest {
    MapRequest {
        placement: Placement::Fixed(page(index)),
        ..MapRequest::anonymous(pages * PAGE_SIZE, protection)
    }
}

/// The areas as (first page, pages, writable).
fn shape(space: &AddressSpace) -> Vec<(u64, u64)> {
    let mut areas = Vec::new();
    space.for_each_area(0, |area| {
        areas.push((
            (area.start.wrapping_sub(BASE)) / PAGE_SIZE,
            area.length() / PAGE_SIZE,
        ));
        true
    });
    areas
}

/// The first byte of a page.
fn byte(space: &AddressSpace, address: u64) -> Option<u8> {
    let mut byte = [0];
    (space.read_memory(address, &mut byte) == 1).then_some(byte[0])
}
