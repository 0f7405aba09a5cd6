//! Running the benchmark program on a kernel that counts its instructions.
use super::figures::Figures;
use crate::build::{self, archive::Archive, archive::Entry, guest_program};
use crate::run::machine::{Attachment, Machine};
use crate::run::session::Outcome;
use crate::run::{initrd, session};
use crate::workspace::{self, Board, TemporaryFolder, read_file};
use anyhow::{Result, bail};
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

/// A CPU without extensions that one kernel may use and the other not.
const CPU: &str = "cortex-a72";
const MEMORY_KIB: u64 = 1 << 20;
/// What rows need where the kernel has it: the loopback interface for TCP, control groups for Linux's container runtimes.
const PREPARATION: &str = "{ ifconfig lo 127.0.0.1 up; mkdir /sys; \
    mount -t sysfs sysfs /sys && mount -t cgroup2 cgroup2 /sys/fs/cgroup; \
    for module in /modules/*; do insmod $module && sleep 1; done; } 2>/dev/null;";
/// Bytes of the card that is read and written.
const CARD: u64 = 64 << 20;

/// What is measured, and on what.
pub struct Measurement {
    /// An arm64 kernel Image.
    pub kernel: PathBuf,
    /// More words for its command line.
    pub append: Option<String>,
    /// A folder whose files are added to the initramfs.
    pub overlay: Option<PathBuf>,
    /// Modules of the kernel, to be loaded in this order.
    pub modules: Vec<PathBuf>,
    /// The container runtime, with its global options.
    pub runtime: String,
    /// Rows of the benchmark program; none are all of them, and the way to the first program.
    pub rows: Vec<String>,
    /// How long it may take, in time of this machine.
    pub limit: Duration,
}

impl Measurement {
    /// Takes the figures; the outcome tells whether the machine came to its end.
    pub fn take(&self) -> Result<(Figures, Outcome)> {
        let initramfs = build::initramfs()?;
        let folder = TemporaryFolder::new("bench")?;
        let machine = |append: Option<&str>, initrd: Vec<u8>| -> Result<Machine> {
            let mut machine = Machine::new(Board::Virt);
            machine.cpus = 1;
            machine.cpu_model = CPU.to_string();
            machine.counted = true;
            machine.kernel = Some(self.kernel.clone());
            machine.append.extend(append.map(str::to_string));
            machine.append.extend(self.append.clone());
            let file = folder.path().join("initrd");
            workspace::write_file(&file, &initrd)?;
            machine.initrd = Some(file);
            Ok(machine)
        };

        let mut figures = if self.rows.is_empty() {
            boot(&machine(None, boot_initrd()?)?, self.limit)?
        } else {
            Figures::default()
        };
        let mut addition = Archive::new();
        if let Some(folder) = &self.overlay {
            addition.add_tree(folder)?;
        }
        // In the order in which they need each other.
        for (order, module) in self.modules.iter().enumerate() {
            let name = format!("modules/{order}");
            addition.add_file(&name, 0o644, read_file(module)?);
        }
        let (runtime, rows) = (&self.runtime, self.rows.join(" "));
        let command = format!("{PREPARATION} RUNTIME='{runtime}' exec bench {rows}");
        initrd::add_command(&mut addition, &command)?;
        let init = format!("rdinit={}", initrd::COMMAND_INIT);
        let mut machine = machine(Some(&init), initrd::join(initramfs, addition))?;
        let card = folder.path().join("card");
        File::create(&card)?.set_len(CARD)?;
        machine.add_disk(&card, Attachment::SdPci)?;
        let mut output = Vec::new();
        let outcome = session::command(&machine, Some(self.limit), &mut output)?;
        figures.extend(Figures::parse(&String::from_utf8_lossy(&output)));
        Ok((figures, outcome))
    }
}

/// Measures the way to the first program, which is the benchmark itself and all there is.
fn boot(machine: &Machine, limit: Duration) -> Result<Figures> {
    let outcome = session::command(machine, Some(limit), &mut std::io::sink())?;
    let log = outcome.log();
    let mut figures = Figures::parse(&log);
    let free = log.lines().find_map(|line| {
        line.strip_prefix("free-memory ")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    let Some(free) = free else {
        bail!("the kernel did not start its first program:\n{log}")
    };
    figures.add("boot-memory-KiB", MEMORY_KIB.saturating_sub(free) as f64);
    Ok(figures)
}

fn boot_initrd() -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    archive.add(
        "dev/console",
        Entry::Device {
            mode: 0o600,
            major: 5,
            minor: 1,
        },
    );
    archive.add_file("init", 0o755, read_file(&guest_program("bench")?)?);
    Ok(archive.into_bytes())
}
