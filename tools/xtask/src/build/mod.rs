//! `cargo xtask build`: kernel images, userland and the initramfs.
mod applets;
pub mod archive;
mod image;
mod initramfs;
mod programs;
mod symbols;

pub use programs::{cargo, guest_program};

use crate::setup;
use crate::workspace::{self, Board};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct BuildOptions {
    /// The board to build for
    #[arg(long, value_enum, default_value = "both")]
    board: BoardChoice,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum BoardChoice {
    Virt,
    Rpi4,
    Both,
}

pub fn run(options: &BuildOptions) -> Result<()> {
    let boards: &[Board] = match options.board {
        BoardChoice::Virt => &[Board::Virt],
        BoardChoice::Rpi4 => &[Board::Rpi4],
        BoardChoice::Both => &Board::ALL,
    };
    boards
        .iter()
        .try_for_each(|&board| setup::for_board(board))?;
    let archive = initramfs()?;
    for &board in boards {
        println!("{}", image(board)?.display());
        println!("{}", place_initramfs(board, &archive)?.display());
    }
    Ok(())
}

/// Builds the board's kernel: its ELF file with the symbol table filled in, flattened to `out/<board>/Image`.
pub fn image(board: Board) -> Result<PathBuf> {
    let elf = workspace::read_file(&programs::kernel(board)?)?;
    let flat = symbols::fill(elf)
        .and_then(|elf| image::flatten(&elf))
        .with_context(|| format!("the kernel for {board} has no usable layout"))?;
    place(&board.output().join("Image"), &flat)
}

/// Builds userland and packs it.
pub fn initramfs() -> Result<Vec<u8>> {
    initramfs::build(&programs::userland()?)
}

/// Leaves `archive` as the board's initramfs.
pub fn place_initramfs(board: Board, archive: &[u8]) -> Result<PathBuf> {
    place(&board.output().join("initramfs.cpio"), archive)
}

/// Writes a result unless it is there already, so that its time says when it last changed.
fn place(path: &Path, content: &[u8]) -> Result<PathBuf> {
    if std::fs::read(path).ok().as_deref() != Some(content) {
        workspace::write_file(path, content)?;
    }
    Ok(path.to_path_buf())
}
