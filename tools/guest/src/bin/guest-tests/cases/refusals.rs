//! Statement 59: every allocation that can be refused is, one after the other.
//!
//! `/proc/self/fail-nth` lets the N-th allocation of a thread be refused. One series of rounds refuses those of the
//! process that makes three contexts, fills them and starts a program in them; the other those of the process that
//! becomes that program.

use super::life::{CACHES, Stock};
use crate::check::{Check, ensure, equal, ok};
use crate::child::{Child, End, Gate, run};
use crate::container::{
    add_proc, create, enter_after_exec, script_command, start_command, vfs_root_with_program,
};
use crate::harness::Case;
use gantry_abi::context::ContextType;
use rustix::process::Signal;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

pub const CASES: &[Case] = &[
    Case {
        name: "s59_every_refused_allocation_leaves_nothing",
        test: every_allocation,
    },
    Case {
        name: "a_refused_page_ends_nobody_else",
        test: bystander,
    },
];

/// A series ends when this many allocations weren't needed for the round itself: those after it, of the end of the
/// process, are refused too.
const AFTERWARDS: u32 = 100;

/// No round needs so many.
const MOST: u32 = 20_000;

/// Who is refused an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refused {
    /// Who makes the contexts.
    Maker,
    /// Who enters them and executes a program.
    Program,
}

fn every_allocation() -> Check {
    for refused in [Refused::Maker, Refused::Program] {
        // The first rounds fill caches.
        for _ in 0..20 {
            round(refused, MOST)?;
        }
        let before = Stock::take()?;
        let mut refusals = 0;
        for nth in 1.. {
            ensure("the series ends", nth < MOST)?;
            match round(refused, nth)? {
                Round::Refused => refusals += 1,
                Round::Passed(left) if left > AFTERWARDS => break,
                Round::Passed(_) => {}
            }
        }
        ensure(
            &format!("{refused:?}: only {refusals} rounds were refused anything"),
            refusals > 30,
        )?;
        before.check(CACHES)?;
    }
    Ok(())
}

/// What became of a round.
enum Round {
    /// Something in it failed for want of memory, or the refusal could be done without.
    Refused,
    /// It passed; this many allocations later one would have been refused.
    Passed(u32),
}

/// The number in a file of fail-nth; `None` when its own reading was refused.
fn remaining(fail_nth: &File) -> Option<u32> {
    let mut text = [0; 16];
    let length = fail_nth.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..length])
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn arm(fail_nth: &File, nth: u32) -> Check {
    ok("arm", fail_nth.write_at(nth.to_string().as_bytes(), 0)).map(drop)
}

fn own_fail_nth() -> Check<File> {
    ok(
        "/proc/self/fail-nth",
        File::options()
            .read(true)
            .write(true)
            .open("/proc/self/fail-nth"),
    )
}

/// One container from its making to its end in a child, with one allocation refused.
fn round(refused: Refused, nth: u32) -> Check<Round> {
    let mut child = Child::start(|| {
        let fail_nth = own_fail_nth()?;
        if refused == Refused::Maker {
            arm(&fail_nth, nth)?;
        }
        let left = container(refused, nth)?;
        let left = match refused {
            Refused::Maker => remaining(&fail_nth),
            Refused::Program => left,
        };
        // The allocations of this process's end follow.
        Err(format!("{PASSED}{}", left.unwrap_or(0)))
    })?;
    let mut told = String::new();
    ok("read the report", child.report().read_to_string(&mut told))?;
    let end = child.wait()?;
    if let Some(left) = told.strip_prefix(PASSED) {
        return match left.parse() {
            Ok(0) => Ok(Round::Refused),
            Ok(left) => Ok(Round::Passed(left)),
            Err(_) => Err(format!("a round ended with {told:?}")),
        };
    }
    // What isn't told as an error is a page that a program couldn't get, or its own allocator's complaint.
    let by_signal = [Signal::KILL, Signal::SEGV, Signal::BUS, Signal::ABORT]
        .iter()
        .any(|signal| end == End::Signal(signal.as_raw()));
    let out_of_memory = ["ENOMEM", "os error 12"]
        .iter()
        .any(|text| told.contains(text));
    // The report itself may be what had no room in its pipe.
    let unreported = told.is_empty() && end == End::Status(1);
    ensure(
        &format!("allocation {nth} of the {refused:?} was refused: {told:?}, {end:?}"),
        by_signal || unreported || out_of_memory || told.contains(FAILED),
    )?;
    Ok(Round::Refused)
}

/// Begins the report of a round that passed.
const PASSED: &str = "passed, left: ";
/// In the report of a round whose program didn't come to its end: a program says in its own way that it has no memory.
const FAILED: &str = "the program failed";

/// Makes three contexts and runs a program in them; what is left of the program's countdown.
fn container(refused: Refused, nth: u32) -> Check<Option<u32>> {
    let root = vfs_root_with_program()?;
    add_proc(&root)?;
    let (list, name) = (
        create(ContextType::ProcessList)?,
        create(ContextType::Hostname)?,
    );
    let steps = ["pid", "read:/proc/self/fail-nth"];
    let mut program = script_command(&steps);
    // It complains of what it can't get.
    program.stderr(Stdio::null());
    let outcome = start_command(program, || {
        let fail_nth = own_fail_nth()?;
        if refused == Refused::Program {
            arm(&fail_nth, nth)?;
        }
        for context in [&root, &list, &name] {
            enter_after_exec(context)?;
        }
        Ok(())
    })?
    .finish()?;
    let [pid, left] = &outcome.lines[..] else {
        ensure(
            "the program ended well, and early",
            outcome.end != End::Status(0),
        )?;
        return Err(FAILED.to_owned());
    };
    equal("the program's number", pid.as_str(), "1")?;
    Ok(left.parse().ok())
}

/// Bytes of the process that would be the first to be chosen if memory were short.
const LARGE: usize = 16 << 20;

fn bystander() -> Check {
    let mut gate = Gate::new()?;
    let (read, write) = ok("pipe", rustix::pipe::pipe())?;
    let large = Child::start(|| {
        let memory = std::hint::black_box(vec![1_u8; LARGE]);
        ok("tell", rustix::io::write(&write, b"1"))?;
        gate.wait()?;
        ensure(
            "the memory is as it was",
            memory.iter().all(|&byte| byte == 1),
        )
    })?;
    ok("wait for the large one", rustix::io::read(&read, &mut [0]))?;
    for nth in 1..=4 {
        run(|| {
            let mut memory = std::hint::black_box(vec![0_u8; 1 << 20]);
            arm(&own_fail_nth()?, nth)?;
            for page in memory.chunks_mut(4096) {
                page[0] = 1;
            }
            ensure(
                "every page was had",
                memory.chunks(4096).all(|page| page[0] == 1),
            )
        })?;
    }
    gate.open();
    large.finish()
}
