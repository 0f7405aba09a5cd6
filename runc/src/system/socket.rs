//! Unix-domain sockets: messages, with descriptors beside them.

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Descriptors beside one message at most.
const DESCRIPTORS: usize = 4;
/// Connections that wait to be accepted; the kernel may allow fewer.
const BACKLOG: i32 = 128;

/// How long nothing is accepted while there is no room for it.
const PAUSE: Duration = Duration::from_millis(20);

/// The address of a socket in a directory. Through the descriptor, since an address has 108 bytes and a path
/// may have more.
fn address(directory: &OwnedFd, name: &str) -> io::Result<SocketAddrUnix> {
    let path = format!("/proc/self/fd/{}/{name}", directory.as_raw_fd());
    Ok(SocketAddrUnix::new(path)?)
}

/// A socket that takes connections, non-blocking, bound to a name in a directory.
pub fn listen(directory: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    net::bind(&socket, &address(directory, name)?)?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// A connection to such a socket; `None`: nobody listens. `WouldBlock`: more connections wait there than it takes.
pub fn connect(directory: &OwnedFd, name: &str) -> io::Result<Option<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    match net::connect(&socket, &address(directory, name)?) {
        Ok(()) => {}
        Err(Errno::NOENT | Errno::CONNREFUSED) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // Only connecting was not to wait.
    ioctl_fionbio(&socket, false)?;
    Ok(Some(socket))
}

/// The number of the process that listens where a connection leads; `None`: it is out of sight.
pub fn peer(connection: impl AsFd) -> io::Result<Option<i32>> {
    let number = sockopt::socket_peercred(connection)?.pid.as_raw_pid();
    Ok((number > 0).then_some(number))
}

/// A stream connection to a socket at a path.
pub fn connect_stream(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// The next connection, non-blocking; `None`: there is none.
pub fn accept(socket: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    match net::accept_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
        Ok(connection) => Ok(Some(connection)),
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
        // It waits on: whoever closes a descriptor or frees memory makes room for it.
        Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => {
            thread::sleep(PAUSE);
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Sends a message with descriptors.
pub fn send(socket: impl AsFd, message: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    net::sendmsg(
        socket,
        &[IoSlice::new(message)],
        &mut beside,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// Receives a message with its descriptors; an empty one: the other side has closed, or is gone.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut slices = [IoSliceMut::new(buffer)];
        match net::recvmsg(&socket, &mut slices, &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Ok((0, Vec::new())),
            result => break result?,
        }
    };
    let mut descriptors = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            descriptors.extend(passed);
        }
    }
    Ok((received.bytes, descriptors))
}
