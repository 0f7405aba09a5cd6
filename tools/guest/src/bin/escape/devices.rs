//! D11 and D12: the host's terminals, and devices.

use crate::attack::{ALONE, Class, Result, Role, Scene};
use crate::attempts::Attempts;
use crate::container::{Container, HELPERS, attacker};
use gantry_abi::user::{arbitrary, calls, fork, process};
use rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mkdirat, mknodat, open};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::pty::unlockpt;
use std::fs;
use std::os::fd::AsRawFd;

pub const TERMINALS: Class = Class {
    name: "D11",
    title: "terminals of the host's",
    inside: reach_for_terminals,
    outside: hand_a_terminal_out,
    ..ALONE
};

pub const DEVICES: Class = Class {
    name: "D12",
    title: "devices",
    prepare: put_nodes_in,
    inside: reach_for_devices,
    outside: show_all_devices,
    ..ALONE
};

/// Where an attacker finds a descriptor of a terminal that is another session's.
const TERMINAL: i32 = 20;
/// The attacker that gets it.
const GIVEN: usize = HELPERS;
/// The attacker that sees every device's node.
const SHOWN: usize = HELPERS + 1;

const STEAL: [(&str, usize, usize); 5] = [
    ("TIOCSTI", 0x5412, 0),
    ("TIOCLINUX", 0x541c, 0),
    ("TIOCSCTTY", 0x540e, 0),
    ("stealing TIOCSCTTY", 0x540e, 1),
    ("TIOCCONS", 0x541d, 0),
];

fn reach_for_terminals(attempts: &mut Attempts) -> Result<()> {
    for path in [
        "/dev/tty",
        "/dev/console",
        "/dev/ttyAMA0",
        "/dev/pts/0",
        "/proc/1/fd/20/..",
    ] {
        attempts.refused(
            format!("opening {path}"),
            open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()),
        );
    }
    if attempts.role.member == GIVEN {
        for (name, request, argument) in STEAL {
            let arguments = [TERMINAL as usize, request, argument, 0, 0, 0];
            attempts.refused(
                format!("{name} on a terminal of the host's"),
                arbitrary::call_as_leader(29, arguments),
            );
        }
    }
    if !attempts.role.jailed {
        // Its own pseudoterminals are others than the host's.
        fs::create_dir_all("/tmp/pts")?;
        mount("devpts", "/tmp/pts", "devpts", MountFlags::empty(), None)?;
        let names = fs::read_dir("/tmp/pts")?.count();
        attempts.never(format!("{names} names in a new devpts"), names != 1);
    }
    Ok(())
}

/// Gives an attacker a terminal that a session of the host's has.
fn hand_a_terminal_out(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let place = scene.canaries.place().join("pts");
    fs::create_dir(&place)?;
    mount("devpts", &place, "devpts", MountFlags::empty(), None)?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = open(place.join("ptmx"), flags, Mode::empty())?;
    unlockpt(&master)?;
    // The first of the instance.
    let path = place.join("0");
    let session = fork(|| {
        let has = rustix::process::setsid().is_ok()
            && open(&path, OFlags::RDWR, Mode::empty()).is_ok_and(|terminal| {
                std::mem::forget(terminal);
                true
            });
        if has {
            loop {
                std::thread::park();
            }
        }
        1
    })?;
    let controlling = || -> Result<bool> {
        let stat = fs::read_to_string(format!("/proc/{session}/stat"))?;
        let fields = stat.rsplit(") ").next().unwrap_or_default();
        Ok(fields.split(' ').nth(4).is_some_and(|number| number != "0"))
    };
    while !controlling()? {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    for container in scene.containers {
        let role = Role {
            member: GIVEN,
            members: scene.containers.len(),
            jailed: scene.jailed,
        };
        let running = container.execute_after(
            attacker("D11", &role, scene.canaries),
            scene.jailed,
            || {
                let terminal = open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
                let copy = rustix::io::fcntl_dupfd_cloexec(&terminal, TERMINAL)?;
                rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::empty())?;
                if copy.as_raw_fd() != TERMINAL {
                    return Err("the descriptor is taken".into());
                }
                std::mem::forget(copy);
                Ok(())
            },
        )?;
        attempts.add(running.finish()?);
    }
    attempts.never("the session lost its terminal", !controlling()?);
    calls::kill(session, 9)?;
    process::wait(session)?;
    drop(master);
    unmount(&place, UnmountFlags::DETACH)?;
    Ok(())
}

/// Numbers of devices that would reach around the container: memory, ports, the log, the console, serial lines, disks.
const NODES: [(&str, FileType, u32, u32); 7] = [
    ("mem", FileType::CharacterDevice, 1, 1),
    ("port", FileType::CharacterDevice, 1, 4),
    ("kmsg", FileType::CharacterDevice, 1, 11),
    ("console", FileType::CharacterDevice, 5, 1),
    ("serial", FileType::CharacterDevice, 204, 64),
    ("ttyS0", FileType::CharacterDevice, 4, 64),
    ("disk", FileType::BlockDevice, 8, 0),
];

/// An image with nodes in it, and a mount without devices.
fn put_nodes_in(container: &Container) -> Result<()> {
    let top = container.top()?;
    mkdirat(&top, "nodes", Mode::from(0o755))?;
    for (name, kind, major, minor) in NODES {
        mknodat(
            &top,
            format!("nodes/{name}").as_str(),
            kind,
            Mode::from(0o666),
            makedev(major, minor),
        )?;
    }
    mkdirat(&top, "all-devices", Mode::from(0o755))?;
    Ok(())
}

fn reach_for_devices(attempts: &mut Attempts) -> Result<()> {
    for (name, kind, major, minor) in NODES {
        let made = mknodat(
            CWD,
            format!("/tmp/{name}").as_str(),
            kind,
            Mode::from(0o666),
            makedev(major, minor),
        );
        attempts.refused(format!("making the node {name}"), made);
        if attempts.role.jailed {
            let path = format!("/nodes/{name}");
            let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            attempts.refused(
                format!("opening {path}"),
                open(path.as_str(), flags, Mode::empty()),
            );
        }
    }
    fs::create_dir_all("/tmp/devices")?;
    let mounted = mount(
        "devtmpfs",
        "/tmp/devices",
        "devtmpfs",
        MountFlags::empty(),
        None,
    );
    attempts.never(
        "a jailed mount of the devices",
        attempts.role.jailed && mounted.is_ok(),
    );
    let mut places = vec!["/tmp/devices"];
    if attempts.role.member == SHOWN {
        places.push("/all-devices");
    }
    for place in places {
        for entry in fs::read_dir(place)? {
            let entry = entry?;
            // Links lead to its own descriptors.
            if entry.file_type()?.is_symlink() {
                continue;
            }
            let path = entry.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let harmless = ["null", "zero", "full", "random", "urandom", "ptmx", "tty"];
            let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
            let opened = open(&path, flags, Mode::empty());
            if !harmless.contains(&name.as_str()) {
                attempts.refused(format!("opening {}", path.display()), opened);
            }
        }
    }
    Ok(())
}

/// A jail holds even where every device has a node.
fn show_all_devices(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    if !scene.jailed {
        return Ok(());
    }
    for container in scene.containers {
        container.mount("devtmpfs", "all-devices")?;
        let role = Role {
            member: SHOWN,
            members: scene.containers.len(),
            jailed: true,
        };
        attempts.add(container.start("D12", &role, scene.canaries)?.finish()?);
    }
    Ok(())
}
