//! Containers from layout files.

use crate::Result;
use crate::place::{Place, SYSTEM, expect};
use crate::test::Test;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

pub const TESTS: &[Test] = &[
    Test::own(
        "a_layout_is_what_the_program_sees",
        is_what_the_program_sees,
        "layout files",
    ),
    Test::own(
        "exit_statuses_come_through",
        exit_statuses_come_through,
        "layout files",
    ),
    Test::own(
        "signals_reach_the_program",
        signals_reach_the_program,
        "layout files",
    ),
    Test::own(
        "descriptors_stay_behind",
        descriptors_stay_behind,
        "layout files",
    ),
];

/// The program's processes, name, directory, environment and files are those of the layout.
fn is_what_the_program_sees() -> Result<()> {
    let place = Place::new("layout")?;
    let script = "echo $$ $PPID $(hostname) $(pwd) $HOME; ls /";
    let mut runc = place.layout(SYSTEM)?;
    expect(
        runc.args(["/bin/sh", "-c", script]),
        0,
        "1 0 inside / /\nbin\ndev\nproc\n",
    )
}

/// Exit statuses, signals, and programs that can't be started.
fn exit_statuses_come_through() -> Result<()> {
    let place = Place::new("status")?;
    for (script, status) in [("exit 0", 0), ("exit 42", 42)] {
        expect(place.layout(SYSTEM)?.args(["sh", "-c", script]), status, "")?;
    }
    Ok(())
}

/// A signal to runc is one to the container's first process: it can handle it, or end by it.
fn signals_reach_the_program() -> Result<()> {
    let handling = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done";
    for (script, expected) in [(handling, 9), ("echo ready; exec sleep 100", 128 + 15)] {
        let place = Place::new("signals")?;
        let mut runc = place
            .layout(SYSTEM)?
            .args(["sh", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = runc.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        Command::new("kill").arg(runc.id().to_string()).status()?;
        let status = runc.wait()?.code();
        if (line.as_str(), status) != ("ready\n", Some(expected)) {
            return Err(format!("it said {line:?} and ended with {status:?}").into());
        }
    }
    Ok(())
}

/// A folder of the caller's, open as standard input and as another descriptor, is closed inside.
fn descriptors_stay_behind() -> Result<()> {
    let place = Place::new("descriptors")?;
    let leak = rustix::io::dup(File::open("/")?)?;
    let mut runc = place.layout(SYSTEM)?;
    runc.args([
        "sh",
        "-c",
        "ls /proc/self/fd/0/ /proc/self/fd/9/ 2>/dev/null; ls /proc/$$/fd; true",
    ]);
    let output = runc.stdin(File::open("/")?).output()?;
    drop(leak);
    match String::from_utf8_lossy(&output.stdout).as_ref() {
        "1\n2\n" => Ok(()),
        open => Err(format!("open inside: {open:?}").into()),
    }
}
