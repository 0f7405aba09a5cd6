//! A socket as an open file.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

use hal::user::{self, UserAddr};

use super::control::Control;
use super::queue::ReceiveMode;
use super::unix::{SocketKind, UnixSocket};
use crate::errno::{Errno, Result};
use crate::task::Current;
use crate::vfs::{
    Destination, File, FileOperations, OpenFlags, PollEvents, PollRegistration, Source, signals,
};

/// FIONREAD and SIOCINQ: bytes that can be read.
const BYTES_TO_READ: u32 = 0x541b;

/// The operations of a socket's file.
pub struct SocketFile(Arc<UnixSocket>);

/// Opens a file for a socket.
pub fn open(socket: Arc<UnixSocket>, flags: OpenFlags) -> Arc<File> {
    File::anonymous(
        "socket",
        Box::new(SocketFile(socket)),
        flags | OpenFlags::READ_WRITE,
    )
}

/// The socket behind a file.
///
/// # Errors
/// ENOTSOCK: it isn't one.
pub fn socket_of(file: &File) -> Result<&Arc<UnixSocket>> {
    match file.operations().as_any().downcast_ref::<SocketFile>() {
        Some(SocketFile(socket)) => Ok(socket),
        None => Err(Errno::ENOTSOCK),
    }
}

/// Sends, and raises SIGPIPE with EPIPE unless `quiet` (MSG_NOSIGNAL) or the socket isn't a stream.
///
/// # Errors
/// As [`UnixSocket::send`].
pub fn send(
    socket: &UnixSocket,
    source: &mut Source<'_>,
    target: Option<&Arc<super::unix::Endpoint>>,
    control: Option<Control>,
    blocking: bool,
    quiet: bool,
) -> Result<usize> {
    let sent = socket.send(source, target, control, blocking);
    if sent == Err(Errno::EPIPE) && !quiet && socket.kind() == SocketKind::Stream {
        signals::broken_pipe();
    }
    sent
}

impl FileOperations for SocketFile {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        if destination.remaining() == 0 && self.0.kind() == SocketKind::Stream {
            return Ok(0);
        }
        // Files that came along are closed: read(2) has no place for them.
        let received =
            self.0
                .receive(destination, ReceiveMode::default(), !file.is_non_blocking())?;
        Ok(received.count)
    }

    fn write(&self, file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        send(&self.0, source, None, None, !file.is_non_blocking(), false)
    }

    fn poll(&self, _file: &File, mut registration: Option<&mut PollRegistration>) -> PollEvents {
        let socket = &self.0;
        let mut events = PollEvents::empty();
        if let Some(listener) = socket.listener() {
            if let Some(registration) = registration {
                registration.watch(&listener.readable);
            }
            events.set(PollEvents::IN, listener.has_connection());
            return events;
        }
        let queue = &socket.endpoint().queue;
        let peer = socket.peer();
        if let Some(registration) = &mut registration {
            registration.watch(&queue.readable);
            if let Some(peer) = &peer {
                registration.watch(&peer.queue.writable);
            }
        }
        let ended = queue.is_ended();
        events.set(PollEvents::IN, queue.has_data() || ended);
        events.set(PollEvents::READ_HANG_UP, ended);
        match &peer {
            Some(peer) => {
                let closed = peer.queue.is_refused();
                events.set(
                    PollEvents::OUT,
                    closed || peer.queue.has_room(1) || socket.sends_no_more(),
                );
                let both_ways = ended && (closed || socket.sends_no_more());
                events.set(
                    PollEvents::HANG_UP,
                    socket.kind().is_connected_kind() && both_ways,
                );
            }
            None if socket.kind().is_connected_kind() => {
                events |= PollEvents::OUT | PollEvents::HANG_UP
            }
            None => events |= PollEvents::OUT,
        }
        events
    }

    fn ioctl(
        &self,
        _file: &Arc<File>,
        _current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        match request {
            BYTES_TO_READ => {
                user::write_value(
                    UserAddr(argument),
                    &(self.0.endpoint().queue.bytes() as u32),
                )?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
