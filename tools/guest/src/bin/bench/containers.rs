//! Containers: what a runtime with the command line of OCI runtimes takes for them.
//!
//! The runtime is `runc`, or the words of the environment variable `RUNTIME` (`crun --cgroup-manager=disabled`). The
//! containers have a process list, a file tree and a host name of their own, /proc, /dev, and BusyBox as their only program.
use crate::meter;
use rustix::system::sysinfo;
use std::cell::Cell;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

const RUNTIME: &str = "RUNTIME";
const BUSYBOX: &str = "/bin/busybox";
/// Below [`crate::files::FOLDER`], as everything that the benchmark makes.
const FOLDER: &str = "/tmp/bench/containers";
const ROUNDS: u32 = 5;
/// How many idle containers there are when memory is looked at.
const IDLE: u32 = 200;
/// How long kernels may take for what they put off, such as freeing memory.
const SETTLING: Duration = Duration::from_secs(1);

/// A container that runs `true`, from nothing to nothing.
pub fn run() -> io::Result<f64> {
    let bundle = bundle("true", r#"["/bin/busybox", "true"]"#)?;
    meter::repeat(ROUNDS, || {
        call(&["run", "--no-pivot", "--bundle", &bundle, "bench"])
    })
}

/// The four steps of a container's life that a manager takes.
pub fn life() -> io::Result<f64> {
    let bundle = idle_bundle()?;
    meter::repeat(ROUNDS, || {
        call(&["create", "--no-pivot", "--bundle", &bundle, "bench"])?;
        call(&["start", "bench"])?;
        call(&["kill", "bench", "KILL"])?;
        call(&["delete", "--force", "bench"])
    })
}

/// `true` in a container that is there already.
pub fn execute() -> io::Result<f64> {
    let bundle = idle_bundle()?;
    start(&bundle, "bench")?;
    let figure = meter::repeat(ROUNDS, || call(&["exec", "bench", BUSYBOX, "true"]));
    call(&["delete", "--force", "bench"])?;
    figure
}

/// What a container is doing.
pub fn state() -> io::Result<f64> {
    let bundle = idle_bundle()?;
    start(&bundle, "bench")?;
    let figure = meter::repeat(ROUNDS, || call(&["state", "bench"]));
    call(&["delete", "--force", "bench"])?;
    figure
}

/// Memory that an idle container takes, in KiB, beyond what the first one needed.
pub fn idle_memory() -> io::Result<f64> {
    let bundle = idle_bundle()?;
    let started = Cell::new(0);
    let more = |count: u32| {
        (0..count).try_for_each(|_| {
            started.set(started.get() + 1);
            start(&bundle, &format!("bench-{}", started.get()))
        })
    };
    let figure = more(1).and_then(|()| {
        let before = free_kibibytes();
        more(IDLE)?;
        Ok((before - free_kibibytes()) / f64::from(IDLE))
    });
    (1..=started.get())
        .try_for_each(|number| call(&["delete", "--force", &format!("bench-{number}")]))?;
    figure
}

fn free_kibibytes() -> f64 {
    thread::sleep(SETTLING);
    let memory = sysinfo();
    memory.freeram as f64 * f64::from(memory.mem_unit) / 1024.0
}

fn start(bundle: &str, name: &str) -> io::Result<()> {
    call(&["run", "--no-pivot", "--detach", "--bundle", bundle, name])
}

/// Runs the runtime, which has to succeed.
fn call(arguments: &[&str]) -> io::Result<()> {
    let runtime = std::env::var(RUNTIME).unwrap_or_else(|_| "runc".to_string());
    let mut words = runtime.split_whitespace();
    let program = words.next().unwrap_or("runc");
    // Not a pipe: a container that goes on would hold it open.
    let status = Command::new(program)
        .args(words)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        return Ok(());
    }
    let step = arguments.first().unwrap_or(&"");
    Err(io::Error::other(format!("{program} {step}: {status}")))
}

fn idle_bundle() -> io::Result<String> {
    bundle("idle", r#"["/bin/busybox", "sleep", "1000000"]"#)
}

/// Makes a bundle whose process has these arguments.
fn bundle(name: &str, arguments: &str) -> io::Result<String> {
    let folder = Path::new(FOLDER).join(name);
    for part in ["root/bin", "root/proc", "root/dev"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::copy(
        BUSYBOX,
        folder.join("root").join(BUSYBOX.trim_start_matches('/')),
    )?;
    let configuration = format!(
        r#"{{ "ociVersion": "1.0.0", "root": {{ "path": "root" }}, "hostname": "bench",
            "process": {{ "args": {arguments}, "cwd": "/", "env": ["PATH=/bin"], "user": {{ "uid": 0, "gid": 0 }} }},
            "mounts": [{{ "destination": "/proc", "type": "proc", "source": "proc" }},
                {{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }}],
            "linux": {{ "namespaces": [{{ "type": "pid" }}, {{ "type": "mount" }}, {{ "type": "uts" }}] }} }}"#
    );
    fs::write(folder.join("config.json"), configuration)?;
    Ok(folder.display().to_string())
}
