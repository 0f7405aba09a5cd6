//! Containers on terminals of their own.

use crate::Result;
use crate::manager::{IDLE, Manager, until};
use crate::place::Bundle;
use crate::test::Test;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::fs::File;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

pub const TESTS: &[Test] = &[
    Test::common(
        "a_terminal_is_the_containers_own",
        own_terminal,
        "bats tty: ptsname, owner, consolesize; crun test_tty",
    )
    .because("Both copy to a terminal of their caller, and the test has none."),
    Test::common(
        "a_terminal_is_sent_to_a_socket",
        console_socket,
        "bats tty: detached with a console socket; crun test_terminal",
    ),
    Test::common(
        "exec_has_a_terminal_if_asked",
        exec,
        "bats tty: exec ptsname",
    )
    .because("Both copy to a terminal of their caller, and the test has none."),
    Test::own(
        "a_terminal_in_the_background_can_be_attached",
        attach,
        "others have no attach",
    ),
    Test::common(
        "sockets_without_a_use_are_refused",
        refused,
        "bats tty: run, exec with invalid arguments",
    ),
];

const MOUNTS: &str = r#"
    { "destination": "/proc", "type": "proc" },
    { "destination": "/dev", "type": "tmpfs", "options": ["nosuid", "mode=755"] },
    { "destination": "/dev/pts", "type": "devpts",
      "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] }"#;

fn with_terminal(name: &str, script: &str) -> Result<Manager> {
    let process = r#""/", "terminal": true, "consoleSize": { "height": 33, "width": 99 },
        "user": { "uid": 7, "gid": 8 }"#;
    let bundle = Bundle {
        process,
        mounts: MOUNTS,
        ..Bundle::default()
    };
    Manager::with_bundle(name, script, &bundle)
}

fn own_terminal() -> Result<()> {
    let script =
        "tty; stty size; stat -c '%u %g %a' /dev/pts/0; ls -l /dev/console | cut -c 1; exit 3";
    let runc = with_terminal("terminal", script)?;
    runc.expect(&["run", "a"], 3, "/dev/pts/0\r\n33 99\r\n7 5 620\r\nc\r\n")
}

fn console_socket() -> Result<()> {
    let runc = with_terminal("console-socket", "tty; read line; echo got $line")?;
    let listener = UnixListener::bind(runc.bundle().join("socket"))?;
    runc.does(&["create", "--console-socket", "socket", "a"])?;
    let (connection, _) = listener.accept()?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut name = [0; 64];
    recvmsg(
        &connection,
        &mut [IoSliceMut::new(&mut name)],
        &mut beside,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut passed: Vec<OwnedFd> = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            passed.extend(descriptors);
        }
    }
    let mut master = File::from(passed.pop().ok_or("no terminal was sent")?);
    runc.does(&["start", "a"])?;
    master.write_all(b"hello\n")?;
    let mut said = Vec::new();
    // The end of a terminal is an error.
    let _ = master.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said).into_owned();
    if said.contains("/dev/pts/0\r\n") && said.contains("got hello\r\n") {
        Ok(())
    } else {
        Err(said.into())
    }
}

fn exec() -> Result<()> {
    let bundle = Bundle {
        mounts: MOUNTS,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("exec-terminal", IDLE, &bundle)?;
    runc.does(&["run", "-d", "a"])?;
    runc.expect(
        &["exec", "-t", "a", "sh", "-c", "tty; exit 6"],
        6,
        "/dev/pts/0\r\n",
    )?;
    let outcome = runc.run(&["exec", "a", "tty"])?;
    if outcome.status == Some(0) {
        return Err(format!("{outcome:?}").into());
    }
    runc.fails(
        &["exec", "-t", "-d", "a", "tty"],
        125,
        "without setting console socket",
    )
}

fn attach() -> Result<()> {
    let runc = with_terminal("attach-terminal", "read line; echo got $line; exit 4")?;
    runc.does(&["run", "-d", "a"])?;
    let mut attached = runc
        .command(&["attach", "a"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = attached.stdin.take().ok_or("no input")?;
    // Its two keys leave the container alone.
    input.write_all(b"\x10\x11")?;
    if attached.wait()?.code() != Some(0) {
        return Err("it can't be left".into());
    }
    runc.is("a", "running")?;
    let mut attached = runc
        .command(&["attach", "a"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = attached.stdin.take().ok_or("no input")?;
    input.write_all(b"hello\n")?;
    let outcome = attached.wait_with_output()?;
    if outcome.status.code() != Some(4) {
        return Err(format!("{outcome:?}").into());
    }
    until("the log", || {
        Ok(runc.output(&["logs", "a"])?.contains("got hello\r\n"))
    })
}

fn refused() -> Result<()> {
    let runc = Manager::with_script("no-terminal", IDLE)?;
    let message = "cannot use console socket if runc will not detach or allocate tty";
    runc.fails(&["create", "--console-socket", "socket", "a"], 1, message)?;
    runc.fails(&["run", "--console-socket", "socket", "a"], 125, message)?;
    let bundle = Bundle {
        process: r#""/", "terminal": true"#,
        ..Bundle::default()
    };
    runc.place().write_bundle(IDLE, &bundle)?;
    runc.fails(
        &["create", "a"],
        1,
        "a mount of the type devpts on /dev/pts",
    )?;
    let runc = with_terminal("no-socket", IDLE)?;
    runc.fails(
        &["create", "--console-socket", "nowhere", "a"],
        1,
        "no such file",
    )?;
    runc.expect(&["list", "-q"], 0, "")
}
