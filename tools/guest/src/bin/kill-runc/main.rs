//! Kills runc with SIGKILL at random points between its start and the life of its container, and looks for
//! anything left behind: a context, a mount, a process.
//!
//! `kill-runc [ROUNDS [SEED]]`; 100 rounds by default. Exit status 0: nothing was left after any round.
#![forbid(unsafe_code)]

mod traces;

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};
use traces::Traces;

const LAYOUT_FILE: &str = "/tmp/kill-runc.json";
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
/// How long what is left may take to vanish: processes end in their own time.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);
/// Processes of the container, which may not outlive it.
const MARK: &str = "sleep\u{0}98765";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run() {
        Ok(summary) => {
            println!("kill-runc: {summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("kill-runc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String> {
    let mut numbers = env::args().skip(1).map(|argument| argument.parse::<u64>());
    let rounds = numbers.next().transpose()?.unwrap_or(100);
    let mut random = Random(
        numbers
            .next()
            .transpose()?
            .unwrap_or_else(|| std::process::id().into()),
    );
    fs::write(LAYOUT_FILE, LAYOUT)?;
    let before = Traces::find(MARK)?;
    let span = time_until_ready()?;
    wait_until(&before).map_err(|left| format!("killed when it was ready: {left}"))?;
    let seed = random.0;
    let mut started = 0;
    for round in 0..rounds {
        // A fifth of the time belongs to the container's own life.
        let delay = span.mul_f64(random.fraction() * 1.2);
        let mut runc = start()?;
        thread::sleep(delay);
        started += u64::from(is_running(&mut runc)?);
        runc.kill()?;
        runc.wait()?;
        wait_until(&before).map_err(|left| {
            format!("round {round} of seed {seed}, killed after {delay:?}: {left}")
        })?;
    }
    fs::remove_file(LAYOUT_FILE)?;
    if started < rounds {
        return Err(format!(
            "runc ended by itself in {} of {rounds} rounds",
            rounds - started
        )
        .into());
    }
    Ok(format!(
        "{rounds} rounds within {span:?}, seed {seed}: nothing left behind"
    ))
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

fn is_running(runc: &mut Child) -> Result<bool> {
    Ok(runc.try_wait()?.is_none())
}

/// Waits until everything is as it was; the error says what is not.
fn wait_until(before: &Traces) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = Traces::find(MARK)?;
        if now == *before {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(now.difference(before).into());
        }
        thread::sleep(PAUSE);
    }
}

/// A small generator (SplitMix64): a seed makes a run repeatable.
struct Random(u64);

impl Random {
    /// The next number from 0 up to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}
