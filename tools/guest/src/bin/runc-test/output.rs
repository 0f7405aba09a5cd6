//! What a container in the background writes: kept, rotated, shown, followed.

use crate::Result;
use crate::manager::{Manager, until};
use crate::test::Test;
use std::fs;
use std::process::Stdio;

pub const TESTS: &[Test] = &[
    Test::own("output_is_kept", kept, "others keep no output"),
    Test::own(
        "logs_are_selected",
        selected,
        "others keep no output (podman logs; podman#16950)",
    ),
    Test::own(
        "logs_are_rotated",
        rotated,
        "others keep no output (podman logs; moby#8911)",
    ),
    Test::own(
        "logs_are_followed",
        followed,
        "others keep no output (podman logs)",
    ),
    Test::own(
        "output_that_is_not_kept_is_said_to_be",
        not_kept,
        "others keep no output",
    ),
    Test::own(
        "attach_shows_and_passes_input",
        attach,
        "others have no attach (podman attach)",
    ),
];

fn kept() -> Result<()> {
    let runc = Manager::with_script("kept", "echo out; echo err >&2; printf part; exit 0")?;
    runc.does(&["run", "-d", "a"])?;
    runc.becomes("a", "stopped")?;
    let outcome = runc.run(&["logs", "a"])?;
    if outcome.output != "out\npart" || outcome.errors != "err\n" {
        return Err(format!("{outcome:?}").into());
    }
    let path = runc.state("a", "logPath")?;
    let text = fs::read_to_string(&path)?;
    let words: Vec<&str> = text.lines().next().unwrap_or_default().split(' ').collect();
    match words.as_slice() {
        [time, "stdout", "F", "out"] if time.ends_with('Z') => Ok(()),
        _ => Err(text.into()),
    }
}

fn selected() -> Result<()> {
    let script = "echo 1; echo 2; sleep 0.3; echo 3";
    let runc = Manager::with_script("selected", script)?;
    runc.does(&["run", "-d", "a"])?;
    runc.becomes("a", "stopped")?;
    runc.expect(&["logs", "--tail", "2", "a"], 0, "2\n3\n")?;
    runc.expect(&["logs", "-n", "0", "a"], 0, "")?;
    runc.expect(&["logs", "-f", "--tail", "1", "a"], 0, "3\n")?;
    let times = runc.output(&["logs", "-t", "a"])?;
    let last = times.lines().last().unwrap_or_default();
    let (time, text) = last.split_once(' ').unwrap_or_default();
    if text != "3" {
        return Err(times.into());
    }
    runc.expect(&["logs", "--since", time, "a"], 0, "3\n")?;
    runc.expect(&["logs", "--until", time, "a"], 0, "1\n2\n")?;
    runc.expect(
        &["logs", "--since", "1h", "--tail", "1", "-f", "a"],
        0,
        "3\n",
    )?;
    runc.fails(
        &["logs", "--since", "yesterday", "a"],
        2,
        "expected a length of time",
    )
}

fn rotated() -> Result<()> {
    let script = "i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i + 1)); done";
    let runc = Manager::with_script("rotated", script)?;
    runc.does(&[
        "run",
        "-d",
        "--log-max-size",
        "1k",
        "--log-max-files",
        "3",
        "a",
    ])?;
    runc.becomes("a", "stopped")?;
    let mut names = Vec::new();
    for entry in fs::read_dir(runc.root().join("a"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("output.log") {
            // A file may be larger by what was read at once.
            if entry.metadata()?.len() > 12 << 10 {
                return Err(format!("{name} has {} bytes", entry.metadata()?.len()).into());
            }
            names.push(name);
        }
    }
    names.sort();
    if names.len() > 3 || !names.contains(&"output.log".to_owned()) {
        return Err(format!("{names:?}").into());
    }
    let shown = runc.output(&["logs", "a"])?;
    let numbers: Vec<usize> = shown
        .lines()
        .filter_map(|line| line.strip_prefix("line ")?.parse().ok())
        .collect();
    let last = numbers.len().min(200);
    if numbers.is_empty() || !numbers.iter().copied().eq(200 - last..200) {
        return Err(format!("{numbers:?}").into());
    }
    Ok(())
}

fn followed() -> Result<()> {
    let script = "echo first; while ! [ -e /go ]; do sleep 0.02; done; echo second; exit 1";
    let runc = Manager::with_script("followed", script)?;
    runc.does(&["run", "-d", "a"])?;
    let following = runc
        .command(&["logs", "--follow", "a"])
        .stdout(Stdio::piped())
        .spawn()?;
    until("the first line", || {
        Ok(runc.output(&["logs", "a"])? == "first\n")
    })?;
    fs::write(runc.path("root/go"), "")?;
    let outcome = following.wait_with_output()?;
    if outcome.status.success() && outcome.stdout == b"first\nsecond\n" {
        Ok(())
    } else {
        Err(format!("{outcome:?}").into())
    }
}

fn not_kept() -> Result<()> {
    let runc = Manager::with_script("not-kept", "sleep 1000")?;
    runc.does(&["create", "a"])?;
    runc.fails(&["logs", "a"], 1, "its output isn't kept")?;
    runc.fails(&["attach", "a"], 125, "its output was passed on")?;
    runc.fails(
        &["create", "-i", "b"],
        1,
        "--interactive takes --output log",
    )
}

fn attach() -> Result<()> {
    let script = "read line; echo got $line; cat; exit 5";
    let runc = Manager::with_script("attach", script)?;
    runc.does(&["create", "--output", "log", "--interactive", "a"])?;
    let mut attached = runc
        .command(&["attach", "a"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    runc.does(&["start", "a"])?;
    let mut input = attached.stdin.take().ok_or("no input")?;
    std::io::Write::write_all(&mut input, b"a line\nmore\n")?;
    drop(input);
    let outcome = attached.wait_with_output()?;
    if outcome.status.code() != Some(5) || outcome.stdout != b"got a line\nmore\n" {
        return Err(format!("{outcome:?}").into());
    }
    runc.expect(&["logs", "a"], 0, "got a line\nmore\n")
}
