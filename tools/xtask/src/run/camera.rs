//! Pictures of a machine's screen, taken by QEMU when the machine has stopped or its time is up (QEMU, "QEMU Machine
//! Protocol reference": screendump).
use super::machine::Machine;
use crate::workspace::TemporaryFolder;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long QEMU may take to listen, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to look whether the picture is wanted at once.
const PAUSE: Duration = Duration::from_millis(50);

/// A camera in front of a machine that is about to start.
pub struct Camera {
    folder: TemporaryFolder,
    picture: PathBuf,
}

impl Camera {
    /// A camera if the machine is to be taken a picture of; QEMU then stays when the machine stops.
    pub fn place(machine: &Machine, qemu: &mut Command) -> Result<Option<Self>> {
        let Some(picture) = &machine.picture else {
            return Ok(None);
        };
        let camera = Self {
            folder: TemporaryFolder::new("camera")?,
            picture: std::path::absolute(picture)?,
        };
        let socket = format!("unix:{},server=on,wait=off", camera.socket().display());
        qemu.args(["-no-shutdown", "-qmp", &socket]);
        Ok(Some(camera))
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("qmp")
    }

    /// Waits in the background for the machine to stop, takes the picture and ends QEMU.
    pub fn watch(self) -> Watch {
        let at_once = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let at_once = Arc::clone(&at_once);
            move || self.take_picture(&at_once)
        });
        Watch { at_once, thread }
    }

    fn take_picture(&self, at_once: &AtomicBool) -> Result<()> {
        let mut monitor = Monitor::connect(&self.socket(), at_once)?;
        monitor.execute(json!({"execute": "qmp_capabilities"}))?;
        while !monitor.machine_stopped && !at_once.load(Ordering::Relaxed) {
            match monitor.next()? {
                Some(_) => {}
                None if monitor.closed => bail!("QEMU ended before a picture was taken"),
                None => {}
            }
        }
        let picture = self.picture.display().to_string();
        monitor
            .execute(json!({
                "execute": "screendump",
                "arguments": {"filename": picture, "format": "png"},
            }))
            .with_context(|| format!("cannot take the picture {picture}"))?;
        // It may be gone before it answers.
        let _ = monitor.execute(json!({"execute": "quit"}));
        Ok(())
    }
}

/// A camera at work.
pub struct Watch {
    at_once: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Watch {
    /// Takes the picture now, unless it was taken, and says how that went.
    pub fn finish(self) -> Result<()> {
        self.at_once.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_| anyhow!("the camera failed"))?
    }
}

/// A connection to QEMU: JSON objects, one a line.
struct Monitor {
    stream: UnixStream,
    received: Vec<u8>,
    machine_stopped: bool,
    closed: bool,
}

impl Monitor {
    fn connect(socket: &Path, at_once: &AtomicBool) -> Result<Self> {
        let start = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if start.elapsed() > PATIENCE || at_once.load(Ordering::Relaxed) => {
                    return Err(error).context("cannot reach QEMU's monitor");
                }
                Err(_) => thread::sleep(PAUSE),
            }
        };
        stream.set_read_timeout(Some(PAUSE))?;
        Ok(Self {
            stream,
            received: Vec::new(),
            machine_stopped: false,
            closed: false,
        })
    }

    /// The next object; none within a pause, or when QEMU has closed the connection.
    fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                let object: Value =
                    serde_json::from_slice(&line).context("QEMU's monitor sent no JSON")?;
                self.machine_stopped |= object["event"] == "SHUTDOWN";
                return Ok(Some(object));
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    self.closed = true;
                    return Ok(None);
                }
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(None),
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(error).context("cannot read from QEMU's monitor"),
                },
            }
        }
    }

    /// Lets QEMU do something, and waits until it is done.
    fn execute(&mut self, command: Value) -> Result<()> {
        let line = format!("{command}\n");
        self.stream
            .write_all(line.as_bytes())
            .context("cannot write to QEMU's monitor")?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.closed {
            let Some(object) = self.next()? else { continue };
            if let Some(error) = object.get("error") {
                bail!("{}", error["desc"].as_str().unwrap_or("QEMU refuses"));
            }
            if object.get("return").is_some() {
                return Ok(());
            }
        }
        bail!("QEMU does not answer")
    }
}
