//! fork, exec, wait, process groups and sessions.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{Child, End, Gate, run};
use crate::container;
use crate::files::Place;
use crate::harness::Case;
use gantry_abi::user::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpgid, getpgrp, getsid, setpgid, setsid, waitpid,
};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

pub const CASES: &[Case] = &[
    Case {
        name: "fork_copies_memory_and_shares_files",
        test: fork_copies,
    },
    Case {
        name: "wait_reports_exit_codes_and_signals",
        test: wait_reports,
    },
    Case {
        name: "wait_without_children_is_echild",
        test: no_children,
    },
    Case {
        name: "a_stopped_child_is_reported_and_continues",
        test: stop_and_continue,
    },
    Case {
        name: "exec_passes_arguments_and_environment",
        test: exec_passes,
    },
    Case {
        name: "exec_runs_scripts_by_their_first_line",
        test: scripts,
    },
    Case {
        name: "exec_errors",
        test: exec_errors,
    },
    Case {
        name: "exec_closes_what_is_marked_and_keeps_the_rest",
        test: close_on_exec,
    },
    Case {
        name: "process_groups_and_sessions",
        test: groups,
    },
    Case {
        name: "orphans_are_adopted",
        test: orphans,
    },
    Case {
        name: "a_process_descriptor_becomes_readable_at_the_end",
        test: descriptor,
    },
    Case {
        name: "a_thousand_forks",
        test: many_forks,
    },
];

fn fork_copies() -> Check {
    let (read, write) = ok("pipe", rustix::pipe::pipe())?;
    let mut value = 1;
    run(|| {
        value = 2;
        ok("write", rustix::io::write(&write, b"from the child"))?;
        equal("in the child", value, 2)
    })?;
    equal("in the parent", value, 1)?;
    let mut bytes = [0; 32];
    let count = ok("read", rustix::io::read(&read, &mut bytes))?;
    equal(
        "through the shared pipe",
        &bytes[..count],
        b"from the child".as_slice(),
    )
}

fn wait_reports() -> Check {
    for code in [0, 1, 42, 255] {
        let command = Command::new(container::program()?)
            .args(["--do", &format!("exit:{code}")])
            .status();
        equal("exit code", ok("spawn", command)?.code(), Some(code))?;
    }
    let mut gate = Gate::new()?;
    for signal in [Signal::TERM, Signal::KILL, Signal::ABORT, Signal::USR1] {
        let mut child = Child::start(|| gate.wait())?;
        child.signal(signal)?;
        equal("the signal", child.wait()?, End::Signal(signal.as_raw()))?;
    }
    gate.open();
    Ok(())
}

fn no_children() -> Check {
    fails(
        "wait for any",
        waitpid(None, WaitOptions::empty()),
        Errno::ECHILD,
    )?;
    fails(
        "wait for the parent",
        waitpid(rustix::process::getppid(), WaitOptions::NOHANG),
        Errno::ECHILD,
    )
}

fn stop_and_continue() -> Check {
    let mut gate = Gate::new()?;
    let mut child = Child::start(|| gate.wait())?;
    let process = Pid::from_raw(child.process());
    child.signal(Signal::STOP)?;
    let (_, stopped) =
        ok("wait", waitpid(process, WaitOptions::UNTRACED))?.ok_or("nothing to report")?;
    equal(
        "stopped by",
        stopped.stopping_signal(),
        Some(Signal::STOP.as_raw()),
    )?;
    let state = ok(
        "stat",
        fs::read_to_string(format!("/proc/{}/stat", child.process())),
    )?;
    ensure("its state is T", state.contains(") T "))?;
    child.signal(Signal::CONT)?;
    let (_, continued) =
        ok("wait", waitpid(process, WaitOptions::CONTINUED))?.ok_or("nothing to report")?;
    ensure("continued", continued.continued())?;
    gate.open();
    equal("its end", child.wait()?, End::Status(0))
}

fn exec_passes() -> Check {
    let place = Place::new("exec")?;
    place.file("given", "content")?;
    let output = Command::new(container::program()?)
        .args([
            "--do",
            &format!("read:{}", place.at("given")),
            "read:/proc/self/cmdline",
            "read:/proc/self/environ",
        ])
        .env_clear()
        .env("FIRST", "1")
        .env("SECOND", "two words")
        .output();
    let text = String::from_utf8_lossy(&ok("spawn", output)?.stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    equal("the file", lines.first().copied(), Some("content"))?;
    ensure(
        "the arguments",
        lines.get(1).is_some_and(|line| line.contains("\0--do\0")),
    )?;
    equal(
        "the environment",
        lines.get(2).copied(),
        Some("FIRST=1\0SECOND=two words\0"),
    )
}

fn executable(path: &str) -> Check {
    ok(
        "chmod",
        rustix::fs::chmod(path, rustix::fs::Mode::from(0o755)),
    )
}

fn scripts() -> Check {
    let place = Place::new("scripts")?;
    let program = container::program()?;
    let script = place.file("script", &format!("#!{program} --do\n"))?;
    executable(&script)?;
    let output = ok("run the script", Command::new(&script).arg("pid").output())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure(
        "the interpreter got the script's path and the arguments",
        text.starts_with(&format!("unknown step {script}\n")),
    )?;
    let nested = place.file("nested", &format!("#!{script}\n"))?;
    executable(&nested)?;
    let output = ok("run a script of a script", Command::new(&nested).output())?;
    ensure(
        "the nested script's path is passed",
        String::from_utf8_lossy(&output.stdout).contains(&nested),
    )?;
    let endless = place.at("endless");
    place.file("endless", &format!("#!{endless}\n"))?;
    executable(&endless)?;
    fails(
        "a script that is its own interpreter",
        Command::new(&endless).output(),
        Errno::ELOOP,
    )
}

fn exec_errors() -> Check {
    let place = Place::new("exec-errors")?;
    fails(
        "nothing there",
        Command::new(place.at("none")).status(),
        Errno::ENOENT,
    )?;
    let text = place.file("text", "no program")?;
    fails(
        "not executable",
        Command::new(&text).status(),
        Errno::EACCES,
    )?;
    executable(&text)?;
    fails(
        "no known format",
        Command::new(&text).status(),
        Errno::ENOEXEC,
    )?;
    fails(
        "a directory",
        Command::new(place.text()).status(),
        Errno::EACCES,
    )?;
    fails(
        "a file as a directory",
        Command::new(format!("{text}/below")).status(),
        Errno::ENOTDIR,
    )?;
    let broken = place.file("broken", "\x7fELF\x02\x01\x01")?;
    executable(&broken)?;
    fails(
        "a cut-off program",
        Command::new(&broken).status(),
        Errno::ENOEXEC,
    )
}

fn close_on_exec() -> Check {
    let kept = ok("open", fs::File::open("/dev/null"))?;
    ok(
        "clear close-on-exec",
        rustix::io::fcntl_setfd(&kept, rustix::io::FdFlags::empty()),
    )?;
    let closed = ok("open", fs::File::open("/dev/null"))?;
    let steps = [
        format!("descriptor:{}", kept.as_raw_fd()),
        format!("descriptor:{}", closed.as_raw_fd()),
    ];
    let output = Command::new(container::program()?)
        .arg("--do")
        .args(&steps)
        .stdin(Stdio::null())
        .output();
    let text = String::from_utf8_lossy(&ok("spawn", output)?.stdout).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    equal("the unmarked one", lines.first().copied(), Some("open"))?;
    ensure(
        "the marked one",
        lines.get(1).is_some_and(|line| *line != "open"),
    )
}

fn groups() -> Check {
    let own = getpgrp();
    equal(
        "the case leads its session",
        ok("getsid", getsid(None))?,
        own,
    )?;
    let mut gate = Gate::new()?;
    let child = Child::start(|| gate.wait())?;
    let number = Pid::from_raw(child.process());
    equal("a child's group", ok("getpgid", getpgid(number))?, own)?;
    ok("setpgid of a child", setpgid(number, number))?;
    equal(
        "its new group",
        Some(ok("getpgid", getpgid(number))?),
        number,
    )?;
    fails(
        "setpgid into an unknown group",
        setpgid(None, Pid::from_raw(4_000_000)),
        Errno::EPERM,
    )?;
    fails("setsid of a group leader", setsid(), Errno::EPERM)?;
    gate.open();
    child.finish()?;
    run(|| {
        let session = ok("setsid", setsid())?;
        equal(
            "the new session",
            session.as_raw_nonzero().get(),
            std::process::id() as i32,
        )?;
        fails(
            "setpgid of a session's leader",
            setpgid(None, Some(own)),
            Errno::EPERM,
        )
    })
}

fn orphans() -> Check {
    let (read, write) = ok("pipe", rustix::pipe::pipe())?;
    let mut gate = Gate::new()?;
    let mut child = Child::start(|| {
        let parent = rustix::process::getpid();
        let grandchild = Child::start(|| {
            gate.wait()?;
            while rustix::process::getppid() == Some(parent) {
                std::thread::yield_now();
            }
            let adopter =
                rustix::process::getppid().map_or(0, |adopter| adopter.as_raw_nonzero().get());
            ok(
                "write",
                rustix::io::write(&write, &[u8::try_from(adopter).unwrap_or(0)]),
            )
            .map(drop)
        })?;
        std::mem::forget(grandchild);
        Ok(())
    })?;
    equal("the child", child.wait()?, End::Status(0))?;
    gate.open();
    let mut adopter = [0];
    ok("read", rustix::io::read(&read, &mut adopter))?;
    equal("the orphan's parent", adopter, [1])
}

fn descriptor() -> Check {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut gate = Gate::new()?;
    let child = Child::start(|| gate.wait())?;
    let process = Pid::from_raw(child.process()).ok_or("a process number of 0")?;
    let descriptor = ok(
        "pidfd_open",
        rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()),
    )?;
    let mut events = [PollFd::new(&descriptor, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    equal(
        "while it runs",
        ok("poll", poll(&mut events, Some(&now)))?,
        0,
    )?;
    gate.open();
    equal("after its end", ok("poll", poll(&mut events, None))?, 1)?;
    let wanted = rustix::process::WaitId::PidFd(std::os::fd::AsFd::as_fd(&descriptor));
    let status = ok(
        "waitid",
        rustix::process::waitid(wanted, rustix::process::WaitIdOptions::EXITED),
    )?;
    equal(
        "its status",
        status.and_then(|status| status.exit_status()),
        Some(0),
    )?;
    let mut child = child;
    ensure("it is reaped", child.wait().is_err())
}

fn many_forks() -> Check {
    for round in 0..1000 {
        let mut child = Child::start(|| Ok(()))?;
        equal("round", (round, child.wait()?), (round, End::Status(0)))?;
    }
    // exec in between, with many at once.
    let program = container::program()?;
    let mut children = Vec::new();
    for _ in 0..50 {
        let command = Command::new(&program)
            .args(["--do", "exit:7"])
            .stdout(Stdio::null())
            .spawn();
        children.push(ok("spawn", command)?);
    }
    for mut child in children {
        equal("exit code", ok("wait", child.wait())?.code(), Some(7))?;
    }
    let error = Command::new("/no/such/program").exec();
    equal(
        "exec's error",
        error.raw_os_error(),
        Some(Errno::ENOENT.number()),
    )
}
