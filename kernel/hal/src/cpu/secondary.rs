//! Bringing up the CPUs besides the one that boots.

use super::{MAX_CPUS, machine};
use crate::kernel_map;
use crate::task::Stack;
use core::arch::asm;
use core::sync::atomic::{
    AtomicU64, AtomicUsize, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use spin::Once;

/// How a board starts a CPU.
pub trait Starter: Sync {
    /// Lets the CPU with this number and affinity (MPIDR) begin at the physical address `entry`; false if the
    /// firmware refused.
    fn start(&self, cpu: usize, affinity: u64, entry: u64) -> bool;
}

/// What the entry code looks up by a CPU's affinity; the index is the CPU's number.
#[repr(C)]
pub(crate) struct Record {
    affinity: AtomicU64,
    /// Zero for a CPU that isn't started.
    stack: AtomicU64,
}

pub(crate) static RECORDS: [Record; MAX_CPUS] = [const {
    Record {
        affinity: AtomicU64::new(u64::MAX),
        stack: AtomicU64::new(0),
    }
}; MAX_CPUS];
/// The affinity of each CPU that is up, by number.
static AFFINITIES: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(u64::MAX) }; MAX_CPUS];
/// The number of the last CPU that reached its Rust code.
static ARRIVED: AtomicUsize = AtomicUsize::new(0);
static STARTER: Once<&'static dyn Starter> = Once::new();
static PRESENT: Once<([u64; MAX_CPUS], usize)> = Once::new();

/// The bits of MPIDR that tell CPUs apart.
const AFFINITY: u64 = 0xff_00ff_ffff;

/// How long a CPU may take to come up, in nanoseconds: generous, as an emulated one may not get to run at once.
const START_TIME: u64 = 5_000_000_000;

unsafe extern "C" {
    safe static __secondary_entry: u8;
}

/// This CPU's affinity (MPIDR without its flags).
pub fn own_affinity() -> u64 {
    let value: u64;
    // SAFETY: reads an ID register.
    unsafe {
        asm!("mrs {}, mpidr_el1", out(reg) value, options(pure, nomem, nostack, preserves_flags))
    };
    value & AFFINITY
}

/// The affinity of a CPU that is up.
pub fn affinity(cpu: usize) -> u64 {
    AFFINITIES
        .get(cpu)
        .map_or(u64::MAX, |affinity| affinity.load(Relaxed))
}

/// Takes the board's CPUs (their affinities, in any order, with or without the boot CPU's) and its way to start
/// them. Those beyond [`MAX_CPUS`] stay off.
pub fn register(starter: &'static dyn Starter, affinities: impl Iterator<Item = u64>) {
    AFFINITIES[0].store(own_affinity(), Relaxed);
    STARTER.call_once(|| starter);
    PRESENT.call_once(|| {
        let mut others = [0; MAX_CPUS];
        let mut count = 0;
        let found = affinities
            .map(|affinity| affinity & AFFINITY)
            .filter(|&affinity| affinity != own_affinity());
        for (slot, affinity) in others.iter_mut().take(MAX_CPUS - 1).zip(found) {
            *slot = affinity;
            count += 1;
        }
        (others, count)
    });
}

/// How many CPUs the board has (as far as the kernel can use them).
pub fn present() -> usize {
    1 + PRESENT.get().map_or(0, |present| present.1)
}

/// Starts further CPUs, until `limit` are up in all; gives the number that are. Each calls the kernel's
/// `secondary_start`. One that doesn't come up in time is left out, with a line that says so.
/// Called once, on the boot CPU.
pub fn start_others(limit: usize) -> usize {
    let mut count = 1;
    if let (Some(starter), Some((affinities, present))) = (STARTER.get(), PRESENT.get()) {
        for &affinity in affinities.iter().take(*present) {
            if count >= limit.min(MAX_CPUS) {
                break;
            }
            if start(*starter, count, affinity) {
                count += 1;
            } else {
                crate::println!("cpu: the one with affinity {affinity:#x} did not start");
            }
        }
    }
    count
}

/// Starts one CPU and waits for it.
fn start(starter: &dyn Starter, cpu: usize, affinity: u64) -> bool {
    let Ok(stack) = Stack::allocate() else {
        return false;
    };
    if !super::overflow::provide(cpu) {
        return false;
    }
    let record = &RECORDS[cpu];
    record.affinity.store(affinity, Relaxed);
    record.stack.store(stack.top() as u64, Release);
    AFFINITIES[cpu].store(affinity, Relaxed);
    let entry = kernel_map::image_physical(&raw const __secondary_entry);
    if starter.start(cpu, affinity, entry) {
        // The stack belongs to the CPU from now on, even if it comes late.
        core::mem::forget(stack);
        let end = crate::time::now() + START_TIME;
        while crate::time::now() < end {
            if ARRIVED.load(Acquire) == cpu {
                return true;
            }
            core::hint::spin_loop();
        }
    }
    record.stack.store(0, Release);
    false
}

/// Called by the entry code on each further CPU, on its own stack.
pub(crate) extern "C" fn secondary_main(cpu: usize) -> ! {
    // SAFETY: this CPU has this number and nothing has run on it yet.
    unsafe { crate::task::install_boot_header(cpu) };
    crate::exception::vectors::install();
    kernel_map::leave_identity_map();
    super::features::enable();
    crate::time::initialise_cpu();
    crate::interrupt::initialise_cpu(cpu);
    machine::set_online(cpu + 1);
    ARRIVED.store(cpu, Release);
    crate::entry::hooks::__gantry_secondary_start(cpu)
}
