//! Pseudoterminals (pty(7), ioctl_tty(2)) and devpts.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{Child, End, run};
use crate::container::{create, enter_now};
use crate::files::Place;
use crate::harness::Case;
use gantry_abi::context::ContextType;
use gantry_abi::user::signal::{self, SignalSet};
use gantry_abi::user::{Errno, terminal};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{read, write};
use rustix::mount::{MountFlags, mount, mount_remount};
use rustix::process::{Pid, getpid, setsid};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, ptsname, unlockpt};
use rustix::termios::{
    self, Action, OptionalActions, QueueSelector, Winsize, tcflow, tcflush, tcgetattr, tcgetpgrp,
    tcgetsid, tcgetwinsize, tcsetattr, tcsetpgrp, tcsetwinsize,
};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

pub const CASES: &[Case] = &[
    Case {
        name: "a_pty_carries_bytes_both_ways",
        test: both_ways,
    },
    Case {
        name: "a_slave_opens_by_way_of_its_master",
        test: peer,
    },
    Case {
        name: "each_devpts_is_an_instance_of_its_own",
        test: instances,
    },
    Case {
        name: "a_new_window_size_is_signalled",
        test: window,
    },
    Case {
        name: "a_closed_master_hangs_up",
        test: hang_up,
    },
    Case {
        name: "packet_mode_tells_of_the_slave",
        test: packets,
    },
    Case {
        name: "nobody_types_for_somebody_else",
        test: simulated_input,
    },
    Case {
        name: "a_container_cannot_take_the_hosts_terminal",
        test: theft,
    },
    Case {
        name: "job_control_works_inside_a_process_list",
        test: job_control,
    },
];

/// A second in nanoseconds.
const SECOND: u64 = 1_000_000_000;
const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGWINCH: i32 = 28;

/// A master and its slave, neither a controlling terminal.
fn pair() -> Check<(OwnedFd, OwnedFd)> {
    let master = master()?;
    ok("unlockpt", unlockpt(&master))?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = ok("TIOCGPTPEER", ioctl_tiocgptpeer(&master, flags))?;
    Ok((master, slave))
}

fn master() -> Check<OwnedFd> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    ok("/dev/ptmx", openpt(flags))
}

fn slave_path(master: &OwnedFd) -> Check<String> {
    let name = ok("ptsname", ptsname(master, Vec::new()))?;
    ok("ptsname", name.into_string())
}

fn open_slave(path: &str) -> rustix::io::Result<OwnedFd> {
    open(
        path,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

fn type_in(master: &OwnedFd, text: &str) -> Check {
    equal(
        "bytes written",
        ok("write", write(master, text.as_bytes()))?,
        text.len(),
    )
}

fn take(descriptor: impl AsFd) -> Check<Vec<u8>> {
    let mut bytes = [0; 256];
    let count = ok("read", read(descriptor, &mut bytes[..]))?;
    Ok(bytes.get(..count).unwrap_or_default().to_vec())
}

fn events(descriptor: &OwnedFd) -> Check<PollFlags> {
    let all = PollFlags::IN | PollFlags::OUT | PollFlags::PRI;
    let mut list = [PollFd::new(descriptor, all)];
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    ok("poll", poll(&mut list, Some(&now)))?;
    let [entry] = list;
    Ok(entry.revents())
}

/// Keys reach the slave as they are.
fn make_raw(terminal: &OwnedFd) -> Check {
    let mut settings = ok("tcgetattr", tcgetattr(terminal))?;
    settings.make_raw();
    ok(
        "tcsetattr",
        tcsetattr(terminal, OptionalActions::Now, &settings),
    )
}

fn both_ways() -> Check {
    let master = master()?;
    let path = slave_path(&master)?;
    fails("a locked slave", open_slave(&path), Errno::EIO)?;
    ok("unlockpt", unlockpt(&master))?;
    let slave = ok("open the slave", open_slave(&path))?;
    ensure("it is a terminal", termios::isatty(&slave))?;
    equal(
        "its name",
        ok("ttyname", termios::ttyname(&slave, Vec::new()))?
            .to_string_lossy()
            .into_owned(),
        path.clone(),
    )?;
    type_in(&master, "typed\n")?;
    equal("what was typed", take(&slave)?, b"typed\n".to_vec())?;
    equal("its echo", take(&master)?, b"typed\r\n".to_vec())?;
    ok("write", write(&slave, b"shown\n"))?;
    equal("what is shown", take(&master)?, b"shown\r\n".to_vec())?;
    drop(slave);
    fails("without a slave", take_result(&master), Errno::EIO)?;
    drop(master);
    fails("without a master", fs::metadata(&path), Errno::ENOENT)
}

fn take_result(descriptor: &OwnedFd) -> rustix::io::Result<usize> {
    read(descriptor, &mut [0; 16][..])
}

fn peer() -> Check {
    let master = master()?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    fails("locked", ioctl_tiocgptpeer(&master, flags), Errno::EIO)?;
    ok("unlockpt", unlockpt(&master))?;
    let slave = ok("TIOCGPTPEER", ioctl_tiocgptpeer(&master, flags))?;
    let link = format!("/proc/self/fd/{}", slave.as_raw_fd());
    equal(
        "its path",
        ok("readlink", fs::read_link(&link))?
            .to_string_lossy()
            .into_owned(),
        slave_path(&master)?,
    )?;
    ensure("it is a terminal", termios::isatty(&slave))?;
    make_raw(&slave)?;
    type_in(&master, "x")?;
    equal("what was typed", take(&slave)?, b"x".to_vec())
}

fn instances() -> Check {
    let place = Place::new("devpts")?;
    let mut masters = Vec::new();
    for name in ["a", "b"] {
        let path = place.directory(name)?;
        let options = c"newinstance,mode=620,ptmxmode=666,gid=5,max=2";
        ok(
            "mount",
            mount(
                "devpts",
                path.as_str(),
                "devpts",
                MountFlags::NOSUID | MountFlags::NOEXEC,
                Some(options),
            ),
        )?;
        let ptmx = format!("{path}/ptmx");
        let master = ok("open ptmx", open_slave(&ptmx))?;
        let slave = ok("the slave", fs::metadata(format!("{path}/0")))?;
        equal("its group", slave.gid(), 5)?;
        equal("its mode", slave.permissions().mode() & 0o7777, 0o620)?;
        let second = ok("the second", open_slave(&ptmx))?;
        fails("beyond max", open_slave(&ptmx), Errno::ENOSPC)?;
        drop(second);
        ok("the second again", open_slave(&ptmx)).map(drop)?;
        masters.push(master);
    }
    let table = ok("/proc/self/mounts", fs::read_to_string("/proc/self/mounts"))?;
    let line = format!(
        "devpts {} devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666,max=2 0 0",
        place.at("a")
    );
    ensure(&table, table.contains(&line))?;
    let path = place.at("a");
    fails(
        "an unknown option",
        mount_remount(path.as_str(), MountFlags::empty(), "colour=red"),
        Errno::EINVAL,
    )?;
    ok(
        "remount",
        mount_remount(path.as_str(), MountFlags::empty(), "ptmxmode=600"),
    )?;
    equal(
        "ptmx's mode",
        ok("ptmx", fs::metadata(format!("{path}/ptmx")))?
            .permissions()
            .mode()
            & 0o7777,
        0o600,
    )
}

/// Starts a child that leads a session with the slave as its terminal and then does `work`.
fn session(
    master: &OwnedFd,
    before: impl FnOnce() -> Check,
    work: impl FnOnce(&OwnedFd) -> Check,
) -> Check<Child> {
    let path = slave_path(master)?;
    let slave = ok("open the slave", open_slave(&path))?;
    Child::start(move || {
        before()?;
        ok("setsid", setsid())?;
        ok("TIOCSCTTY", terminal::acquire(slave.as_raw_fd(), false))?;
        work(&slave)
    })
}

fn expect_signal(set: SignalSet, what: &str, number: i32) -> Check {
    let received = ok("sigtimedwait", signal::wait(set, Some(20 * SECOND)))?;
    equal(what, received.map(|received| received.signal), Some(number))
}

fn window() -> Check {
    let (master, _slave) = pair()?;
    let size = Winsize {
        ws_row: 50,
        ws_col: 132,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let child = session(
        &master,
        || Ok(()),
        |slave| {
            let set = SignalSet::EMPTY.with(SIGWINCH);
            ok("block", signal::block(set))?;
            ok("ready", write(slave, b"!"))?;
            expect_signal(set, "after a change", SIGWINCH)?;
            let found = ok("tcgetwinsize", tcgetwinsize(slave))?;
            equal("the size", (found.ws_row, found.ws_col), (50, 132))
        },
    )?;
    equal("the child is ready", take(&master)?, b"!".to_vec())?;
    ok("tcsetwinsize", tcsetwinsize(&master, size))?;
    child.finish()?;
    let found = ok("tcgetwinsize", tcgetwinsize(&master))?;
    equal("the master's size", found.ws_col, 132)
}

fn hang_up() -> Check {
    let (master, slave) = pair()?;
    let set = SignalSet::EMPTY.with(SIGHUP);
    ok("block", signal::block(set))?;
    // Every case leads a session of its own.
    ok("TIOCSCTTY", terminal::acquire(slave.as_raw_fd(), false))?;
    ok(
        "/dev/tty",
        fs::OpenOptions::new().read(true).open("/dev/tty"),
    )?;
    drop(master);
    expect_signal(set, "the session's leader", SIGHUP)?;
    equal("a read", ok("read", take_result(&slave))?, 0)?;
    fails("a write", write(&slave, b"x"), Errno::EIO)?;
    fails(
        "/dev/tty",
        fs::OpenOptions::new().read(true).open("/dev/tty"),
        Errno::ENXIO,
    )?;
    let found = events(&slave)?;
    ensure("poll says hung up", found.contains(PollFlags::HUP))
}

fn packets() -> Check {
    const FLUSH_READ: u8 = 1;
    const FLUSH_WRITE: u8 = 2;
    const STOP: u8 = 4;
    const START: u8 = 8;
    const NO_STOP: u8 = 16;
    let (master, slave) = pair()?;
    ok(
        "TIOCPKT",
        terminal::set_packet_mode(master.as_raw_fd(), true),
    )?;
    ok("write", write(&slave, b"data"))?;
    equal("data", take(&master)?, b"\0data".to_vec())?;
    ok("tcflow", tcflow(&slave, Action::OOff))?;
    ensure(
        "priority",
        events(&master)?.contains(PollFlags::PRI | PollFlags::IN),
    )?;
    equal("stopped", take(&master)?, vec![STOP])?;
    ok("tcflow", tcflow(&slave, Action::OOn))?;
    equal("started", take(&master)?, vec![START])?;
    ok("write", write(&slave, b"lost"))?;
    ok("tcflush", tcflush(&slave, QueueSelector::IOFlush))?;
    equal("flushed", take(&master)?, vec![FLUSH_READ | FLUSH_WRITE])?;
    make_raw(&slave)?;
    equal("no flow keys", take(&master)?, vec![NO_STOP])?;
    ensure("nothing more", !events(&master)?.contains(PollFlags::IN))?;
    ok(
        "TIOCPKT",
        terminal::set_packet_mode(master.as_raw_fd(), false),
    )?;
    ok("write", write(&slave, b"plain"))?;
    equal("without the mode", take(&master)?, b"plain".to_vec())
}

fn simulated_input() -> Check {
    let (master, slave) = pair()?;
    for end in [&master, &slave] {
        fails(
            "TIOCSTI",
            terminal::simulate_input(end.as_raw_fd(), b'x'),
            Errno::EIO,
        )?;
    }
    session(
        &master,
        || Ok(()),
        |slave| {
            fails(
                "TIOCSTI on one's own terminal",
                terminal::simulate_input(slave.as_raw_fd(), b'x'),
                Errno::EIO,
            )
        },
    )?
    .finish()
}

fn theft() -> Check {
    let (master, slave) = pair()?;
    let owner = session(
        &master,
        || Ok(()),
        |slave| {
            ok("ready", write(slave, b"!"))?;
            equal("the last line", take(slave)?, b"over\n".to_vec())
        },
    )?;
    equal("the owner is ready", take(&master)?, b"!".to_vec())?;
    let list = create(ContextType::ProcessList)?;
    run(|| {
        enter_now(&list)?;
        ok("setsid", setsid())?;
        for steal in [false, true] {
            fails(
                "TIOCSCTTY inside",
                terminal::acquire(slave.as_raw_fd(), steal),
                Errno::EPERM,
            )?;
        }
        fails(
            "TIOCVHANGUP inside",
            terminal::hang_up(slave.as_raw_fd()),
            Errno::EPERM,
        )?;
        fails("tcgetpgrp inside", tcgetpgrp(&slave), Errno::ENOTTY)
    })?;
    run(|| {
        ok("setsid", setsid())?;
        fails(
            "without stealing",
            terminal::acquire(slave.as_raw_fd(), false),
            Errno::EPERM,
        )?;
        ok(
            "stealing by the host",
            terminal::acquire(slave.as_raw_fd(), true),
        )?;
        type_in(&master, "over\n")
    })?;
    owner.finish()
}

fn job_control() -> Check {
    let (master, _slave) = pair()?;
    let list = create(ContextType::ProcessList)?;
    let child = session(
        &master,
        || enter_now(&list),
        |slave| {
            equal("its number", std::process::id(), 1)?;
            equal("the session", ok("tcgetsid", tcgetsid(slave))?, getpid())?;
            equal(
                "the foreground",
                ok("tcgetpgrp", tcgetpgrp(slave))?,
                getpid(),
            )?;
            let mut job = Child::start(|| {
                ok(
                    "setpgid",
                    rustix::process::setpgid(None, None).map_err(std::io::Error::from),
                )?;
                loop {
                    std::thread::park();
                }
            })?;
            let group = Pid::from_raw(job.process()).ok_or("a process number of 0")?;
            // Both sides set it, so that neither is too early.
            let _ = rustix::process::setpgid(Some(group), Some(group));
            ok("tcsetpgrp", tcsetpgrp(slave, group))?;
            equal("the foreground", ok("tcgetpgrp", tcgetpgrp(slave))?, group)?;
            ok("ready", write(slave, b"!"))?;
            equal("the job", job.wait()?, End::Signal(SIGINT))
        },
    )?;
    equal("the child is ready", take(&master)?, b"!".to_vec())?;
    let outside = ok("TIOCGPGRP of the master", tcgetpgrp(&master))?;
    ensure(
        "the host's number is another",
        outside.as_raw_nonzero().get() != 2,
    )?;
    let session = ok("TIOCGSID of the master", tcgetsid(&master))?;
    equal(
        "the session",
        session.as_raw_nonzero().get(),
        child.process(),
    )?;
    type_in(&master, "\x03")?;
    child.finish()
}
