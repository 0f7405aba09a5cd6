//! The members of `process` that say how it is treated beside others: `scheduler`, `ioPriority`, `oomScoreAdj`.

use super::super::container::Scheduling;
use super::super::value::{Field, Object};
use crate::error::Error;

/// Policies that go by nice level, with their numbers (sched(7)).
const POLICIES: [(&str, u32); 3] = [("SCHED_OTHER", 0), ("SCHED_BATCH", 3), ("SCHED_IDLE", 5)];
/// Policies that the kernel doesn't have.
const MISSING_POLICIES: [&str; 4] = ["SCHED_FIFO", "SCHED_RR", "SCHED_DEADLINE", "SCHED_ISO"];
/// Flags with their bits (linux/sched.h).
const FLAGS: [(&str, u64); 3] = [
    ("SCHED_FLAG_RESET_ON_FORK", 1),
    ("SCHED_FLAG_KEEP_POLICY", 8),
    ("SCHED_FLAG_KEEP_PARAMS", 16),
];
/// Classes of I/O priority, with their numbers (ioprio_set(2)).
const CLASSES: [(&str, u32); 3] = [
    ("IOPRIO_CLASS_RT", 1),
    ("IOPRIO_CLASS_BE", 2),
    ("IOPRIO_CLASS_IDLE", 3),
];
/// Where the class begins in an I/O priority.
const CLASS_SHIFT: u32 = 13;

fn named<T: Copy>(field: &Field<'_>, known: &[(&str, T)], what: &str) -> Result<T, Error> {
    let name = field.string()?;
    known
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| field.error(&format!("this is not {what}")))
}

/// Reads `scheduler`.
pub fn scheduler(field: &Field<'_>) -> Result<Scheduling, Error> {
    let object = field.object()?;
    let policy = object.required("policy")?;
    if MISSING_POLICIES.contains(&policy.string()?) {
        return Err(
            policy.error("the kernel has no policies but SCHED_OTHER, SCHED_BATCH and SCHED_IDLE")
        );
    }
    let policy = named(&policy, &POLICIES, "a scheduling policy")?;
    let nice = match object.optional("nice") {
        Some(field) => field.integer(-20, 19)? as i32,
        None => 0,
    };
    let mut flags = 0;
    if let Some(field) = object.optional("flags").filter(|field| !field.is_null()) {
        for flag in field.list()? {
            flags |= named(&flag, &FLAGS, "a scheduling flag that this policy has")?;
        }
    }
    for name in ["priority", "runtime", "deadline", "period"] {
        if let Some(field) = object.optional(name).filter(|field| !field.is_null()) {
            field.integer(0, 0).map_err(|_| {
                field.error("only policies that the kernel doesn't have take another value than 0")
            })?;
        }
    }
    object.warn_of_unknown();
    Ok(Scheduling {
        policy,
        nice,
        flags,
    })
}

/// Reads `ioPriority`, into one number as ioprio_set(2) takes it.
pub fn io_priority(field: &Field<'_>) -> Result<u32, Error> {
    let object = field.object()?;
    let class = named(
        &object.required("class")?,
        &CLASSES,
        "a class of I/O priority",
    )?;
    let level = match object.optional("priority") {
        Some(field) => field.number(7)? as u32,
        None => 0,
    };
    object.warn_of_unknown();
    Ok(class << CLASS_SHIFT | level)
}

/// Reads `oomScoreAdj`; untouched if it is left out.
pub fn memory_score(object: &Object<'_>) -> Result<Option<i32>, Error> {
    object
        .optional("oomScoreAdj")
        .filter(|field| !field.is_null())
        .map(|field| field.integer(-1000, 1000).map(|value| value as i32))
        .transpose()
}
