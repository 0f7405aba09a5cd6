//! The emulated machine: QEMU's command line.
use crate::setup::packages;
use crate::workspace::Board;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A CPU that has what the kernel can use: PAN, LSE atomics, a 16-bit ASID.
pub const DEFAULT_CPU: &str = "cortex-a76";
/// The number of CPUs and the memory that QEMU's raspi4b always has.
const RASPBERRY_CPUS: u32 = 4;
const RASPBERRY_MEMORY: u64 = 2 << 30;

/// How a disk is connected to the virt board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A virtio device with its registers in memory.
    Virtio,
    /// A virtio device on PCI.
    VirtioPci,
    /// An SD card in the slot of a host controller on PCI, which moves data by itself.
    SdPci,
}

impl Attachment {
    /// QEMU's devices for the drive of this name.
    fn devices(self, drive: &str) -> Vec<String> {
        match self {
            Self::Virtio => vec![format!("virtio-blk-device,drive={drive}")],
            Self::VirtioPci => vec![format!("virtio-blk-pci,drive={drive}")],
            Self::SdPci => vec!["sdhci-pci".to_string(), format!("sd-card,drive={drive}")],
        }
    }
}

/// The size of the Raspberry Pi's display, if we say so; QEMU's own is 640 by 480.
const DISPLAY_SIZE: (u32, u32) = (1024, 768);

/// Whether a machine has a screen. The Raspberry Pi's always has pixels for one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    None,
    /// It has one, but nobody sees it.
    Hidden,
    /// It is shown in a window, by the display of QEMU's that is named.
    Window(&'static str),
}

/// A machine about to be started.
pub struct Machine {
    pub board: Board,
    pub cpus: u32,
    memory: u64,
    pub cpu_model: String,
    pub properties: Option<String>,
    /// The kernel Image; without one, `extra` has to say what is started.
    pub kernel: Option<PathBuf>,
    pub initrd: Option<PathBuf>,
    /// The Raspberry Pi's device tree, if not the distribution's.
    pub device_tree: Option<PathBuf>,
    /// The image of the card in the Raspberry Pi's slot.
    pub card: Option<PathBuf>,
    /// What the kernel's command line begins with, if not the usual words.
    pub given_line: Option<String>,
    /// Words of the kernel's command line beyond the usual ones.
    pub append: Vec<String>,
    pub screen: Screen,
    /// Where a picture of the screen is to be left, in PNG, when the machine stops or its time is up.
    pub picture: Option<PathBuf>,
    /// Count instructions as nanoseconds, one CPU, every run the same.
    pub counted: bool,
    /// More words of QEMU's command line.
    pub extra: Vec<String>,
}

impl Machine {
    pub fn new(board: Board) -> Self {
        Self {
            board,
            cpus: 4,
            memory: 1 << 30,
            cpu_model: DEFAULT_CPU.to_string(),
            properties: None,
            kernel: Some(board.output().join("Image")),
            initrd: Some(board.output().join("initramfs.cpio")),
            device_tree: None,
            card: None,
            given_line: None,
            append: Vec::new(),
            screen: Screen::None,
            picture: None,
            counted: false,
            extra: Vec::new(),
        }
    }

    /// Sets the memory size, given as QEMU takes it: bytes with K, M or G, megabytes without.
    pub fn set_memory(&mut self, size: Option<&str>) -> Result<()> {
        let Some(text) = size else { return Ok(()) };
        let bytes = parse_size(text)
            .with_context(|| format!("--memory {text}: not a size such as 512M or 1G"))?;
        match self.board {
            Board::Virt if bytes < 16 << 20 => {
                bail!("--memory {text}: the virt board needs 16M or more")
            }
            Board::Rpi4 if bytes != RASPBERRY_MEMORY => {
                eprintln!(
                    "xtask: QEMU's raspi4b always has 2G of memory; --memory {text} changes nothing"
                );
            }
            _ => {}
        }
        self.memory = bytes;
        Ok(())
    }

    /// The kernel's command line.
    pub fn command_line(&self) -> String {
        let given = self.given_line.as_deref();
        let mut words = vec![given.unwrap_or("console=ttyAMA0 loglevel=4"), "panic=-1"];
        // It ends QEMU at once, with the screen.
        if self.picture.is_none() {
            words.push("gantry.semihosting");
        }
        let cpus = format!("maxcpus={}", self.cpus);
        if self.board == Board::Rpi4 && self.cpus != RASPBERRY_CPUS {
            words.push(&cpus);
        }
        words.extend(self.append.iter().map(String::as_str));
        words.join(" ")
    }

    /// Attaches a file as a disk; QEMU's name of the drive.
    pub fn add_disk(&mut self, file: &Path, attachment: Attachment) -> Result<String> {
        if self.board != Board::Virt {
            bail!("--disk: only the virt board has disks; rpi4 takes a card with --sd");
        }
        fs::metadata(file).with_context(|| format!("--disk: cannot read {}", file.display()))?;
        let name = format!("disk{}", self.extra.len());
        self.extra.extend([
            "-drive".to_string(),
            format!("if=none,id={name},format=raw,file={}", escape(file)),
        ]);
        for device in attachment.devices(&name) {
            self.extra.extend(["-device".to_string(), device]);
        }
        Ok(name)
    }

    /// QEMU with this machine. Serial port and monitor are still to be connected.
    pub fn qemu(&self) -> Result<Command> {
        let mut qemu = Command::new("qemu-system-aarch64");
        match self.board {
            Board::Virt => {
                let properties = self
                    .properties
                    .as_ref()
                    .map_or_else(String::new, |properties| format!(",{properties}"));
                qemu.args(["-M", &format!("virt{properties}"), "-cpu", &self.cpu_model]);
                qemu.args([
                    "-smp",
                    &self.cpus.to_string(),
                    "-m",
                    &format!("{}M", self.memory >> 20),
                ]);
                if self.screen != Screen::None {
                    qemu.args(["-device", "ramfb"]);
                }
            }
            Board::Rpi4 => {
                let device_tree = match &self.device_tree {
                    Some(file) => file.clone(),
                    None => packages::device_tree()?,
                };
                qemu.args(["-M", "raspi4b", "-dtb"]).arg(device_tree);
                if self.screen != Screen::None {
                    let (width, height) = DISPLAY_SIZE;
                    qemu.args(["-global", &format!("bcm2835-fb.xres={width}")]);
                    qemu.args(["-global", &format!("bcm2835-fb.yres={height}")]);
                }
                if self.has_mini_console() {
                    // The first serial port is the PL011, and ours to connect is the next.
                    qemu.args(["-serial", "null"]);
                }
            }
        }
        let display = match self.screen {
            Screen::Window(display) => display,
            _ => "none",
        };
        // The exit status reaches us by semihosting, which only the kernel may use.
        qemu.args([
            "-display",
            display,
            "-nic",
            "none",
            "-no-reboot",
            "-semihosting-config",
            "enable=on,target=native",
        ]);
        if self.counted {
            qemu.args([
                "-icount",
                "shift=0,sleep=off",
                "-rtc",
                "base=2025-01-01T00:00:00,clock=vm",
                "-seed",
                "1",
            ]);
        }
        if let Some(kernel) = &self.kernel {
            qemu.arg("-kernel")
                .arg(kernel)
                .args(["-append", &self.command_line()]);
        }
        if let Some(initrd) = &self.initrd {
            qemu.arg("-initrd").arg(initrd);
        }
        if let Some(card) = &self.card {
            qemu.args(["-drive", &format!("if=sd,format=raw,file={}", escape(card))]);
        }
        qemu.args(&self.extra);
        Ok(qemu)
    }

    /// Whether the kernel's console is the Raspberry Pi's mini UART: the last one that the command line names counts.
    fn has_mini_console(&self) -> bool {
        self.command_line()
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("console="))
            .next_back()
            .is_some_and(|name| name.starts_with("ttyS"))
    }
}

/// A file's name as QEMU's options take it: a comma ends it unless it is doubled.
fn escape(file: &Path) -> String {
    file.display().to_string().replace(',', ",,")
}

/// A number of bytes, given as QEMU takes it: with K, M or G, megabytes without.
pub fn parse_size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "M" | "MB" | "MIB" => 20,
        "K" | "KB" | "KIB" => 10,
        "G" | "GB" | "GIB" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        assert_eq!(parse_size("1G"), Some(1 << 30));
        assert_eq!(parse_size("512m"), Some(512 << 20));
        assert_eq!(parse_size("64"), Some(64 << 20));
        assert_eq!(parse_size("2048KiB"), Some(2 << 20));
        for bad in ["", "G", "1X", "-1G", "99999999999999999G"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn fewer_cpus_of_a_raspberry_are_asked_of_the_kernel() {
        let mut machine = Machine::new(Board::Rpi4);
        assert!(!machine.command_line().contains("maxcpus"));
        machine.cpus = 1;
        assert!(machine.command_line().contains("maxcpus=1"));
    }

    #[test]
    fn a_command_line_of_a_card_replaces_the_usual_one() {
        let mut machine = Machine::new(Board::Rpi4);
        assert!(!machine.has_mini_console());
        machine.given_line = Some("console=ttyS1,115200".to_string());
        let line = machine.command_line();
        assert_eq!(line, "console=ttyS1,115200 panic=-1 gantry.semihosting");
        assert!(machine.has_mini_console());
        machine.append.push("console=ttyAMA0".to_string());
        assert!(!machine.has_mini_console());
    }
}
