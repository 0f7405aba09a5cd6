//! The numbers that stat and status show, as the reader sees them: 0 for what is out of its sight.

use crate::context::{ProcessList, TaskNumber};
use crate::task::{Process, family};

/// What a member of `list` calls the bearer of a number.
pub fn seen(number: &TaskNumber, list: &ProcessList) -> u32 {
    number.seen_by(list).unwrap_or(0)
}

/// The parent's number.
pub fn parent(process: &Process, list: &ProcessList) -> u32 {
    family::parent(process).map_or(0, |parent| seen(parent.number(), list))
}

/// The process group's number.
pub fn group(process: &Process, list: &ProcessList) -> u32 {
    seen(family::group(process).number(), list)
}

/// The session's number.
pub fn session(process: &Process, list: &ProcessList) -> u32 {
    seen(family::group(process).session().number(), list)
}
