//! Linux's own behaviour, as far as programs rely on it.

mod board;
mod capabilities;
mod devices;
mod erofs;
mod executables;
mod extended;
mod files;
mod limits;
mod memory;
mod mount_flags;
mod mounts;
mod names;
mod overlay;
mod overlay_layers;
mod pipes;
mod proc;
mod processes;
mod pty;
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
        names::CASES,
        extended::CASES,
        executables::CASES,
        mounts::CASES,
        mount_flags::CASES,
        overlay::CASES,
        overlay_layers::CASES,
        erofs::CASES,
        proc::CASES,
        pty::CASES,
        devices::CASES,
        board::CASES,
        limits::CASES,
    ]
    .concat();
    cases.extend(capabilities::cases());
    cases
}
