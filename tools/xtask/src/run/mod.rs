//! `cargo xtask run`: boots a build in QEMU, for a person at the prompt or for one command.
pub mod camera;
pub mod card;
pub mod console;
mod data;
pub mod initrd;
pub mod machine;
pub mod monitor;
pub mod picture;
pub mod session;
mod window;

use crate::build::{self, archive::Archive};
use crate::setup;
use crate::workspace::{self, Board, TemporaryFolder};
use anyhow::{Context, Result, bail};
use machine::{Attachment, Machine, Screen};
use session::Outcome;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(clap::Args)]
pub struct RunOptions {
    /// The board to run on
    #[arg(long, value_enum, default_value = "virt")]
    board: Board,
    /// How many CPUs to use
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=8))]
    smp: u32,
    /// How much memory the machine has [default: 1G; rpi4: always 2G]
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// More words for the kernel's command line
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append: Option<String>,
    /// Add the files of a folder to the initramfs, with their modes and links
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// Boot another initramfs
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,
    /// Boot another arm64 kernel Image
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Start the Raspberry Pi from the image of a card, with nothing but what is on it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["initrd", "kernel"])]
    sd: Option<PathBuf>,
    /// Attach a file as a disk to the virt board (/dev/vda); may be given more than once
    #[arg(long, value_name = "FILE")]
    disk: Vec<PathBuf>,
    /// Attach a file to the virt board as the disk on /data, whose files stay; without the file it is made
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Run a command with sh instead of the prompt, print only its output and exit with its status (101: kernel panic)
    #[arg(long, value_name = "CMD", allow_hyphen_values = true)]
    exec: Option<String>,
    /// Give the machine a screen beside the serial console, in a window where there is a display
    #[arg(long)]
    screen: bool,
    /// Give the machine a screen, and leave a picture of it in this file (PNG) when the machine stops
    #[arg(long, value_name = "FILE")]
    screenshot: Option<PathBuf>,
    /// End the machine after this time and exit with 124
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// QEMU's CPU model on virt
    #[arg(long, value_name = "MODEL", default_value = machine::DEFAULT_CPU)]
    cpu: String,
    /// More properties of QEMU's virt machine, such as gic-version=3,virtualization=on
    #[arg(long, value_name = "PROPERTIES")]
    machine: Option<String>,
}

pub fn run(options: &RunOptions) -> Result<ExitCode> {
    let mut machine = Machine::new(options.board);
    machine.cpus = options.smp;
    machine.set_memory(options.memory.as_deref())?;
    machine.cpu_model.clone_from(&options.cpu);
    machine.properties.clone_from(&options.machine);
    machine.append.extend(options.append.clone());
    if options.screen {
        machine.screen = window::find();
    } else if options.screenshot.is_some() {
        machine.screen = Screen::Hidden;
    }
    if let Some(picture) = &options.screenshot {
        let picture = std::path::absolute(picture)?;
        if !picture.parent().is_some_and(Path::is_dir) {
            bail!("--screenshot: no folder for {}", picture.display());
        }
        machine.picture = Some(picture);
    }
    if let Some(file) = &options.data {
        data::attach(&mut machine, file, options.disk.len())?;
    }
    // QEMU puts what is attached first last.
    for disk in options.disk.iter().rev() {
        machine.add_disk(disk, Attachment::Virtio)?;
    }
    // What the user gave is looked at first: a mistake there need not wait for a build.
    let other_initrd = options.initrd.as_deref().map(initrd::read).transpose()?;
    let mut addition = Archive::new();
    if let Some(folder) = &options.overlay {
        addition.add_tree(folder)?;
    }
    if let Some(kernel) = &options.kernel {
        fs::metadata(kernel).with_context(|| format!("cannot read {}", kernel.display()))?;
    }

    let folder = TemporaryFolder::new("run")?;
    let on_card = match &options.sd {
        Some(card) => Some(card::insert(&mut machine, card, folder.path())?),
        None => None,
    };

    setup::for_board(options.board)?;
    let base = match on_card {
        Some(initramfs) => {
            if options.exec.is_some() {
                // The init that runs the command is not the card's.
                build::initramfs()?;
            }
            initramfs
        }
        None => build_for(options, &mut machine, other_initrd)?,
    };
    if let Some(command) = &options.exec {
        initrd::add_command(&mut addition, command)?;
        if machine.screen != Screen::None {
            initrd::show_output(&mut addition);
        }
        machine
            .append
            .push(format!("rdinit={}", initrd::COMMAND_INIT));
    }
    let initrd = folder.path().join("initrd");
    workspace::write_file(&initrd, &initrd::join(base, addition))?;
    machine.initrd = Some(initrd);

    let limit = options.timeout.map(Duration::from_secs);
    let outcome = match options.exec {
        Some(_) => session::command(&machine, limit, &mut io::stdout())?,
        None => session::interactive(&machine, limit)?,
    };
    io::stdout().flush()?;
    Ok(report(outcome))
}

/// Builds what is to be started. Gives the initramfs: `other` if there is one.
fn build_for(
    options: &RunOptions,
    machine: &mut Machine,
    other: Option<Vec<u8>>,
) -> Result<Vec<u8>> {
    let initramfs = build::initramfs()?;
    build::place_initramfs(options.board, &initramfs)?;
    machine.kernel = Some(match &options.kernel {
        Some(kernel) => kernel.clone(),
        None => build::image(options.board)?,
    });
    Ok(other.unwrap_or(initramfs))
}

/// Says what went wrong with the machine and gives the exit status for it.
fn report(outcome: Outcome) -> ExitCode {
    if let Some(complaint) = outcome.complaint() {
        eprint!("{}", outcome.log());
        eprintln!("xtask: {complaint}");
    }
    ExitCode::from(outcome.status())
}
