//! Address-space identifiers (ASIDs), of which there are fewer than address spaces.
//!
//! A context is a generation and an ASID that is one address space's own for that generation. When all
//! ASIDs are taken, a new generation begins: every CPU drops its translations before it activates a context of
//! the new generation, and address spaces get a new context when they are activated next. Only those
//! active at that moment keep their ASIDs, since their CPUs go on using them.

use crate::sync::{InterruptGuard, IrqSpinLock, MAX_CPUS, PerCpu};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A context's ASID is its low 16 bits, its generation the rest. 0 is no context.
const ASID_BITS: u32 = 16;
const ASID_MASK: u64 = (1 << ASID_BITS) - 1;
const GENERATION: u64 = 1 << ASID_BITS;

/// The ASIDs of one generation in use.
pub struct Contexts {
    /// The current generation (a multiple of `GENERATION`).
    generation: AtomicU64,
    /// The context active on each CPU; 0 once a new generation has begun.
    active: PerCpu<AtomicU64>,
    allocator: IrqSpinLock<Allocator>,
}

struct Allocator {
    /// One bit per ASID. ASID 0 belongs to CPUs without a user address space.
    taken: [u64; 1 << (ASID_BITS - 6)],
    /// Where the search goes on.
    next: usize,
    /// How many there are: 256 or 65536.
    count: usize,
    /// The contexts that CPUs were using when the generation began.
    kept: [u64; MAX_CPUS],
    /// CPUs that have yet to drop their translations.
    stale_cpus: u32,
}

static CONTEXTS: Contexts = Contexts::new();

/// Sets how many bits an ASID has on these CPUs (8 or 16), before the first use.
pub fn set_bits(bits: u32) {
    CONTEXTS.allocator.lock().count = 1 << bits.clamp(8, ASID_BITS);
}

/// The contexts of this machine.
#[inline(always)]
pub fn contexts() -> &'static Contexts {
    &CONTEXTS
}

/// A context's ASID.
#[inline(always)]
pub fn asid(context: u64) -> u64 {
    context & ASID_MASK
}

impl Contexts {
    pub const fn new() -> Self {
        Self {
            generation: AtomicU64::new(GENERATION),
            active: PerCpu::new([const { AtomicU64::new(0) }; MAX_CPUS]),
            allocator: IrqSpinLock::new(Allocator {
                taken: [0; 1 << (ASID_BITS - 6)],
                next: 1,
                count: 1 << 8,
                kept: [0; MAX_CPUS],
                stale_cpus: 0,
            }),
        }
    }

    /// Makes an address space's context this CPU's active one, giving it a new one if it has none of this
    /// generation. Calls `drop_translations` (for this CPU) if that must happen first.
    #[inline(always)]
    pub fn activate(
        &self,
        slot: &AtomicU64,
        here: &InterruptGuard,
        drop_translations: impl FnOnce(),
    ) -> u64 {
        let context = slot.load(Relaxed);
        let active = self.active.current();
        let before = active.load(Relaxed);
        // A new generation sets `active` to 0 behind our back, and then the exchange fails.
        if before != 0
            && (context ^ self.generation.load(Relaxed)) >> ASID_BITS == 0
            && active
                .compare_exchange(before, context, Relaxed, Relaxed)
                .is_ok()
        {
            return context;
        }
        self.activate_slowly(slot, here, drop_translations)
    }

    #[cold]
    #[inline(never)]
    fn activate_slowly(
        &self,
        slot: &AtomicU64,
        _here: &InterruptGuard,
        drop_translations: impl FnOnce(),
    ) -> u64 {
        let cpu = crate::sync::cpu_id();
        let mut allocator = self.allocator.lock();
        let mut context = slot.load(Relaxed);
        if (context ^ self.generation.load(Relaxed)) >> ASID_BITS != 0 {
            context = self.renew(&mut allocator, context);
            slot.store(context, Relaxed);
        }
        if allocator.stale_cpus & (1 << cpu) != 0 {
            allocator.stale_cpus &= !(1 << cpu);
            drop_translations();
        }
        self.active.current().store(context, Relaxed);
        context
    }

    /// A context of the current generation, or of a new one, for an address space with an older `context`.
    fn renew(&self, allocator: &mut Allocator, context: u64) -> u64 {
        let generation = self.generation.load(Relaxed);
        if context != 0 {
            let renewed = generation | asid(context);
            // Kept through the change of generation: still the address space's own.
            let mut kept = false;
            for other in &mut allocator.kept {
                if *other == context {
                    *other = renewed;
                    kept = true;
                }
            }
            if kept || allocator.take(asid(context) as usize) {
                return renewed;
            }
        }
        if let Some(found) = allocator.find() {
            return generation | found;
        }
        let generation = generation + GENERATION;
        self.generation.store(generation, Relaxed);
        allocator.taken.fill(0);
        allocator.next = 1;
        for (cpu, active) in self.active.iter().enumerate() {
            let used = active.swap(0, Relaxed);
            // A CPU that has activated nothing since the last change still uses what it kept then.
            if used != 0 {
                allocator.kept[cpu] = used;
            }
            allocator.take(asid(allocator.kept[cpu]) as usize);
        }
        allocator.stale_cpus = u32::MAX;
        // There are more ASIDs than CPUs.
        generation | allocator.find().unwrap_or(0)
    }
}

impl Allocator {
    /// Takes an ASID; `false` if it is taken.
    fn take(&mut self, asid: usize) -> bool {
        let word = &mut self.taken[asid / 64];
        let free = *word & (1 << (asid % 64)) == 0;
        *word |= 1 << (asid % 64);
        free
    }

    /// Takes the next free ASID.
    fn find(&mut self) -> Option<u64> {
        while self.next < self.count {
            let candidate = self.next;
            self.next += 1;
            if self.take(candidate) {
                return Some(candidate as u64);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    #[test]
    fn no_two_address_spaces_share_an_asid_whose_translations_are_alive() {
        let contexts = Contexts::new();
        let spaces: Vec<AtomicU64> = (0..1000).map(|_| AtomicU64::new(0)).collect();
        // For this one virtual CPU: which space each ASID's translations belong to.
        let mut translations: BTreeMap<u64, usize> = BTreeMap::new();
        let mut random = crate::frame::tests::Random(7);
        let mut drops = 0;
        for _ in 0..20_000 {
            let here = InterruptGuard::new();
            let space = random.next(spaces.len() as u64) as usize;
            let mut dropped = false;
            let context = contexts.activate(&spaces[space], &here, || dropped = true);
            if dropped {
                // Other virtual CPUs' translations aren't modelled, so all of the test counts as one CPU: it must
                // have stayed on it.
                translations.clear();
                drops += 1;
            }
            assert_ne!(asid(context), 0);
            let owner = *translations.entry(asid(context)).or_insert(space);
            assert_eq!(owner, space);
            drop(here);
        }
        assert!(drops > 10);
    }

    #[test]
    fn an_active_context_outlives_generations() {
        let contexts = Contexts::new();
        let here = InterruptGuard::new();
        let running = AtomicU64::new(0);
        let kept = contexts.activate(&running, &here, || ());
        // Another CPU goes through several generations meanwhile.
        for _ in 0..1000 {
            let mut allocator = contexts.allocator.lock();
            let other = contexts.renew(&mut allocator, 0);
            assert_ne!(asid(other), asid(kept));
        }
        let again = contexts.activate(&running, &here, || ());
        assert_eq!(asid(again), asid(kept));
    }
}
