//! Building the project's own programs with cargo.
use crate::command;
use crate::setup::toolchain::{self, Toolchain};
use crate::workspace::{self, Board};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Userland for the initramfs: programs by name.
pub struct Userland {
    pub runc: PathBuf,
    /// The programs of the `guest` package, each under its own name.
    pub guest: Vec<(String, PathBuf)>,
}

/// Builds a board's kernel and returns its ELF file.
pub fn kernel(board: Board) -> Result<PathBuf> {
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.kernel_cargo("build");
    cargo.args(["--release", "--package", board.package()]);
    command::run(&mut cargo)?;
    built(
        &target_folder()
            .join(toolchain::KERNEL_TARGET)
            .join("release")
            .join(board.package()),
    )
}

/// Builds the static programs of the initramfs.
pub fn userland() -> Result<Userland> {
    let toolchain = Toolchain::find()?;
    let mut cargo = toolchain.userland_cargo("build");
    cargo.args([
        "--profile",
        "userland",
        "--package",
        "runc",
        "--package",
        "guest",
        "--bins",
    ]);
    command::run(&mut cargo)?;
    let folder = userland_folder(&toolchain);
    let mut guest = Vec::new();
    for name in guest_programs()? {
        let program = built(&folder.join(&name))?;
        guest.push((name, program));
    }
    Ok(Userland {
        runc: built(&folder.join("runc"))?,
        guest,
    })
}

/// A program of the `guest` package, built before.
pub fn guest_program(name: &str) -> Result<PathBuf> {
    built(&userland_folder(&Toolchain::find()?).join(name))
}

fn userland_folder(toolchain: &Toolchain) -> PathBuf {
    target_folder()
        .join(toolchain.userland_target())
        .join("userland")
}

/// The names of the guest programs: cargo builds one of each file, or folder with a main.rs, in its
/// src/bin.
fn guest_programs() -> Result<Vec<String>> {
    let folder = workspace::root().join("tools/guest/src/bin");
    let items =
        std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for item in items {
        let path = item
            .with_context(|| format!("cannot read {}", folder.display()))?
            .path();
        if path.join("main.rs").is_file() || path.extension().is_some_and(|end| end == "rs") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

fn built(path: &Path) -> Result<PathBuf> {
    ensure!(path.is_file(), "cargo left no {}", path.display());
    Ok(path.to_path_buf())
}

/// Where cargo puts what it builds.
fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace::root().join("target"), PathBuf::from)
}

/// cargo, started in the workspace.
pub fn cargo(program: &str) -> Command {
    let mut cargo = Command::new(program);
    cargo.current_dir(workspace::root());
    cargo
}
