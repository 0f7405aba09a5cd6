//! The calls on sockets, but for messages and options.

use alloc::sync::Arc;

use hal::user::{self, UserAddr};
use linux_raw_sys::general::{O_CLOEXEC, O_NONBLOCK};

use super::address::{AF_UNIX, Address};
use super::control::Sender;
use super::file::{self, socket_of};
use super::message;
use super::names::{self, Name};
use super::unix::{Endpoint, SocketKind, UnixSocket};
use crate::context::Context;
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::namespace::{self, Creation};
use crate::vfs::permission;
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{Destination, FileKind, OpenFlags, Source, View};

pub(super) const MSG_PEEK: u32 = 2;
pub(super) const MSG_CTRUNC: u32 = 8;
pub(super) const MSG_TRUNC: u32 = 0x20;
pub(super) const MSG_DONTWAIT: u32 = 0x40;
pub(super) const MSG_WAITALL: u32 = 0x100;
pub(super) const MSG_NOSIGNAL: u32 = 0x4000;
pub(super) const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;
const MSG_OOB: u32 = 1;

/// The caller, as peers see it.
pub(super) fn sender_of(current: &Current) -> Sender {
    current.with_credentials(|credentials| Sender {
        host_pid: current.process().host_pid(),
        uid: credentials.euid,
        gid: credentials.egid,
    })
}

/// The kind and flags of socket(2) and socketpair(2).
fn kind_of(domain: i32, kind: u32, protocol: i32) -> Result<(SocketKind, OpenFlags, bool)> {
    if domain != i32::from(AF_UNIX) {
        return Err(Errno::EAFNOSUPPORT);
    }
    if kind & !(0xf | O_NONBLOCK | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let parsed = match kind & 0xf {
        1 => SocketKind::Stream,
        // Linux makes datagram sockets of SOCK_RAW.
        2 | 3 => SocketKind::Datagram,
        5 => SocketKind::SequencedPacket,
        _ => return Err(Errno::ESOCKTNOSUPPORT),
    };
    if protocol != 0 && protocol != i32::from(AF_UNIX) {
        return Err(Errno::EPROTONOSUPPORT);
    }
    let mut flags = OpenFlags::empty();
    flags.set(OpenFlags::NON_BLOCKING, kind & O_NONBLOCK != 0);
    Ok((parsed, flags, kind & O_CLOEXEC != 0))
}

/// socket(2).
pub fn socket(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (kind, flags, close_on_exec) =
        kind_of(arguments.int(0), arguments.u32(1), arguments.int(2))?;
    hal::frame::headroom()?;
    let socket = UnixSocket::new(kind, sender_of(current));
    current.install_file(file::open(socket, flags), close_on_exec)
}

/// socketpair(2).
pub fn socketpair(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (kind, flags, close_on_exec) =
        kind_of(arguments.int(0), arguments.u32(1), arguments.int(2))?;
    hal::frame::headroom()?;
    let (one, other) = UnixSocket::pair(kind, sender_of(current));
    let (one, other) = (file::open(one, flags), file::open(other, flags));
    let files = current.files();
    let pair = files.install_pair(one, other, close_on_exec, current.descriptor_limit())?;
    if let Err(fault) = user::write_value(UserAddr(arguments.u64(3)), &[pair.0, pair.1]) {
        let _ = (files.close(pair.0), files.close(pair.1));
        return Err(fault.into());
    }
    Ok(0)
}

/// The VFS root context whose abstract names the caller sees.
fn name_space(current: &Current) -> u64 {
    current
        .process()
        .contexts()
        .vfs_root()
        .map_or(0, |context| context.life().id())
}

/// Runs with the caller's view of the file system.
fn with_view<R>(current: &Current, run: impl FnOnce(&View<'_>) -> Result<R>) -> Result<R> {
    let (fs, credentials) = (current.fs(), current.credentials());
    run(&View {
        fs: &fs,
        credentials: &credentials,
    })
}

/// bind(2).
pub fn bind(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    let socket = socket_of(&open)?;
    let address = Address::read(UserAddr(arguments.u64(1)), arguments.int(2) as usize)?;
    // A path is tried first even then, so that the error is about the path, as on Linux.
    if socket.is_bound() && !matches!(address, Address::Path(_)) {
        return Err(Errno::EINVAL);
    }
    let (name, inode, address) = match address {
        Address::Unnamed => {
            let context = name_space(current);
            let digits = names::enter_any(context, socket)?;
            (
                Name::Abstract(context, digits.clone()),
                None,
                Address::Abstract(digits),
            )
        }
        Address::Abstract(bytes) => {
            let name = Name::Abstract(name_space(current), bytes.clone());
            names::enter(name.clone(), socket)?;
            (name, None, Address::Abstract(bytes))
        }
        Address::Path(path) => {
            let place = with_view(current, |view| {
                let parent = walk::resolve_parent(view, None, &path, WalkFlags::empty())?;
                let creation = Creation::plain(FileKind::Socket, 0o777);
                namespace::create(view, &parent, &creation).map_err(|error| match error {
                    Errno::EEXIST => Errno::EADDRINUSE,
                    other => other,
                })
            })?;
            let inode = place.inode().clone();
            let name = Name::File(Arc::as_ptr(&inode) as usize);
            names::enter(name.clone(), socket)?;
            (name, Some(inode), Address::Path(path))
        }
    };
    if let Err(error) = socket.bind(name.clone(), inode, address) {
        names::remove(&name);
        return Err(error);
    }
    Ok(0)
}

/// The socket bound to an address, which the caller may write to.
fn find(current: &Current, address: &Address) -> Result<Arc<UnixSocket>> {
    match address {
        Address::Unnamed => Err(Errno::EINVAL),
        Address::Abstract(bytes) => {
            names::find(&Name::Abstract(name_space(current), bytes.clone()))
        }
        Address::Path(path) => with_view(current, |view| {
            let place = walk::resolve(view, None, path, WalkFlags::FOLLOW)?;
            permission::check(place.inode(), view.credentials, permission::WRITE)?;
            if place.inode().kind() != FileKind::Socket {
                return Err(Errno::ECONNREFUSED);
            }
            names::find(&Name::File(Arc::as_ptr(place.inode()) as usize))
        }),
    }
}

/// listen(2).
pub fn listen(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    // A negative backlog counts as a huge one, as on Linux.
    socket_of(&open)?.listen(arguments.u32(1) as usize)?;
    Ok(0)
}

/// connect(2).
pub fn connect(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    let socket = socket_of(&open)?;
    let (address, length) = (UserAddr(arguments.u64(1)), arguments.int(2));
    if length as usize >= 2
        && user::read_value::<u16>(address)? == 0
        && !socket.kind().is_connected_kind()
    {
        socket.disconnect();
        return Ok(0);
    }
    let target = find(current, &Address::read(address, length as usize)?)?;
    socket.connect(&target, !open.is_non_blocking())?;
    Ok(0)
}

/// accept(2).
pub fn accept(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    take_connection(current, arguments, 0)
}

/// accept4(2).
pub fn accept4(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    take_connection(current, arguments, arguments.u32(3))
}

fn take_connection(current: &Current, arguments: &Arguments, flags: u32) -> Result<usize> {
    if flags & !(O_NONBLOCK | O_CLOEXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    let open = current.file(arguments.fd(0))?;
    let socket = socket_of(&open)?;
    if !socket.kind().is_connected_kind() {
        return Err(Errno::EOPNOTSUPP);
    }
    let connection = socket.accept(!open.is_non_blocking())?;
    if arguments.u64(1) != 0 {
        let name = connection
            .peer()
            .map(|peer| peer.name())
            .unwrap_or_default();
        name.write(UserAddr(arguments.u64(1)), UserAddr(arguments.u64(2)))?;
    }
    let mut open_flags = OpenFlags::empty();
    open_flags.set(OpenFlags::NON_BLOCKING, flags & O_NONBLOCK != 0);
    let file = file::open(connection.clone(), open_flags);
    let installed = current.install_file(file, flags & O_CLOEXEC != 0);
    if installed.is_err() {
        // Nobody has lost anything: whoever makes room for a descriptor accepts it.
        socket.put_back(connection);
    }
    installed
}

/// getsockname(2).
pub fn getsockname(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    let name = socket_of(&open)?.endpoint().name();
    name.write(UserAddr(arguments.u64(1)), UserAddr(arguments.u64(2)))?;
    Ok(0)
}

/// getpeername(2).
pub fn getpeername(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    let name = socket_of(&open)?.peer().ok_or(Errno::ENOTCONN)?.name();
    name.write(UserAddr(arguments.u64(1)), UserAddr(arguments.u64(2)))?;
    Ok(0)
}

/// Whom a send with the address at `name` (and its length) goes to: none for the peer.
pub(super) fn send_target(
    current: &Current,
    socket: &UnixSocket,
    name: Option<(u64, i32)>,
) -> Result<Option<Arc<Endpoint>>> {
    let Some((address, length)) = name else {
        return Ok(None);
    };
    if socket.kind().is_connected_kind() {
        return Err(if socket.peer().is_some() {
            Errno::EISCONN
        } else {
            Errno::EOPNOTSUPP
        });
    }
    let target = find(current, &Address::read(UserAddr(address), length as usize)?)?;
    if target.kind() != socket.kind() {
        return Err(Errno::EPROTOTYPE);
    }
    Ok(Some(target.endpoint().clone()))
}

/// sendto(2).
pub fn sendto(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    let socket = socket_of(&open)?;
    let flags = arguments.u32(3);
    if flags & MSG_OOB != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let name = (arguments.u64(4) != 0).then_some((arguments.u64(4), arguments.int(5)));
    let target = send_target(current, socket, name)?;
    let mut source = Source::user(UserAddr(arguments.u64(1)), arguments.usize(2));
    let blocking = !open.is_non_blocking() && flags & MSG_DONTWAIT == 0;
    file::send(
        socket,
        &mut source,
        target.as_ref(),
        None,
        blocking,
        flags & MSG_NOSIGNAL != 0,
    )
}

/// recvfrom(2).
pub fn recvfrom(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    let socket = socket_of(&open)?;
    let flags = arguments.u32(3);
    if flags & MSG_OOB != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let mut destination = Destination::user(UserAddr(arguments.u64(1)), arguments.usize(2));
    let received = message::receive(socket, &mut destination, flags, !open.is_non_blocking())?;
    if arguments.u64(4) != 0 {
        match &received.sender {
            Some(sender) if **sender != Address::Unnamed && !socket.kind().is_connected_kind() => {
                sender.write(UserAddr(arguments.u64(4)), UserAddr(arguments.u64(5)))?;
            }
            _ => user::write_value(UserAddr(arguments.u64(5)), &0u32)?,
        }
    }
    Ok(if flags & MSG_TRUNC != 0 {
        received.count + received.cut
    } else {
        received.count
    })
}

/// shutdown(2).
pub fn shutdown(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let open = current.file(arguments.fd(0))?;
    let (receiving, sending) = match arguments.int(1) {
        0 => (true, false),
        1 => (false, true),
        2 => (true, true),
        _ => return Err(Errno::EINVAL),
    };
    socket_of(&open)?.shut_down(receiving, sending);
    Ok(0)
}
