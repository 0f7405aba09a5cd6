//! The sizes that slabs are cut into.

use core::alloc::Layout;

/// Bytes of an object in each class. Powers of two waste nothing of a frame; those between keep the waste
/// of an object below a third.
pub const SIZES: [usize; 14] = [
    16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1360, 2048,
];

/// The number of classes.
pub const COUNT: usize = SIZES.len();

/// All sizes are multiples of this, and so is an object's address.
pub const GRANULE: usize = 16;

/// The largest size of a class.
pub const LARGEST: usize = SIZES[COUNT - 1];

/// The class for each number of granules.
static CLASS_OF: [u8; LARGEST / GRANULE + 1] = {
    let mut table = [0; LARGEST / GRANULE + 1];
    let mut granules = 0;
    let mut class = 0;
    while granules < table.len() {
        if granules * GRANULE > SIZES[class] {
            class += 1;
        }
        table[granules] = class as u8;
        granules += 1;
    }
    table
};

/// The class for an allocation; `None` for large ones.
#[inline(always)]
pub fn of(layout: Layout) -> Option<usize> {
    let mut size = layout.size();
    if layout.align() > GRANULE {
        // Objects of a power of two are aligned to their size.
        size = size.max(layout.align()).next_power_of_two();
    }
    (size <= LARGEST).then(|| usize::from(CLASS_OF[size.div_ceil(GRANULE)]))
}
