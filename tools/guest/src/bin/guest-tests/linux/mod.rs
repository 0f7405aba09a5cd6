//! Linux's own behaviour, as far as programs rely on it.

mod capabilities;
mod erofs;
mod extended;
mod files;
mod memory;
mod mounts;
mod overlay;
mod pipes;
mod proc;
mod processes;
mod signals;
mod threads;

use crate::harness::Case;

/// Every case.
pub fn all() -> Vec<Case> {
    let mut cases = [
        processes::CASES,
        signals::CASES,
        pipes::CASES,
        memory::CASES,
        threads::CASES,
        files::CASES,
        extended::CASES,
        mounts::CASES,
        overlay::CASES,
        erofs::CASES,
        proc::CASES,
    ]
    .concat();
    cases.extend(capabilities::cases());
    cases
}
