//! capabilities(7): the five sets of a thread, what changes them, and what asks for them.

mod checks;
mod exec;
mod sets;
mod users;

use crate::check::{Check, ok};
use crate::harness::Case;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_ambient_set,
    capability_is_in_bounding_set, set_capabilities,
};
use std::fmt;

/// Every case.
pub fn cases() -> Vec<Case> {
    [exec::CASES, users::CASES, sets::CASES, checks::CASES].concat()
}

const NONE: CapabilitySet = CapabilitySet::empty();

/// Every capability there is, by the kernel's own word.
fn all() -> Check<CapabilitySet> {
    let text = ok(
        "cap_last_cap",
        std::fs::read_to_string("/proc/sys/kernel/cap_last_cap"),
    )?;
    let last: u32 = ok("cap_last_cap", text.trim_end().parse())?;
    Ok(CapabilitySet::from_bits_retain((1 << (last + 1)) - 1))
}

/// The five sets.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Five {
    inheritable: CapabilitySet,
    permitted: CapabilitySet,
    effective: CapabilitySet,
    bounding: CapabilitySet,
    ambient: CapabilitySet,
}

impl Five {
    /// Those of the calling thread, asked for by system calls.
    fn own() -> Check<Self> {
        let sets = ok("capget", capabilities(None))?;
        let (mut bounding, mut ambient) = (NONE, NONE);
        for one in all()?.iter() {
            if ok("PR_CAPBSET_READ", capability_is_in_bounding_set(one))? {
                bounding |= one;
            }
            if ok("PR_CAP_AMBIENT_IS_SET", capability_is_in_ambient_set(one))? {
                ambient |= one;
            }
        }
        Ok(Self {
            inheritable: sets.inheritable,
            permitted: sets.permitted,
            effective: sets.effective,
            bounding,
            ambient,
        })
    }
}

impl fmt::Debug for Five {
    /// As /proc/N/status has them, in its order.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:016x} {:016x} {:016x} {:016x} {:016x}",
            self.inheritable.bits(),
            self.permitted.bits(),
            self.effective.bits(),
            self.bounding.bits(),
            self.ambient.bits()
        )
    }
}

fn set(
    effective: CapabilitySet,
    permitted: CapabilitySet,
    inheritable: CapabilitySet,
) -> rustix::io::Result<()> {
    let sets = CapabilitySets {
        effective,
        permitted,
        inheritable,
    };
    set_capabilities(None, sets)
}
