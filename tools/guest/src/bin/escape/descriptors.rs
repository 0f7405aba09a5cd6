//! D2 and D14: descriptors that come along with an exec, and that are passed through sockets.

use crate::attack::{ALONE, Class, Result, Role, Scene};
use crate::attempts::Attempts;
use crate::container::{HELPERS, attacker};
use crate::host::PLACE;
use rustix::fs::{Mode, OFlags, open, openat, statat};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept, bind,
    connect, listen, recvmsg, sendmsg, socket_with,
};
use std::fs;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::sleep;
use std::time::Duration;

pub const LEAKED_DESCRIPTOR: Class = Class {
    name: "D2",
    title: "a directory or working directory of the host's left open",
    inside: look_for_leaks,
    outside: leak,
    ..ALONE
};

pub const PASSED_DESCRIPTORS: Class = Class {
    name: "D14",
    title: "directories passed through sockets, and names of sockets",
    inside: receive_directories,
    outside: hand_directories_out,
    ..ALONE
};

/// The attacker that is started with descriptors of the host's.
const LEAKY: usize = HELPERS;

fn look_for_leaks(attempts: &mut Attempts) -> Result<()> {
    let working = rustix::process::getcwd(Vec::new())?;
    attempts.never(
        format!("the working directory is {working:?}"),
        working.to_bytes() != b"/",
    );
    attempts.secret_out_of_reach("at the start");
    for entry in fs::read_dir("/proc/self/fd")? {
        let number: i32 = entry?.file_name().to_string_lossy().parse()?;
        // The directory that is being read is open as well, and goes with the loop.
        if number > 2 {
            let target = fs::read_link(format!("/proc/self/fd/{number}"));
            let own = target.as_ref().is_ok_and(|path| path.ends_with("fd"));
            attempts.never(
                format!("descriptor {number} is open: {target:?}"),
                target.is_ok() && !own,
            );
        }
    }
    for number in 0..64 {
        let path = format!("/proc/self/fd/{number}");
        attempts.refused(
            format!("going to {path}"),
            rustix::process::chdir(path.as_str()),
        );
        attempts.refused(
            format!("a directory at {path}"),
            open(
                path.as_str(),
                OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            ),
        );
    }
    attempts.secret_out_of_reach("at the end");
    Ok(())
}

/// Executes the attacker from a process that is careless with its directories.
fn leak(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    for container in scene.containers {
        let role = Role {
            member: LEAKY,
            members: scene.containers.len(),
            jailed: scene.jailed,
        };
        let command = attacker("D2", &role, scene.canaries);
        let running = container.execute_after(command, scene.jailed, || {
            let flags = OFlags::DIRECTORY;
            for flags in [flags | OFlags::RDONLY, flags | OFlags::PATH] {
                // Without close-on-exec, and never closed here.
                std::mem::forget(open(PLACE, flags, Mode::empty())?);
                std::mem::forget(open("/", flags, Mode::empty())?);
            }
            rustix::process::chdir("/proc/self/fd/7").or_else(|_| rustix::process::chdir(PLACE))?;
            Ok(())
        })?;
        attempts.add(running.finish()?);
    }
    Ok(())
}

/// Where the host gives directories to whoever asks.
const HANDING: &str = "handing";
/// Where one attacker gives the other its root.
const EXCHANGE: &str = "exchange";
/// A name without a file that the host listens at.
const ABSTRACT: &[u8] = b"escape-host";

fn socket() -> Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

fn listener(path: &str) -> Result<OwnedFd> {
    let socket = socket()?;
    let _ = fs::remove_file(path);
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, 8)?;
    Ok(socket)
}

fn connected(path: &str) -> Result<OwnedFd> {
    for _ in 0..500 {
        let socket = socket()?;
        if connect(&socket, &SocketAddrUnix::new(path)?).is_ok() {
            return Ok(socket);
        }
        sleep(Duration::from_millis(10));
    }
    Err(format!("nobody listens at {path}").into())
}

fn pass(socket: &OwnedFd, passed: impl AsFd) -> Result<()> {
    let passed = [passed.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&passed));
    sendmsg(
        socket,
        &[IoSlice::new(b"x")],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(())
}

fn received(socket: &OwnedFd) -> Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            files.extend(passed);
        }
    }
    Ok(files)
}

/// What a received directory leads to.
fn use_directory(attempts: &mut Attempts, directory: &OwnedFd, whose: &str) {
    attempts.never(format!("{whose} directory was received"), true);
    for path in ["..", "../..", "../../tmp", "tmp/escape-host", "etc/motd"] {
        attempts.refused(
            format!("{path} of {whose} directory"),
            openat(
                directory,
                path,
                OFlags::PATH | OFlags::CLOEXEC,
                Mode::empty(),
            ),
        );
    }
}

fn receive_directories(attempts: &mut Attempts) -> Result<()> {
    let host = connected(&format!("/shared/{HANDING}"))?;
    for directory in received(&host)? {
        use_directory(attempts, &directory, "the host's");
    }
    attempts.count += 1;
    attempts.refused(
        "a socket of the host's by its abstract name",
        connect(&socket()?, &SocketAddrUnix::new_abstract_name(ABSTRACT)?),
    );
    let top = open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let own = statat(&top, ".", rustix::fs::AtFlags::empty())?;
    let above = statat(&top, "../..", rustix::fs::AtFlags::empty())?;
    attempts.never(
        "there is something above the root",
        (own.st_dev, own.st_ino) != (above.st_dev, above.st_ino),
    );
    if attempts.role.members < 2 {
        return Ok(());
    }
    let path = format!("/shared/{EXCHANGE}");
    if attempts.role.member == 0 {
        let listener = listener(&path)?;
        for directory in received(&accept(&listener)?)? {
            use_directory(attempts, &directory, "the other container's");
        }
    } else {
        pass(&connected(&path)?, &top)?;
    }
    Ok(())
}

/// Gives every attacker a directory of the host's.
fn hand_directories_out(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let named = socket()?;
    bind(&named, &SocketAddrUnix::new_abstract_name(ABSTRACT)?)?;
    listen(&named, 8)?;
    let place = scene.canaries.place().join("shared").join(HANDING);
    let listener = listener(&place.to_string_lossy())?;
    let mut held = Vec::new();
    for index in 0..scene.attackers.len() {
        let connection = accept(&listener)?;
        let directory = fs::File::open(if index == 0 { "/" } else { PLACE })?;
        attempts.count += 1;
        pass(&connection, &directory)?;
        held.push(connection);
    }
    Ok(())
}
