//! Kills runc with SIGKILL at random points between its start and the life of its container, and looks for
//! anything left behind: a context, a mount, a process.

use crate::Result;
use crate::random::Random;
use crate::test::Test;
use crate::traces::Traces;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[Test::own(
    "killing_runc_leaves_nothing",
    leaves_nothing,
    "layout files; others have no monitor",
)];

const ROUNDS: u64 = 100;
const LAYOUT_FILE: &str = "/tmp/runc-test-kill.json";
/// A container with a tree, mounts, a name and two processes: something to leave behind at every step.
const LAYOUT: &str = r#"{
    "jail": true, "pid-isolation": true, "hostname": "doomed",
    "command": ["/bin/sh", "-c", "sleep 98765 & echo ready; sleep 98765"],
    "layout": [
        { "type": "root_mount", "source": null, "fs_type": "RAMFS" },
        { "type": "directory", "target": "/bin" },
        { "type": "directory", "target": "/proc" },
        { "type": "directory", "target": "/dev" },
        { "type": "directory", "target": "/host" },
        { "type": "copy_custom", "source": "/bin/busybox", "target": "/bin/busybox" },
        { "type": "symlink", "path": "/bin/sh", "target": "busybox" },
        { "type": "symlink", "path": "/bin/sleep", "target": "busybox" },
        { "type": "mount", "source": null, "target": "/proc", "fs_type": "ProcFS" },
        { "type": "mount", "source": null, "target": "/dev", "fs_type": "devtmpfs" },
        { "type": "mount", "source": "/etc", "target": "/host", "fs_type": "bind", "options": ["ro"] }
    ]
}"#;
/// Processes of the container, which may not outlive it.
const MARK: &str = "sleep\u{0}98765";

/// 100 rounds; the seed, which is the process number, is part of every error.
fn leaves_nothing() -> Result<()> {
    let seed = u64::from(std::process::id());
    let mut random = Random::new(seed);
    fs::write(LAYOUT_FILE, LAYOUT)?;
    let before = Traces::find(MARK)?;
    let span = time_until_ready()?;
    before
        .wait_for(MARK)
        .map_err(|left| format!("killed when it was ready: {left}"))?;
    let mut ended = 0;
    for round in 0..ROUNDS {
        // A sixth of the time belongs to the container's own life.
        let delay = span.mul_f64(random.fraction() * 1.2);
        let mut runc = start()?;
        thread::sleep(delay);
        ended += u64::from(runc.try_wait()?.is_some());
        runc.kill()?;
        runc.wait()?;
        before.wait_for(MARK).map_err(|left| {
            format!("round {round} of seed {seed}, killed after {delay:?}: {left}")
        })?;
    }
    fs::remove_file(LAYOUT_FILE)?;
    if ended > 0 {
        return Err(format!("runc ended by itself in {ended} of {ROUNDS} rounds").into());
    }
    Ok(())
}

fn start() -> Result<Child> {
    let mut command = Command::new("/bin/runc");
    command.args(["run", "-f", LAYOUT_FILE, "doomed"]);
    Ok(command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?)
}

/// How long it takes until the container's program runs; runc is killed then.
fn time_until_ready() -> Result<Duration> {
    let start_time = Instant::now();
    let mut runc = start()?;
    let mut line = String::new();
    if let Some(output) = runc.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    let span = start_time.elapsed();
    runc.kill()?;
    runc.wait()?;
    if line.trim() == "ready" {
        Ok(span)
    } else {
        Err("the container doesn't start".into())
    }
}
