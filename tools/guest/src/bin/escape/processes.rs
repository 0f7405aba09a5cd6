//! D1 and D9: processes that should not be seen, and numbers that could be taken for somebody else's.

use crate::attack::{ALONE, Class, Result, Scene};
use crate::attempts::Attempts;
use crate::container::{HELPERS, INSIDE, write_file};
use gantry_abi::user::{arbitrary, calls, fork, process};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

pub const VISIBLE_RUNTIME: Class = Class {
    name: "D1",
    title: "a runtime's process or program reachable from inside",
    prepare: |container| {
        write_file(
            &container.top()?,
            "bin/entry",
            b"#!/proc/self/exe --inside\n",
            0o755,
        )
    },
    inside: scan,
    outside: execute_again,
    ..ALONE
};

pub const REUSED_IDENTITY: Class = Class {
    name: "D9",
    title: "a number that means another process or context by now",
    inside: forge,
    ..ALONE
};

/// How often an attacker looks at /proc.
const SCANS: u32 = 150;
/// What is said of a process list that can't be entered any more (EAGAIN).
const ENDED: &str = "(os error 11)";

/// Looks for processes that are not the container's while the host executes programs in it.
fn scan(attempts: &mut Attempts) -> Result<()> {
    let own = fs::metadata("/bin/escape")?;
    for _ in 0..SCANS {
        for entry in fs::read_dir("/proc")? {
            let Ok(number) = entry?.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let program = format!("/proc/{number}/exe");
            let other = fs::metadata(&program)
                .is_ok_and(|found| (found.dev(), found.ino()) != (own.dev(), own.ino()));
            attempts.never(format!("{program} is not the container's"), other);
            for flags in [OFlags::WRONLY, OFlags::RDWR, OFlags::RDONLY | OFlags::TRUNC] {
                let opened = open(program.as_str(), flags | OFlags::CLOEXEC, Mode::empty());
                attempts.refused(format!("opening {program} for writing"), opened);
            }
            let outside = fs::metadata(format!("/proc/{number}/root/etc/motd")).is_ok()
                || fs::metadata(format!("/proc/{number}/cwd/etc/motd")).is_ok();
            attempts.never(format!("the host's files through /proc/{number}"), outside);
        }
    }
    attempts.process_out_of_sight("/proc");
    // ptrace(PTRACE_ATTACH), process_vm_readv, process_vm_writev, pidfd_getfd.
    for call in [117, 270, 271, 438] {
        for number in [attempts.host_process as usize, 2] {
            let arguments = [if call == 117 { 16 } else { number }, number, 0, 0, 0, 0];
            attempts.refused(
                format!("call {call} on process {number}"),
                arbitrary::call_apart(call, arguments),
            );
        }
    }
    Ok(())
}

/// Executes programs in the containers while they are watched, also by the name of the program that the caller runs.
fn execute_again(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    for round in 0..20 {
        for container in scene.containers {
            let program = [
                "/bin/escape",
                "/bin/entry",
                "/proc/self/exe",
                "/proc/thread-self/exe",
            ][round % 4];
            let mut command = Command::new(program);
            // As the class and number of a helper, which ends at once; a script has its own path for the class.
            if program != "/bin/entry" {
                command.args([INSIDE, "nothing"]);
            }
            command.arg(HELPERS.to_string());
            let text = container.execute(command, scene.jailed)?.text()?;
            let ran = text.contains("attempts:");
            // The watcher has looked often enough and ended, and its process list with it.
            if !ran && round > 0 && text.contains(ENDED) {
                return Ok(());
            }
            match round % 4 {
                0 if !ran => return Err(format!("a program did not run: {text}").into()),
                0 => attempts.count += 1,
                _ => attempts.never(format!("the host's program ran inside as {program}"), ran),
            }
        }
    }
    Ok(())
}

/// Tries numbers of contexts and processes that it was never given.
fn forge(attempts: &mut Attempts) -> Result<()> {
    for id in 1..=100 {
        for context_type in 1..=3 {
            attempts.refused(
                format!("reopening context {id} of type {context_type}"),
                calls::unshare_reopen(context_type, id),
            );
        }
    }
    for descriptor in 0..256 {
        attempts.refused(
            format!("entering descriptor {descriptor}"),
            calls::unshare_enter(descriptor, 1),
        );
    }
    // Whatever has this number here: the host's process has to live.
    let _ = calls::kill(attempts.host_process, 9);
    // A descriptor of a process that is gone doesn't mean the next one, whatever its number.
    for _ in 0..50 {
        let child = fork(|| 0)?;
        let number = Pid::from_raw(child).ok_or("a process number of 0")?;
        let descriptor = pidfd_open(number, PidfdFlags::empty())?;
        process::wait(child)?;
        let next = fork(|| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            0
        })?;
        attempts.refused(
            "a signal to a process that is gone",
            pidfd_send_signal(&descriptor, Signal::KILL),
        );
        attempts.never("the signal reached another", process::wait(next)? != 0);
    }
    Ok(())
}
