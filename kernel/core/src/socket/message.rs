//! sendmsg(2) and recvmsg(2), with ancillary data.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use hal::user::{self, UserAddr};
use smallvec::SmallVec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::address::Address;
use super::control::{Control, MAXIMUM_FILES, PeerCredentials, Sender};
use super::file::{self, socket_of};
use super::options::credentials_for;
use super::queue::{ReceiveMode, Received};
use super::syscalls::{
    self, MSG_CMSG_CLOEXEC, MSG_CTRUNC, MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, MSG_TRUNC,
    MSG_WAITALL,
};
use super::unix::{SocketKind, UnixSocket};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::syscall::Arguments;
use crate::task::{Capability, Current};
use crate::vfs::{Destination, File, IoVector, Source};

/// `struct msghdr` (user_msghdr) of the 64-bit ABI.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    name: u64,
    name_length: i32,
    padding_1: u32,
    segments: u64,
    segment_count: u64,
    control: u64,
    control_length: u64,
    flags: u32,
    padding_2: u32,
}

/// `struct cmsghdr`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ControlHeader {
    length: u64,
    level: i32,
    kind: i32,
}

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;

/// Most segments (UIO_MAXIOV).
const MAXIMUM_SEGMENTS: u64 = 1024;

/// Most bytes of ancillary data a message may have (net.core.optmem_max's default is of this size).
const MAXIMUM_CONTROL: u64 = 20_480;

type Segments = SmallVec<[IoVector; 8]>;

fn read_header(address: u64) -> Result<(Header, Segments)> {
    let header = user::read_value::<Header>(UserAddr(address))?;
    if header.segment_count > MAXIMUM_SEGMENTS {
        return Err(Errno::EMSGSIZE);
    }
    let count = header.segment_count as usize;
    let mut segments = Segments::new();
    segments.make_room(count)?;
    segments.resize(count, IoVector::default());
    user::copy_from_user(
        segments.as_mut_slice().as_mut_bytes(),
        UserAddr(header.segments),
    )?;
    if segments
        .iter()
        .any(|segment| segment.length > i64::MAX as u64)
    {
        return Err(Errno::EINVAL);
    }
    Ok((header, segments))
}

/// sendmsg(2).
pub fn sendmsg(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    send_one(current, &file, arguments.u64(1), arguments.u32(2))
}

/// Sends the message whose header is at `address`.
pub(super) fn send_one(
    current: &Current,
    file: &Arc<File>,
    address: u64,
    flags: u32,
) -> Result<usize> {
    let socket = socket_of(file)?;
    let (header, segments) = read_header(address)?;
    let control = read_control(current, socket, &header)?;
    let name =
        (header.name != 0 && header.name_length != 0).then_some((header.name, header.name_length));
    let target = syscalls::send_target(current, socket, name)?;
    let blocking = !file.is_non_blocking() && flags & MSG_DONTWAIT == 0;
    let mut source = Source::segments(&segments);
    file::send(
        socket,
        &mut source,
        target.as_ref(),
        control,
        blocking,
        flags & MSG_NOSIGNAL != 0,
    )
}

/// What is sent along: files and credentials as the program says, or credentials because the receiver wants them.
fn read_control(
    current: &Current,
    socket: &UnixSocket,
    header: &Header,
) -> Result<Option<Control>> {
    let mut control = Control::default();
    if header.control != 0 && header.control_length > 0 {
        if header.control_length > MAXIMUM_CONTROL {
            return Err(Errno::ENOBUFS);
        }
        let mut bytes = Vec::new();
        bytes.make_room_exact(header.control_length as usize)?;
        bytes.resize(header.control_length as usize, 0);
        user::copy_from_user(&mut bytes, UserAddr(header.control))?;
        parse_control(current, &bytes, &mut control)?;
    }
    if control.sender.is_none() && socket.passes_credentials.load(Ordering::Relaxed) {
        control.sender = Some(syscalls::sender_of(current));
    }
    Ok((control.sender.is_some() || control.is_mark()).then_some(control))
}

fn parse_control(current: &Current, bytes: &[u8], control: &mut Control) -> Result<()> {
    let mut rest = bytes;
    while let Ok((header, _)) = ControlHeader::read_from_prefix(rest) {
        let length = usize::try_from(header.length).map_err(|_| Errno::EINVAL)?;
        let data = rest
            .get(size_of::<ControlHeader>()..length)
            .ok_or(Errno::EINVAL)?;
        match (header.level, header.kind) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                let (numbers, _) = data.as_chunks::<4>();
                if control.files.len() + numbers.len() > MAXIMUM_FILES {
                    return Err(Errno::EINVAL);
                }
                control.files.make_room(numbers.len())?;
                for number in numbers {
                    let file = current.file(i32::from_ne_bytes(*number))?;
                    if socket_of(&file).is_ok() {
                        // A socket in transit in itself could never be closed. Linux looks for such circles; here
                        // sockets don't travel through sockets.
                        return Err(Errno::EOPNOTSUPP);
                    }
                    control.files.push(file);
                }
            }
            (SOL_SOCKET, SCM_CREDENTIALS) => {
                let (stated, _) =
                    PeerCredentials::read_from_prefix(data).map_err(|_| Errno::EINVAL)?;
                control.sender = Some(checked_sender(current, stated)?);
            }
            (SOL_SOCKET, _) => return Err(Errno::EINVAL),
            // Other levels are other protocols' affair, as on Linux.
            _ => {}
        }
        match rest.get(length.next_multiple_of(8)..) {
            Some(next) if length > 0 => rest = next,
            _ => break,
        }
    }
    Ok(())
}

/// Programs may only say of themselves what is true, unless they have the capabilities to make it true.
fn checked_sender(current: &Current, stated: PeerCredentials) -> Result<Sender> {
    let own = syscalls::sender_of(current);
    let credentials = current.credentials();
    let process = crate::task::lookup::find_process(current, stated.pid)?;
    if process.host_pid() != own.host_pid {
        credentials.require(Capability::SysAdmin)?;
    }
    if ![credentials.uid, credentials.euid, credentials.suid].contains(&stated.uid) {
        credentials.require(Capability::Setuid)?;
    }
    if ![credentials.gid, credentials.egid, credentials.sgid].contains(&stated.gid) {
        credentials.require(Capability::Setgid)?;
    }
    Ok(Sender {
        host_pid: process.host_pid(),
        uid: stated.uid,
        gid: stated.gid,
    })
}

/// recvmsg(2).
pub fn recvmsg(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    receive_one(current, &file, arguments.u64(1), arguments.u32(2))
}

/// Receives into the message whose header is at `address`.
pub(super) fn receive_one(
    current: &Current,
    file: &Arc<File>,
    address: u64,
    flags: u32,
) -> Result<usize> {
    let socket = socket_of(file)?;
    let (mut header, segments) = read_header(address)?;
    let mut destination = Destination::segments(&segments);
    let received = receive(socket, &mut destination, flags, !file.is_non_blocking())?;
    header.flags = 0;
    if header.name != 0 {
        let from = match (&received.sender, socket.kind()) {
            (Some(sender), SocketKind::Datagram) if **sender != Address::Unnamed => {
                Some(sender.clone())
            }
            _ => None,
        };
        let (bytes, size) = from.map_or(([0; 111], 0), |from| from.to_bytes());
        let room = usize::try_from(header.name_length).map_err(|_| Errno::EINVAL)?;
        user::copy_to_user(
            UserAddr(header.name),
            bytes.get(..size.min(room)).unwrap_or(&[]),
        )?;
        header.name_length = size as i32;
    }
    if received.cut > 0 {
        header.flags |= MSG_TRUNC;
    }
    let result = if flags & MSG_TRUNC != 0 {
        received.count + received.cut
    } else {
        received.count
    };
    let (written, cut) = write_control(
        current,
        socket,
        &header,
        received.control,
        flags & MSG_CMSG_CLOEXEC != 0,
    )?;
    header.control_length = written;
    if cut {
        header.flags |= MSG_CTRUNC;
    }
    user::write_value(UserAddr(address), &header)?;
    Ok(result)
}

/// Receives once, or until the buffer is full (MSG_WAITALL on a stream).
pub(super) fn receive(
    socket: &UnixSocket,
    destination: &mut Destination<'_>,
    flags: u32,
    blocking: bool,
) -> Result<Received> {
    let mode = ReceiveMode {
        peek: flags & MSG_PEEK != 0,
    };
    let blocking = blocking && flags & MSG_DONTWAIT == 0;
    let mut received = socket.receive(destination, mode, blocking)?;
    let all =
        flags & MSG_WAITALL != 0 && socket.kind() == SocketKind::Stream && !mode.peek && blocking;
    while all && destination.remaining() > 0 && received.control.files.is_empty() {
        match socket.receive(destination, mode, true) {
            Ok(more) if more.count > 0 => {
                received.count += more.count;
                received.control = more.control;
            }
            // The end, or an interruption: what came before counts.
            _ => break,
        }
    }
    Ok(received)
}

/// Writes ancillary data; returns its bytes, and whether something had no room.
fn write_control(
    current: &Current,
    socket: &UnixSocket,
    header: &Header,
    control: Control,
    close_on_exec: bool,
) -> Result<(u64, bool)> {
    let mut place = Place {
        at: header.control,
        room: if header.control == 0 {
            0
        } else {
            header.control_length
        },
        used: 0,
    };
    let mut cut = false;
    if socket.passes_credentials.load(Ordering::Relaxed) {
        let sender = control
            .sender
            .or_else(|| socket.peer().map(|peer| peer.owner()))
            .unwrap_or_default();
        cut |= !place.put(SCM_CREDENTIALS, credentials_for(current, sender).as_bytes())?;
    }
    if !control.files.is_empty() {
        let fit = place.room.saturating_sub(size_of::<ControlHeader>() as u64) / 4;
        cut |= fit < control.files.len() as u64;
        let mut numbers: SmallVec<[i32; 16]> = SmallVec::new();
        let root = current.process().contexts().vfs_root();
        for file in control.files.into_iter().take(fit as usize) {
            // As on Linux when a security module refuses a file: it and those after it are cut off.
            if !root.as_ref().is_some_and(|root| root.may_receive(&file)) {
                cut = true;
                break;
            }
            match current.install_file(file, close_on_exec) {
                Ok(number) => numbers.push(number as i32),
                Err(_) => {
                    cut = true;
                    break;
                }
            }
        }
        if !numbers.is_empty() {
            place.put(SCM_RIGHTS, numbers.as_slice().as_bytes())?;
        }
    }
    Ok((place.used, cut))
}

/// Where the next piece of ancillary data goes.
struct Place {
    at: u64,
    room: u64,
    used: u64,
}

impl Place {
    /// Writes a piece if there is room for it; says whether there was.
    fn put(&mut self, kind: i32, data: &[u8]) -> Result<bool> {
        let length = (size_of::<ControlHeader>() + data.len()) as u64;
        if self.room < length {
            self.room = 0;
            return Ok(false);
        }
        let header = ControlHeader {
            length,
            level: SOL_SOCKET,
            kind,
        };
        user::write_value(UserAddr(self.at), &header)?;
        user::copy_to_user(
            UserAddr(self.at.wrapping_add(size_of::<ControlHeader>() as u64)),
            data,
        )?;
        let step = length.next_multiple_of(8).min(self.room);
        self.at = self.at.wrapping_add(step);
        self.room -= step;
        self.used += step;
        Ok(true)
    }
}
