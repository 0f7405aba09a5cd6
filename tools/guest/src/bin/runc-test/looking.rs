//! What is seen of containers from outside: `runc list`, `ps` and `events`.

use crate::Result;
use crate::manager::{IDLE, Manager, until};
use crate::place::Bundle;
use crate::test::{Kind, Test, note};
use std::fs;

pub const TESTS: &[Test] = &[
    Test::common("the_list_has_a_table_and_json", list, "bats list")
    .because("crun calls the first column NAME and lists in no order."),
    Test::own(
        "a_damaged_container_is_listed_as_such",
        damaged,
        "the files that keep a container's state differ",
    ),
    Test::common("processes_are_listed", ps, "bats ps")
    .because("runc passes on what ps prints, and prints null for none. crun lists numbers only, and crashes if there are none."),
    Test::common("events_tell_what_is_used", events, "bats events")
    .because("crun has none. In the emulator runc is so slow that the container has ended before."),
    Test::own(
        "processes_are_listed_as_ps_does",
        ps_options,
        "others run the ps of the host, or take no options (bats ps: -e -x, -o)",
    ),
    Test::own(
        "want_of_memory_is_an_event",
        want_of_memory,
        "others watch control groups (bats events: oom)",
    ),
    Test::own(
        "changes_of_state_are_events",
        changes,
        "others tell of none",
    ),
];

fn ps_options() -> Result<()> {
    let runc = Manager::with_script("ps-options", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    let number = runc.state("a", "pid")?;
    let heading = |words: &[&str]| -> Result<String> {
        let table = runc.output(words)?;
        let first = table.lines().next().unwrap_or_default();
        Ok(first.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    for (options, expected) in [
        (["-e", "-x"], "PID TTY STAT TIME COMMAND"),
        (["-e", "-f"], "UID PID PPID C STIME TTY TIME CMD"),
        (["-o", "stat,nlwp"], "STAT NLWP"),
    ] {
        let found = heading(&[&["ps", "a"], options.as_slice()].concat())?;
        if found != expected {
            return Err(format!("{options:?}: {found}").into());
        }
    }
    runc.expect(
        &["ps", "a", "-o", "pid=,tty=,nice="],
        0,
        &format!("{number}  ?  0\n"),
    )?;
    let json = runc.output(&["ps", "a", "-f", "json"])?;
    if !json.starts_with(&format!("[{number}")) {
        return Err(json.into());
    }
    runc.fails(&["ps", "a", "-o", "age"], 1, "ps has no column age")?;
    runc.fails(
        &["ps", "a", "--forest"],
        1,
        "--forest of ps is not supported",
    )
}

/// Lines that `runc events` has printed so far.
fn lines(runc: &Manager) -> Vec<String> {
    let text = fs::read_to_string(runc.path("events")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn changes() -> Result<()> {
    let runc = Manager::with_script("events-state", IDLE)?;
    runc.does(&["create", "a"])?;
    let watching = |id: &str| {
        let mut command = runc.command(&["events", "--interval", "1000s", id]);
        command
            .stdout(fs::File::create(runc.path("events"))?)
            .spawn()
    };
    let mut events = watching("a")?;
    until("the first figures", || Ok(lines(&runc).len() == 1))?;
    for words in [["start", "a"], ["pause", "a"], ["resume", "a"]] {
        runc.does(&words)?;
    }
    runc.does(&["kill", "a", "KILL"])?;
    if !events.wait()?.success() {
        return Err("events failed".into());
    }
    let told: Vec<String> = lines(&runc).into_iter().skip(1).collect();
    let is_told = told.len() == 4
        && ["running", "paused", "running", "stopped"]
            .iter()
            .zip(&told)
            .all(|(status, line)| {
                line.contains(r#""type":"state""#)
                    && line.contains(r#""id":"a""#)
                    && line.contains(&format!(r#""status":"{status}""#))
            })
        && told
            .last()
            .is_some_and(|line| line.contains(r#""exitSignal":9"#));
    if !is_told {
        return Err(told.join("\n").into());
    }
    // The end is told as well when nobody is left to tell it.
    runc.does(&["run", "-d", "b"])?;
    let mut events = watching("b")?;
    until("the first figures", || Ok(lines(&runc).len() == 1))?;
    let monitor = rustix::process::Pid::from_raw(runc.monitor("b")?).ok_or("no monitor")?;
    rustix::process::kill_process(monitor, rustix::process::Signal::KILL)?;
    events.wait()?;
    match lines(&runc).last() {
        Some(line) if line.contains(r#""exitCode":137"#) => Ok(()),
        line => Err(format!("{line:?}").into()),
    }
}

/// The kernel counts for each list whose processes it kills for want of memory.
fn want_of_memory() -> Result<()> {
    let bundle = Bundle {
        process: r#""/", "oomScoreAdj": 1000"#,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("events-memory", IDLE, &bundle)?;
    fs::copy("/bin/runc-test", runc.path("root/bin/runc-test"))?;
    let other = Manager::with_script("events-other", IDLE)?;
    other.does(&["run", "-d", "a"])?;
    runc.does(&["create", "a"])?;
    let mut events = runc.command(&["events", "--interval", "1000s", "a"]);
    let mut events = events
        .stdout(fs::File::create(runc.path("events"))?)
        .spawn()?;
    until("the first figures", || Ok(lines(&runc).len() == 1))?;
    runc.does(&["start", "a"])?;
    runc.expect(&["exec", "a", "runc-test", "eat-memory"], 137, "")?;
    until("the event", || {
        let told = lines(&runc);
        Ok(told.iter().any(|line| line.contains(r#""type":"oom""#)))
    })?;
    if runc.state("a", "status")? != "running" {
        return Err(runc.output(&["state", "a"])?.into());
    }
    runc.does(&["kill", "a", "KILL"])?;
    runc.becomes("a", "stopped")?;
    events.wait()?;
    if runc.state("a", "oomKilled")? != "true" {
        return Err(runc.output(&["state", "a"])?.into());
    }
    // It was no other container's process.
    other.does(&["kill", "a", "KILL"])?;
    other.becomes("a", "stopped")?;
    match other.state("a", "oomKilled")?.as_str() {
        "" => Ok(()),
        value => Err(format!("the other container: {value}").into()),
    }
}

fn list() -> Result<()> {
    let runc = Manager::with_script("list", IDLE)?;
    runc.does(&["create", "b"])?;
    runc.does(&["run", "-d", "a"])?;
    runc.expect(&["list", "-q"], 0, "a\nb\n")?;
    let table = runc.output(&["list"])?;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    let pid = |id| runc.state(id, "pid");
    let (first, second) = (pid("a")?, pid("b")?);
    let expected = [
        ["ID", "PID", "STATUS"],
        ["a", &first, "running"],
        ["b", &second, "created"],
    ];
    if rows != expected || !table.starts_with("ID") || !table.contains("OWNER\n") {
        note(Kind::Effect, format!("list: prints {table:?}"));
    }
    let json = runc.output(&["list", "-f", "json"])?;
    let json = json.replace([' ', '\n'], "");
    if !json.starts_with("[{") || json.matches(r#""status":""#).count() != 2 {
        return Err(json.into());
    }
    Ok(())
}

fn damaged() -> Result<()> {
    let runc = Manager::with_script("damaged", IDLE)?;
    runc.does(&["create", "a"])?;
    // A damaged folder is said to be one, and the others are listed.
    fs::create_dir(runc.root().join("c"))?;
    fs::write(runc.root().join("c/container.json"), "{")?;
    let outcome = runc.run(&["list", "-q"])?;
    if outcome.status != Some(0)
        || outcome.output != "a\n"
        || !outcome
            .errors
            .contains("warning: c: container.json is damaged")
    {
        return Err(format!("{outcome:?}").into());
    }
    fs::remove_dir_all(runc.root().join("c"))?;
    Ok(())
}

fn ps() -> Result<()> {
    let runc = Manager::with_script("ps", IDLE)?;
    runc.does(&["create", "a"])?;
    runc.does(&["start", "a"])?;
    let number = runc.state("a", "pid")?;
    let table = runc.output(&["ps", "a"])?;
    let mut lines = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = lines.next().unwrap_or_default();
    let column = header.iter().position(|word| *word == "PID");
    let is_it = column.is_some_and(|column| {
        lines.any(|row| row.get(column).is_some_and(|word| **word == number))
    });
    if !is_it || !table.contains(IDLE) {
        note(Kind::Effect, format!("ps a: prints {table:?}"));
    }
    let json = runc.output(&["ps", "-f", "json", "a"])?;
    if !json
        .trim_start_matches(['[', ' ', '\n'])
        .starts_with(&number)
    {
        return Err(json.into());
    }
    runc.does(&["kill", "a", "KILL"])?;
    runc.becomes("a", "stopped")?;
    runc.expect(&["ps", "-f", "json", "a"], 0, "[]\n")
}

fn events() -> Result<()> {
    let runc = Manager::with_script("events", "sleep 1")?;
    runc.does(&["run", "-d", "a"])?;
    let line = runc.output(&["events", "--stats", "a"])?;
    let has = |text: &str| line.contains(text);
    if !has(r#""type":"stats""#) || !has(r#""id":"a""#) || !has(r#""pids":{"current":"#) {
        return Err(line.into());
    }
    let lines = runc.output(&["events", "--interval", "100ms", "a"])?;
    if lines.lines().count() < 3 {
        return Err(lines.into());
    }
    runc.fails(&["events", "a"], 1, "container not running")
}
