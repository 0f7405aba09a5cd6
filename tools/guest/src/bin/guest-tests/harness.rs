//! Running the cases: each in its own process, in its own session, with a time limit.

use crate::check::{Check, ok};
use crate::child::{Child, End};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group, setsid};
use std::fs;
use std::io::Read;

/// A test with its name.
#[derive(Clone, Copy)]
pub struct Case {
    /// The name; statements of the container interface begin with their number.
    pub name: &'static str,
    /// What it does.
    pub test: fn() -> Check,
}

/// No case takes longer than this, in seconds.
const LIMIT: i64 = 300;

/// Runs the cases whose name contains one of `filters`, all without filters. Whether all passed.
pub fn run(cases: &[Case], filters: &[String]) -> bool {
    let chosen = |case: &&Case| {
        filters.is_empty()
            || filters
                .iter()
                .any(|filter| case.name.contains(filter.as_str()))
    };
    let (mut passed, mut failed) = (0, 0);
    for case in cases.iter().filter(chosen) {
        match run_case(case) {
            Ok(()) => {
                println!("ok {}", case.name);
                passed += 1;
            }
            Err(why) => {
                println!("FAILED {}: {}", case.name, why.replace('\n', "; "));
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    failed == 0 && passed > 0
}

fn run_case(case: &Case) -> Check {
    let mut child = Child::start(|| {
        ok("setsid", setsid())?;
        (case.test)()
    })?;
    let group = Pid::from_raw(child.process());
    let limit = Timespec {
        tv_sec: LIMIT,
        tv_nsec: 0,
    };
    let mut events = [PollFd::new(child.report(), PollFlags::IN)];
    let ready = ok("poll", poll(&mut events, Some(&limit)))?;
    let mut why = String::new();
    if ready > 0 {
        let mut report = child.report();
        ok("read the report", report.read_to_string(&mut why))?;
    }
    let end = if ready > 0 {
        Some(child.wait()?)
    } else {
        why = processes_of_session(child.process());
        None
    };
    if let Some(group) = group {
        // What a failed case left running ends here.
        let _ = kill_process_group(group, Signal::KILL);
    }
    match end {
        None => Err(format!("not finished after {LIMIT} seconds: {why}")),
        Some(End::Status(0)) => Ok(()),
        Some(_) if !why.is_empty() => Err(why),
        Some(end) => Err(format!("ended with {end:?}")),
    }
}

/// What the processes of a case are at, to find out why it doesn't end: numbers, names, states and open files.
fn processes_of_session(session: i32) -> String {
    let session = session.to_string();
    let mut found = String::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let directory = entry.path();
        // Number (name) state parent group session …; a process that is gone by now is left out.
        let stat = fs::read_to_string(directory.join("stat")).unwrap_or_default();
        let fields: Vec<&str> = stat.split(' ').collect();
        if fields.get(5) != Some(&session.as_str()) {
            continue;
        }
        found.push_str(&fields[..3].join(" "));
        for descriptor in fs::read_dir(directory.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            let number = descriptor.file_name();
            found.push_str(&format!(" {}={}", number.display(), target.display()));
        }
        found.push('\n');
    }
    found
}
