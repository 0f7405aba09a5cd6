//! A running machine and how it ended.
use super::camera::{Camera, Watch};
use super::console::Console;
use super::machine::Machine;
use anyhow::{Context, Result};
use std::borrow::Cow;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The exit status with which the kernel ends QEMU after a panic.
pub const PANIC_STATUS: u8 = 101;
/// The exit status of a run that took too long.
pub const TIMEOUT_STATUS: u8 = 124;
/// How long a kernel that gave up may take to say why and stop.
const PANIC_GRACE: Duration = Duration::from_secs(10);

/// How a machine ended.
pub struct Outcome {
    end: End,
    log: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// It was switched off; the exit status of the command, or 0 at the prompt.
    Finished(u8),
    Panic,
    Timeout,
    /// The command ended, but the time limit passed before the machine switched itself off.
    StaysOn,
    /// It was switched off before the command was done.
    Unfinished,
    /// The output came through incomplete.
    Damaged,
    /// QEMU itself failed.
    Emulator(u8),
}

impl Outcome {
    /// What to exit with.
    pub fn status(&self) -> u8 {
        match self.end {
            End::Finished(status) | End::Emulator(status) => status,
            End::Panic => PANIC_STATUS,
            End::Timeout | End::StaysOn => TIMEOUT_STATUS,
            End::Unfinished | End::Damaged => 1,
        }
    }

    /// What to tell the user beside the status.
    pub fn complaint(&self) -> Option<String> {
        match self.end {
            End::Finished(_) => None,
            End::Panic => Some("the kernel panicked".to_string()),
            End::Timeout => Some("the time limit was reached".to_string()),
            End::StaysOn => Some(
                "the command ended, but the machine did not switch itself off in time".to_string(),
            ),
            End::Unfinished => Some("the machine stopped before the command was done".to_string()),
            End::Damaged => Some("the command's output was damaged on the console".to_string()),
            End::Emulator(status) => {
                Some(format!("qemu-system-aarch64 failed with status {status}"))
            }
        }
    }

    /// What the console said beside the command's output.
    pub fn log(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.log)
    }
}

/// Runs a machine with its console on our terminal.
pub fn interactive(machine: &Machine, limit: Option<Duration>) -> Result<Outcome> {
    let terminal = Terminal::save();
    let mut qemu = machine.qemu()?;
    qemu.args(["-serial", "mon:stdio"]);
    let camera = Camera::place(machine, &mut qemu)?;
    let mut child = Emulator::start(&mut qemu)?;
    let watch = camera.map(Camera::watch);
    let deadline = limit.map(|limit| Instant::now() + limit);
    let status = loop {
        match deadline {
            None => break Some(child.process.wait().context("cannot wait for QEMU")?),
            Some(deadline) => {
                if let Some(status) = child.process.try_wait().context("cannot wait for QEMU")? {
                    break Some(status);
                }
                if Instant::now() >= deadline {
                    break None;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
    };
    let picture = watch.map_or(Ok(()), Watch::finish);
    drop(child);
    terminal.restore();
    picture?;
    let end = match status {
        None => End::Timeout,
        Some(status) => emulator_end(status).unwrap_or(End::Finished(0)),
    };
    Ok(Outcome {
        end,
        log: Vec::new(),
    })
}

/// Runs a machine whose init runs a command, passing the command's output on as it comes.
pub fn command(
    machine: &Machine,
    limit: Option<Duration>,
    output: &mut dyn Write,
) -> Result<Outcome> {
    let mut qemu = machine.qemu()?;
    qemu.args(["-serial", "stdio", "-monitor", "none"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let camera = Camera::place(machine, &mut qemu)?;
    let mut child = Emulator::start(&mut qemu)?;
    let watch = camera.map(Camera::watch);
    let pieces = read_in_background(child.process.stdout.take().context("QEMU has no output")?);
    let mut deadline = limit.map(|limit| Instant::now() + limit);
    let mut console = Console::default();
    let mut panicked = false;
    loop {
        let wait = deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        match receive(&pieces, wait) {
            Ok(piece) => {
                let text = console.feed(&piece);
                output
                    .write_all(&text)
                    .and_then(|()| output.flush())
                    .context("cannot write the output")?;
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let end = match console.status {
                    _ if panicked => End::Panic,
                    Some(_) => End::StaysOn,
                    None => End::Timeout,
                };
                watch.map_or(Ok(()), Watch::finish)?;
                return Ok(Outcome {
                    end,
                    log: console.into_log(),
                });
            }
        }
        if console.panicked && !panicked {
            panicked = true;
            let grace = Instant::now() + PANIC_GRACE;
            deadline = Some(deadline.map_or(grace, |deadline| deadline.min(grace)));
        }
    }
    let status = child.process.wait().context("cannot wait for QEMU")?;
    watch.map_or(Ok(()), Watch::finish)?;
    let end = command_end(&console, status);
    Ok(Outcome {
        end,
        log: console.into_log(),
    })
}

fn command_end(console: &Console, status: ExitStatus) -> End {
    match (emulator_end(status), console.status) {
        _ if console.panicked => End::Panic,
        (Some(end), _) => end,
        (None, _) if console.damaged => End::Damaged,
        (None, Some(status)) => End::Finished(status),
        (None, None) => End::Unfinished,
    }
}

/// What QEMU's exit status says, unless it just ended.
fn emulator_end(status: ExitStatus) -> Option<End> {
    match status.code() {
        Some(0) => None,
        Some(code) if code == i32::from(PANIC_STATUS) => Some(End::Panic),
        Some(code) => Some(End::Emulator(code as u8)),
        None => Some(End::Emulator(1)),
    }
}

fn receive(pieces: &mpsc::Receiver<Vec<u8>>, wait: Duration) -> Result<Vec<u8>, RecvTimeoutError> {
    if wait == Duration::MAX {
        return pieces.recv().map_err(|_| RecvTimeoutError::Disconnected);
    }
    pieces.recv_timeout(wait)
}

fn read_in_background(mut source: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            match source.read(&mut buffer) {
                Ok(count) if count > 0 => {
                    if sender.send(buffer[..count].to_vec()).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    });
    receiver
}

/// A QEMU process that does not outlive the value.
struct Emulator {
    process: Child,
    complaints: Option<thread::JoinHandle<()>>,
}

impl Emulator {
    fn start(qemu: &mut Command) -> Result<Self> {
        let mut process = qemu
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start qemu-system-aarch64")?;
        let complaints = process
            .stderr
            .take()
            .map(|stderr| thread::spawn(move || pass_complaints_on(stderr)));
        Ok(Self {
            process,
            complaints,
        })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // An error means that it ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if let Some(complaints) = self.complaints.take() {
            let _ = complaints.join();
        }
    }
}

/// What QEMU complains of without need: devices that it takes out of the Raspberry Pi's device tree because it does not
/// have them, and a firmware of PCs for the screen that a distribution may leave out.
const NEEDLESS: [&str; 2] = ["bcm2711 dtc:", "vgabios-ramfb.bin"];

/// Passes on what else QEMU complains of.
fn pass_complaints_on(stderr: impl Read) {
    for line in io::BufReader::new(stderr).lines().map_while(Result::ok) {
        if !NEEDLESS.iter().any(|words| line.contains(words)) {
            eprintln!("{line}");
        }
    }
}

/// The settings of our terminal, which QEMU changes and leaves changed when it is killed.
struct Terminal(Option<String>);

impl Terminal {
    fn save() -> Self {
        if !io::stdin().is_terminal() {
            return Self(None);
        }
        let output = Command::new("stty")
            .arg("-g")
            .stdin(Stdio::inherit())
            .output()
            .ok();
        Self(
            output
                .filter(|output| output.status.success())
                .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()),
        )
    }

    fn restore(&self) {
        if let Some(settings) = &self.0 {
            // Nothing is left to try when this fails.
            let _ = Command::new("stty").arg(settings).status();
        }
    }
}
