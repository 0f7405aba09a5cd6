//! The Rust compiler and its targets.
//!
//! Either the compiler that runs this tool has the two targets (rustup can add them), or the distribution's does the work:
//! it builds `core` and `alloc` for the kernel itself and takes the arm64 standard library from the package archive.
use super::{announce, packages, system};
use crate::build::cargo;
use crate::command;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kernel's target.
pub const KERNEL_TARGET: &str = "aarch64-unknown-none-softfloat";
/// Userland's target, statically linked without a C compiler.
pub const MUSL_TARGET: &str = "aarch64-unknown-linux-musl";
/// Userland's target with the distribution's compiler.
const GNU_TARGET: &str = "aarch64-unknown-linux-gnu";

const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
/// What the distribution's way of building needs: programs to look for and the packages they come from.
const SYSTEM_PARTS: [(&str, &str); 6] = [
    (SYSTEM_RUSTC, "rustc-web"),
    (SYSTEM_CARGO, "cargo-web"),
    (
        "/usr/lib/rustlib/src/rust/library/core/Cargo.toml",
        "rust-web-src",
    ),
    ("/usr/bin/ld.lld", "lld"),
    ("/usr/bin/aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ("/usr/aarch64-linux-gnu/lib/libc.a", "libc6-dev-arm64-cross"),
];

/// A compiler that can build the kernel and userland.
pub enum Toolchain {
    /// It has both targets.
    Complete,
    /// The distribution's, with the system root that has the arm64 standard library.
    System { root: PathBuf },
}

impl Toolchain {
    /// The compiler to use on this machine as it is set up now.
    pub fn find() -> Result<Self> {
        if has_targets()? {
            return Ok(Self::Complete);
        }
        let missing = missing_system_packages();
        if !missing.is_empty() {
            bail!("the compiler lacks the arm64 targets; run: cargo xtask setup");
        }
        let version = command::output(Command::new(SYSTEM_RUSTC).arg("--version"))?;
        let version = version
            .split_whitespace()
            .nth(1)
            .context("rustc says no version")?;
        Ok(Self::System {
            root: packages::rust_system_root(version)?,
        })
    }

    /// cargo with `subcommand`, set up for the kernel's target.
    pub fn kernel_cargo(&self, subcommand: &str) -> Command {
        let mut cargo = self.cargo(subcommand);
        cargo.args(["--target", KERNEL_TARGET]);
        if let Self::System { .. } = self {
            cargo.arg("-Zbuild-std=core,alloc");
            cargo.env(
                "CARGO_TARGET_AARCH64_UNKNOWN_NONE_SOFTFLOAT_LINKER",
                "ld.lld",
            );
        }
        cargo
    }

    /// cargo with `subcommand`, set up for userland's target.
    pub fn userland_cargo(&self, subcommand: &str) -> Command {
        let mut cargo = self.cargo(subcommand);
        cargo.args(["--target", self.userland_target()]);
        if let Self::System { root } = self {
            cargo.env(
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
                "aarch64-linux-gnu-gcc",
            );
            cargo.env(
                "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
                format!("-Ctarget-feature=+crt-static --sysroot={}", root.display()),
            );
        }
        cargo
    }

    /// The target that userland is built for.
    pub fn userland_target(&self) -> &'static str {
        match self {
            Self::Complete => MUSL_TARGET,
            Self::System { .. } => GNU_TARGET,
        }
    }

    /// cargo with `subcommand` for this machine.
    pub fn host_cargo(&self, subcommand: &str) -> Command {
        self.cargo(subcommand)
    }

    fn cargo(&self, subcommand: &str) -> Command {
        let mut command = match self {
            Self::Complete => cargo("cargo"),
            Self::System { .. } => {
                let mut command = cargo(SYSTEM_CARGO);
                command
                    .env("RUSTC", SYSTEM_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1");
                command
            }
        };
        command.arg(subcommand);
        // Someone who watches wants to see that it goes on; output that is kept should have nothing but complaints.
        if !stderr().is_terminal() {
            command.arg("--quiet");
        }
        command
    }
}

/// Sees to it that there is a compiler that can build everything.
pub fn ensure() -> Result<()> {
    if has_targets()? {
        return Ok(());
    }
    if command::is_installed("rustup") {
        announce(
            &format!("Rust targets {KERNEL_TARGET} and {MUSL_TARGET}"),
            "the kernel's and userland's",
        );
        let added = command::run_quietly(Command::new("rustup").args([
            "target",
            "add",
            KERNEL_TARGET,
            MUSL_TARGET,
        ]));
        match added {
            Ok(()) if has_targets()? => return Ok(()),
            Ok(()) => eprintln!(
                "xtask: rustup added the targets to another compiler than `rustc`; using the distribution's"
            ),
            Err(error) => eprintln!("xtask: {error:#}; using the distribution's compiler"),
        }
    }
    let missing = missing_system_packages();
    if !missing.is_empty() {
        announce(
            &missing.join(" "),
            "the distribution's compiler and what it needs to build for arm64",
        );
        system::update_lists()?;
        for package in &missing {
            if system::candidate(package)?.is_none() {
                bail!(
                    "this distribution has no package {package}; install Rust with rustup and run this again"
                );
            }
        }
        system::install(&missing, None)
            .context("the distribution's compiler cannot be had either")?;
    }
    Toolchain::find().map(drop)
}

/// Sees to it that there are cargo's formatting and linting commands.
pub fn ensure_linters() -> Result<()> {
    let parts = [("rustfmt", "rustfmt-web"), ("clippy", "rust-web-clippy")];
    let missing: Vec<_> = parts
        .into_iter()
        .filter(|(part, _)| !has_linter(part))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    announce("rustfmt and clippy", "they check the source");
    if command::is_installed("rustup") {
        let mut rustup = Command::new("rustup");
        rustup
            .args(["component", "add"])
            .args(missing.iter().map(|(part, _)| part));
        if command::run_quietly(&mut rustup).is_ok() {
            return Ok(());
        }
    }
    system::update_lists()?;
    system::install(
        &missing
            .iter()
            .map(|(_, package)| *package)
            .collect::<Vec<_>>(),
        None,
    )
}

fn has_linter(part: &str) -> bool {
    let subcommand = if part == "rustfmt" { "fmt" } else { part };
    command::output(cargo("cargo").args([subcommand, "--version"])).is_ok()
}

fn missing_system_packages() -> Vec<&'static str> {
    SYSTEM_PARTS
        .iter()
        .filter(|(file, _)| !is_present(Path::new(file)))
        .map(|(_, package)| *package)
        .collect()
}

/// Whether a file is there and is not just another name of rustup, which stands in for the compiler's programs.
fn is_present(file: &Path) -> bool {
    fs::canonicalize(file).is_ok_and(|file| file.file_name().is_none_or(|name| name != "rustup"))
}

/// Whether the compiler in use has both targets.
fn has_targets() -> Result<bool> {
    let root = command::output(cargo("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new(root.trim()).join("lib/rustlib");
    Ok([KERNEL_TARGET, MUSL_TARGET]
        .iter()
        .all(|target| libraries.join(target).join("lib").is_dir()))
}
