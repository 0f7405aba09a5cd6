//! QEMU's monitor for programs (QEMU, "QEMU Machine Protocol reference").
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long QEMU may take to listen, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for something that may come.
const PAUSE: Duration = Duration::from_millis(50);

/// The words of QEMU's command line that make it listen at a socket.
pub fn listen(socket: &Path) -> [String; 2] {
    let place = format!("unix:{},server=on,wait=off", socket.display());
    ["-qmp".to_string(), place]
}

/// A connection to QEMU: JSON objects, one a line.
pub struct Monitor {
    stream: UnixStream,
    received: Vec<u8>,
    pub machine_stopped: bool,
    pub closed: bool,
}

impl Monitor {
    /// Connects as soon as QEMU listens, unless it is to be done at once and that fails.
    pub fn connect(socket: &Path, at_once: &AtomicBool) -> Result<Self> {
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
        let mut monitor = Self {
            stream,
            received: Vec::new(),
            machine_stopped: false,
            closed: false,
        };
        monitor.execute(json!({"execute": "qmp_capabilities"}))?;
        Ok(monitor)
    }

    /// The next object; none within a pause, or when QEMU has closed the connection.
    pub fn next(&mut self) -> Result<Option<Value>> {
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
    pub fn execute(&mut self, command: Value) -> Result<()> {
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
