//! The kernel's own translation tables: the image, all memory, stacks and devices.
//!
//! Mappings are only added where nothing was, or taken away; an existing one never changes into another.

use crate::cpu::machine_barrier;
use crate::layout::{self, IMAGE_BASE, PAGE_SIZE};
use crate::task::OutOfMemory;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A translation table of any level.
#[repr(C, align(4096))]
pub(crate) struct Table([AtomicU64; 512]);

impl Table {
    const fn empty() -> Self {
        Self([const { AtomicU64::new(0) }; 512])
    }
}

/// How memory is mapped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attributes(u64);

impl Attributes {
    const NORMAL: u64 = 1 << 2 | 3 << 8;
    const READ_ONLY: u64 = 2 << 6;
    const ACCESSED: u64 = 1 << 10;
    const NOT_EXECUTABLE: u64 = 1 << 53;
    const NOT_USER_EXECUTABLE: u64 = 1 << 54;
    const ALL: u64 = Self::ACCESSED | Self::NOT_USER_EXECUTABLE;

    /// Executable, read-only.
    pub const CODE: Self = Self(Self::ALL | Self::NORMAL | Self::READ_ONLY);
    /// Read-only.
    pub const CONSTANT: Self =
        Self(Self::ALL | Self::NORMAL | Self::READ_ONLY | Self::NOT_EXECUTABLE);
    /// Readable and writable.
    pub const DATA: Self = Self(Self::ALL | Self::NORMAL | Self::NOT_EXECUTABLE);
    /// Device registers (Device-nGnRE).
    pub const DEVICE: Self = Self(Self::ALL | Self::NOT_EXECUTABLE);
    /// Readable and writable past the caches.
    pub const UNCACHED: Self = Self(Self::ALL | 2 << 2 | 3 << 8 | Self::NOT_EXECUTABLE);

    /// A page's descriptor without its address.
    pub const fn page(self) -> u64 {
        self.0 | 0b11
    }

    /// A block's descriptor without its address.
    pub const fn block(self) -> u64 {
        self.0 | 0b01
    }
}

/// The block of the identity map, for the entry code.
pub(crate) const IDENTITY_BLOCK: u64 = Attributes::CODE.block();

#[unsafe(link_section = ".early_tables")]
pub(crate) static IDENTITY_L0: Table = Table::empty();
#[unsafe(link_section = ".early_tables")]
pub(crate) static IDENTITY_L1: Table = Table::empty();
#[unsafe(link_section = ".early_tables")]
pub(crate) static IDENTITY_L2: Table = Table::empty();
/// TTBR1's table of all CPUs.
#[unsafe(link_section = ".early_tables")]
pub(crate) static ROOT: Table = Table::empty();
/// The 512 GiB with the image, stacks and devices.
#[unsafe(link_section = ".early_tables")]
pub(crate) static UPPER: Table = Table::empty();
#[unsafe(link_section = ".early_tables")]
pub(crate) static IMAGE_L2: Table = Table::empty();
#[unsafe(link_section = ".early_tables")]
pub(crate) static IMAGE_L3: [Table; 4] = [const { Table::empty() }; 4];
/// TTBR0's table when there is no user address space.
#[unsafe(link_section = ".early_tables")]
static NO_USER: Table = Table::empty();
/// Tables for the mappings made before there is an allocator.
#[unsafe(link_section = ".early_tables")]
static POOL: [Table; POOL_LENGTH] = [const { Table::empty() }; POOL_LENGTH];
const POOL_LENGTH: usize = 8;
static POOL_USED: AtomicUsize = AtomicUsize::new(0);

static IMAGE_PHYSICAL: AtomicU64 = AtomicU64::new(0);

/// Remembers where the image was loaded.
pub(crate) fn set_image_physical(address: u64) {
    IMAGE_PHYSICAL.store(address, Relaxed);
}

/// The physical address of a static or function of the image.
pub fn image_physical<T>(item: *const T) -> u64 {
    item.addr() as u64 - IMAGE_BASE + IMAGE_PHYSICAL.load(Relaxed)
}

/// Where a table is mapped: in the image or in the linear map.
fn table_at(physical: u64) -> &'static Table {
    let image = IMAGE_PHYSICAL.load(Relaxed);
    let address = if (image..image + crate::boot::image_length()).contains(&physical) {
        core::ptr::with_exposed_provenance::<Table>((physical - image + IMAGE_BASE) as usize)
    } else {
        layout::linear(physical).cast::<Table>().cast_const()
    };
    // SAFETY: tables are statics of the image or pages made tables by `new_table`, mapped and never freed.
    unsafe { &*address }
}

/// An empty table's physical address; `more` gives a page of the linear map when the image's own tables are used up.
fn new_table(more: &mut dyn FnMut() -> Option<u64>) -> Result<u64, OutOfMemory> {
    let index = POOL_USED.fetch_add(1, Relaxed);
    if let Some(table) = POOL.get(index) {
        return Ok(image_physical(table));
    }
    POOL_USED.store(POOL_LENGTH, Relaxed);
    let page = more().ok_or(OutOfMemory)?;
    // SAFETY: a page in the linear map that was given to this table alone.
    unsafe { layout::linear(page).write_bytes(0, PAGE_SIZE) };
    machine_barrier();
    Ok(page)
}

/// Maps `length` bytes at `physical` to `address`; all are multiples of the page size. `more` gives pages for tables.
///
/// # Errors
/// [`OutOfMemory`] if a table couldn't be made; what was mapped so far stays.
///
/// # Safety
/// Nothing is mapped there, and nothing else maps it (one caller at a time per region); what `physical` is and
/// who else uses it allows access with these attributes.
pub(crate) unsafe fn map(
    address: u64,
    physical: u64,
    length: u64,
    attributes: Attributes,
    more: &mut dyn FnMut() -> Option<u64>,
) -> Result<(), OutOfMemory> {
    const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
    let mut done = 0;
    while done < length {
        let (virtual_address, target) = (address + done, physical + done);
        let mut table = &ROOT;
        let mut shift = 39;
        loop {
            let entry = &table.0[(virtual_address >> shift & 511) as usize];
            let size = 1u64 << shift;
            let fits = (virtual_address | target) & (size - 1) == 0 && length - done >= size;
            if shift == 12 || (shift <= 30 && fits && entry.load(Relaxed) == 0) {
                let descriptor = if shift == 12 {
                    attributes.page()
                } else {
                    attributes.block()
                };
                entry.store(target | descriptor, Relaxed);
                done += size;
                break;
            }
            if entry.load(Relaxed) == 0 {
                let next = new_table(more)?;
                machine_barrier();
                entry.store(next | 0b11, Relaxed);
            }
            table = table_at(entry.load(Relaxed) & ADDRESS);
            shift -= 9;
        }
    }
    machine_barrier();
    Ok(())
}

/// Takes pages out of the map and gives their physical addresses to `removed`, when no CPU can reach them any more.
///
/// # Safety
/// The pages were mapped one by one and nobody uses them any more.
pub(crate) unsafe fn unmap_pages(address: u64, length: u64, mut removed: impl FnMut(u64)) {
    const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
    for page in (address..address + length).step_by(PAGE_SIZE) {
        let mut table = &ROOT;
        for shift in [39, 30, 21] {
            table = table_at(table.0[(page >> shift & 511) as usize].load(Relaxed) & ADDRESS);
        }
        let old = table.0[(page >> 12 & 511) as usize].swap(0, Relaxed);
        // SAFETY: invalidates a translation; always sound.
        unsafe {
            core::arch::asm!("dsb ishst", "tlbi vaae1is, {}", "dsb ish", "isb", in(reg) page >> 12 & 0xfff_ffff_ffff, options(nostack, preserves_flags))
        };
        removed(old & ADDRESS);
    }
}

/// The physical address of the empty user table (address space number 0).
pub fn empty_user_table() -> u64 {
    image_physical(&NO_USER)
}

/// Leaves the identity map: TTBR0 is the empty user table from here on.
pub(crate) fn leave_identity_map() {
    // SAFETY: the kernel runs in the upper half, so nothing needs the lower one.
    unsafe {
        core::arch::asm!("msr ttbr0_el1, {}", "isb", "tlbi vmalle1", "dsb nsh", "isb", in(reg) empty_user_table(), options(nostack, preserves_flags))
    };
}
