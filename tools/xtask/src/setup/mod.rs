//! `cargo xtask setup`: finds what is missing on this machine and installs it.
//!
//! System packages are installed with apt; what comes from arm64 packages is unpacked into out/cache, so that the machine's
//! package architectures stay as they are.
mod apt;
pub mod filesystems;
pub mod image;
pub mod packages;
mod privilege;
mod qemu;
mod sources;
pub mod system;
pub mod toolchain;

use crate::workspace::Board;
use anyhow::Result;

/// Makes everything ready that any command of this tool needs.
pub fn run() -> Result<()> {
    for_board(Board::Virt)?;
    for_board(Board::Rpi4)?;
    for_card()
}

/// Makes ready what building for and running on `board` needs.
pub fn for_board(board: Board) -> Result<()> {
    toolchain::ensure()?;
    qemu::ensure(board)?;
    packages::busybox()?;
    if board == Board::Rpi4 {
        packages::device_tree()?;
    }
    Ok(())
}

/// Makes ready what making a card needs.
pub fn for_card() -> Result<()> {
    toolchain::ensure()?;
    packages::busybox()?;
    packages::device_tree()?;
    filesystems::ensure_maker()
}

/// Makes ready what checking the source and a card needs.
pub fn for_tests() -> Result<()> {
    toolchain::ensure_linters()?;
    filesystems::ensure_maker()?;
    filesystems::ensure_checkers()
}

/// Says what is being installed and why.
fn announce(what: &str, why: &str) {
    eprintln!("xtask: installing {what} ({why})");
}
