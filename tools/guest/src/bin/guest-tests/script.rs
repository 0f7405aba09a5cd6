//! What the test program does when it is executed inside a container: a list of steps, each of which prints a line.
//!
//! `guest-tests --do STEP...`; a step is `verb` or `verb:argument`. The result of a step is its value, or the name of
//! its error.

use crate::child;
use gantry_abi::user::Errno;
use gantry_abi::user::calls;
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;

/// The argument that asks for a script.
pub const FLAG: &str = "--do";

/// The arguments that ask to enter the context of a descriptor now, to close that, and to execute a script:
/// `guest-tests --enter-then-do DESCRIPTOR STEP...`.
pub const ENTER_THEN_DO: &str = "--enter-then-do";

/// Enters the context of the first argument's descriptor and executes this program again with the rest as a script.
pub fn enter_then_execute(arguments: &[String]) -> i32 {
    let Some((descriptor, steps)) = arguments.split_first() else {
        return 97;
    };
    if calls::unshare_enter(descriptor.parse().unwrap_or(-1), 1).is_err() {
        return 96;
    }
    let Ok(program) = std::env::current_exe() else {
        return 95;
    };
    let error = std::process::Command::new(program)
        .arg(FLAG)
        .args(steps)
        .exec();
    eprintln!("exec: {error}");
    94
}

/// Carries out the steps; the exit status is 0 whatever they say, or N after `exit:N`.
pub fn run(steps: &[String]) -> i32 {
    for step in steps {
        let (verb, argument) = step.split_once(':').unwrap_or((step, ""));
        if verb == "exit" {
            return argument.parse().unwrap_or(99);
        }
        let result = perform(verb, argument).unwrap_or_else(|error| {
            let number = error.raw_os_error().unwrap_or(0);
            format!("{}", Errno::from_number(number))
        });
        let mut output = std::io::stdout().lock();
        if writeln!(output, "{result}")
            .and_then(|()| output.flush())
            .is_err()
        {
            return 98;
        }
    }
    0
}

type Outcome = std::io::Result<String>;

fn perform(verb: &str, argument: &str) -> Outcome {
    Ok(match verb {
        "cwd" => rustix::process::getcwd(Vec::new())?
            .to_string_lossy()
            .into_owned(),
        "pid" => std::process::id().to_string(),
        "ppid" => rustix::process::getppid()
            .map_or(0, |parent| parent.as_raw_nonzero().get())
            .to_string(),
        "group" => rustix::process::getpgrp()
            .as_raw_nonzero()
            .get()
            .to_string(),
        "host" => {
            String::from_utf8_lossy(rustix::system::uname().nodename().to_bytes()).into_owned()
        }
        "sethost" => done(rustix::system::sethostname(argument.as_bytes()))?,
        "exists" => fs::symlink_metadata(argument).map(|_| "yes".to_owned())?,
        "read" => fs::read_to_string(argument)?.trim_end().replace('\n', "|"),
        "link" => fs::read_link(argument)?.to_string_lossy().into_owned(),
        "write" => fs::write(argument, b"written").map(|()| "done".to_owned())?,
        "list" => list(argument)?,
        "open" => open(argument)?,
        "numbers" => numbers()?,
        "descriptor" => descriptor(argument.parse().unwrap_or(-1))?,
        "children" => children(argument.parse().unwrap_or(0))?,
        "kill" => kill(argument)?,
        "reopen" => done(calls::unshare_reopen(1, argument.parse().unwrap_or(1)).map(drop))?,
        "unshare" => done(calls::unshare_open(argument.parse().unwrap_or(1), 0).map(drop))?,
        "jail" => calls::get_jail().map_err(std::io::Error::from)?.to_string(),
        "users" => users(),
        "capabilities" => capabilities()?,
        "adjust" => done(fs::write("/proc/self/oom_score_adj", argument))?,
        "wait" => wait(argument.parse().unwrap_or(0)),
        "pause" => pause(),
        other => format!("unknown step {other}"),
    })
}

fn done<E>(result: Result<(), E>) -> Outcome
where
    std::io::Error: From<E>,
{
    result?;
    Ok("done".to_owned())
}

fn list(path: &str) -> Outcome {
    let mut names: Vec<String> = fs::read_dir(path)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names.join(" "))
}

/// The processes that /proc shows, by number.
fn numbers() -> Outcome {
    let mut numbers: Vec<u32> = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    Ok(numbers
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join(" "))
}

fn open(path: &str) -> Outcome {
    rustix::fs::open(
        path,
        OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    Ok("done".to_owned())
}

/// Whether a descriptor is open.
fn descriptor(number: i32) -> Outcome {
    let flags = calls::descriptor_flags(number);
    Ok(if flags == Err(Errno::EBADF) {
        "closed"
    } else {
        "open"
    }
    .to_owned())
}

/// Makes children one after the other: each number as fork and as the child itself see it.
fn children(count: u32) -> Outcome {
    let mut seen = Vec::new();
    for _ in 0..count {
        let mut child = child::Child::start(|| Err(format!("{}:{}", std::process::id(), parent())))
            .map_err(std::io::Error::other)?;
        let mut told = String::new();
        std::io::Read::read_to_string(&mut child.report(), &mut told)?;
        seen.push(format!("{}={told}", child.process()));
        child.wait().map_err(std::io::Error::other)?;
    }
    Ok(seen.join(" "))
}

fn parent() -> i32 {
    rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get())
}

/// `kill:PROCESS` tests whether a process can be signalled.
fn kill(argument: &str) -> Outcome {
    let process: i32 = argument.parse().unwrap_or(0);
    let process = rustix::process::Pid::from_raw(process).ok_or(rustix::io::Errno::INVAL)?;
    rustix::process::test_kill_process(process)?;
    Ok("done".to_owned())
}

fn users() -> String {
    let real = rustix::process::getuid().as_raw();
    let effective = rustix::process::geteuid().as_raw();
    format!("{real} {effective}")
}

/// The five sets, as /proc/self/status has them.
fn capabilities() -> Outcome {
    let status = fs::read_to_string("/proc/self/status")?;
    let sets: Vec<&str> = status
        .lines()
        .filter(|line| line.starts_with("Cap"))
        .filter_map(|line| line.split('\t').nth(1))
        .collect();
    Ok(sets.join(" "))
}

fn wait(process: i32) -> String {
    match gantry_abi::user::process::wait(process) {
        Ok(status) => format!("{status:#x}"),
        Err(error) => error.to_string(),
    }
}

/// Waits until somebody kills it. Tells that it does so by the line before.
fn pause() -> String {
    let mut output = std::io::stdout();
    // The reader may have gone.
    let _ = output.write_all(b"pausing\n").and_then(|()| output.flush());
    loop {
        std::thread::park();
    }
}
