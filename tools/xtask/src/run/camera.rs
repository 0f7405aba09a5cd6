//! Pictures of a machine's screen, taken by QEMU when the machine has stopped or its time is up.
use super::machine::Machine;
use super::monitor::{self, Monitor};
use crate::workspace::TemporaryFolder;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::json;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

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
        qemu.arg("-no-shutdown")
            .args(monitor::listen(&camera.socket()));
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
        while !monitor.machine_stopped && !at_once.load(Ordering::Relaxed) {
            match monitor.next()? {
                Some(_) => {}
                None if monitor.closed => bail!("QEMU ended before a picture was taken"),
                None => {}
            }
        }
        let picture = self.picture.display().to_string();
        let taken = monitor
            .execute(json!({
                "execute": "screendump",
                "arguments": {"filename": picture, "format": "png"},
            }))
            .with_context(|| format!("cannot take the picture {picture}"));
        // Whoever runs the machine waits for its end. It may be gone before it answers.
        let _ = monitor.execute(json!({"execute": "quit"}));
        taken
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
