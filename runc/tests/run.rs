//! A container that shares everything needs no contexts: what runc does around a program shows on any Linux.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A layout file, and beside it a directory for runc's state.
struct Layout(PathBuf);

impl Layout {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("runc-{}-{name}.json", std::process::id()));
        let layout = r#"{ "jail": false, "pid-isolation": false, "hostname": null,
            "command": "true", "layout": [] }"#;
        fs::write(&path, layout).unwrap();
        Self(path)
    }

    fn state(&self) -> PathBuf {
        self.0.with_extension("state")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runc"));
        command
            .arg("--root")
            .arg(self.state())
            .arg("run")
            .arg("-f")
            .arg(&self.0)
            .arg("test")
            .args(words)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }
}

impl Drop for Layout {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_dir_all(self.state());
    }
}

#[test]
fn the_exit_status_comes_through() {
    let layout = Layout::new("status");
    for (script, status) in [
        ("exit 0", 0),
        ("exit 42", 42),
        ("kill -9 $$", 137),
        ("kill $$", 143),
    ] {
        let output = layout.run(&["sh", "-c", script]);
        assert_eq!(output.status.code(), Some(status), "{script}");
        assert_eq!(output.stderr, b"", "{script}");
    }
}

#[test]
fn what_cannot_be_executed_is_said() {
    let layout = Layout::new("missing");
    let cases = [
        (
            "nowhere",
            127,
            "execute nowhere: it is in no directory of the container's PATH",
        ),
        (
            "/no/where",
            127,
            "execute /no/where: it does not exist in the container",
        ),
        ("/etc/passwd", 126, "execute /etc/passwd: permission denied"),
    ];
    for (program, status, message) in cases {
        let output = layout.run(&[program]);
        assert_eq!(output.status.code(), Some(status), "{program}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, format!("runc: run test: {message}\n"));
    }
}

#[test]
fn only_the_standard_descriptors_are_passed() {
    let layout = Layout::new("descriptors");
    // A careless caller leaves a directory open without close-on-exec.
    let open = rustix::io::dup(fs::File::open("/").unwrap()).unwrap();
    let output = layout.run(&["sh", "-c", "ls /proc/$$/fd; :"]);
    drop(open);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "0\n1\n2\n");
}

#[test]
fn signals_reach_the_program() {
    let layout = Layout::new("signals");
    let script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = layout
        .command(&["sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "ready\n");
    kill(child.id(), "TERM");
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "ready\ncaught\n");
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn the_program_does_not_outlive_runc() {
    let layout = Layout::new("killed");
    let mut child = layout
        .command(&["sh", "-c", "echo $$; exec sleep 1000"])
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let process = Path::new("/proc").join(line.trim()).join("cmdline");
    kill(child.id(), "KILL");
    child.wait().unwrap();
    let start = Instant::now();
    while fs::read(&process).is_ok_and(|command| !command.is_empty()) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{line} is still there"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn kill(process: u32, signal: &str) {
    let status = Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn without_contexts_there_is_no_container() {
    let layout = Layout::new("contexts");
    let text = fs::read_to_string(&layout.0).unwrap();
    fs::write(
        &layout.0,
        text.replace("\"pid-isolation\": false", "\"pid-isolation\": true"),
    )
    .unwrap();
    let output = layout.run(&[]);
    assert_eq!(output.status.code(), Some(125));
    let said = String::from_utf8(output.stderr).unwrap();
    let message = "create a process list that dies with runc (this kernel has no contexts): function not implemented";
    assert_eq!(said, format!("runc: run test: {message}\n"));
}
