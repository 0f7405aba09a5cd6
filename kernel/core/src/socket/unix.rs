//! A Unix-domain socket (unix(7)).
//!
//! Each socket owns the queue it receives from; sending goes to the peer's. A connected pair knows each other's
//! [`Endpoint`], never each other, so that either can be closed at any time: the endpoint that stays tells.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use hal::sync::SpinLock;

use super::address::Address;
use super::control::{Control, Sender};
use super::listener::Listener;
use super::names::{self, Name};
use super::queue::{Queue, ReceiveMode, Received};
use crate::errno::{Errno, Result};
use crate::sched::{Interruption, WaitQueue};
use crate::vfs::{Destination, Inode, Source};

/// The kind of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// Bytes, connected.
    Stream,
    /// Messages, unconnected or with a default target.
    Datagram,
    /// Messages, connected.
    SequencedPacket,
}

impl SocketKind {
    /// Linux's number (`SOCK_*`).
    pub fn number(self) -> i32 {
        match self {
            SocketKind::Stream => 1,
            SocketKind::Datagram => 2,
            SocketKind::SequencedPacket => 5,
        }
    }

    /// Whether boundaries of sends are kept.
    pub fn has_messages(self) -> bool {
        self != SocketKind::Stream
    }

    /// Whether it must be connected to be used.
    pub fn is_connected_kind(self) -> bool {
        self != SocketKind::Datagram
    }
}

/// What the other side needs of a socket.
pub struct Endpoint {
    /// What was sent to it.
    pub queue: Queue,
    /// Its address.
    name: SpinLock<Arc<Address>>,
    /// Whom the other side sees as its peer (SO_PEERCRED): who connected, or listened.
    owner: Sender,
}

impl Endpoint {
    /// Its address.
    pub fn name(&self) -> Arc<Address> {
        self.name.lock().clone()
    }

    /// Who connected, or listened.
    pub fn owner(&self) -> Sender {
        self.owner
    }
}

/// What a bound socket holds: its name, and the file it stands for.
struct Binding {
    name: Name,
    _file: Option<Arc<Inode>>,
}

/// A socket.
pub struct UnixSocket {
    kind: SocketKind,
    endpoint: Arc<Endpoint>,
    peer: SpinLock<Option<Arc<Endpoint>>>,
    listener: SpinLock<Option<Arc<Listener>>>,
    binding: SpinLock<Option<Binding>>,
    /// shutdown(2) of the sending side.
    sends_no_more: AtomicBool,
    /// Senders' credentials are wanted (SO_PASSCRED).
    pub passes_credentials: AtomicBool,
    /// An error to be told once (SO_ERROR): its number.
    pub error: AtomicI32,
    /// Longest waits, ns; 0: for ever (SO_RCVTIMEO, SO_SNDTIMEO).
    pub receive_timeout: AtomicU64,
    /// The same for sending.
    pub send_timeout: AtomicU64,
}

impl UnixSocket {
    /// A socket of `owner` without a name or a peer.
    pub fn new(kind: SocketKind, owner: Sender) -> Arc<UnixSocket> {
        Arc::new(UnixSocket {
            kind,
            endpoint: Arc::new(Endpoint {
                queue: Queue::new(kind.has_messages()),
                name: SpinLock::new(Arc::new(Address::Unnamed)),
                owner,
            }),
            peer: SpinLock::new(None),
            listener: SpinLock::new(None),
            binding: SpinLock::new(None),
            sends_no_more: AtomicBool::new(false),
            passes_credentials: AtomicBool::new(false),
            error: AtomicI32::new(0),
            receive_timeout: AtomicU64::new(0),
            send_timeout: AtomicU64::new(0),
        })
    }

    /// Two sockets connected to each other.
    pub fn pair(kind: SocketKind, owner: Sender) -> (Arc<UnixSocket>, Arc<UnixSocket>) {
        let (one, other) = (UnixSocket::new(kind, owner), UnixSocket::new(kind, owner));
        *one.peer.lock() = Some(other.endpoint.clone());
        *other.peer.lock() = Some(one.endpoint.clone());
        (one, other)
    }

    /// Its kind.
    pub fn kind(&self) -> SocketKind {
        self.kind
    }

    /// Its own side.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The other side.
    pub fn peer(&self) -> Option<Arc<Endpoint>> {
        self.peer.lock().clone()
    }

    /// Its queue of connections, if it listens.
    pub fn listener(&self) -> Option<Arc<Listener>> {
        self.listener.lock().clone()
    }

    /// Gives it a name that is entered already, and the file of a path name.
    ///
    /// # Errors
    /// EINVAL: it has one; the caller removes the name again.
    pub fn bind(&self, name: Name, file: Option<Arc<Inode>>, address: Address) -> Result<()> {
        let address = Arc::new(address);
        let mut binding = self.binding.lock();
        if binding.is_some() {
            return Err(Errno::EINVAL);
        }
        *binding = Some(Binding { name, _file: file });
        *self.endpoint.name.lock() = address;
        Ok(())
    }

    /// Whether it has a name.
    pub fn is_bound(&self) -> bool {
        self.binding.lock().is_some()
    }

    /// Takes connections from now on.
    ///
    /// # Errors
    /// EOPNOTSUPP: datagrams. EINVAL: without a name, or connected.
    pub fn listen(&self, backlog: usize) -> Result<()> {
        if !self.kind.is_connected_kind() {
            return Err(Errno::EOPNOTSUPP);
        }
        if !self.is_bound() || self.peer().is_some() {
            return Err(Errno::EINVAL);
        }
        let new = Arc::new(Listener::new(backlog));
        let existing = self.listener.lock().get_or_insert(new).clone();
        existing.set_backlog(backlog);
        Ok(())
    }

    /// Connects to a listening socket. `owner` is whom the other side sees.
    ///
    /// # Errors
    /// EISCONN, EPROTOTYPE, ECONNREFUSED, EAGAIN, ENOMEM, a restart code.
    pub fn connect(self: &Arc<Self>, target: &Arc<UnixSocket>, blocking: bool) -> Result<()> {
        if target.kind != self.kind {
            return Err(Errno::EPROTOTYPE);
        }
        if self.kind == SocketKind::Datagram {
            *self.peer.lock() = Some(target.endpoint.clone());
            return Ok(());
        }
        if self.listener().is_some() {
            return Err(Errno::EINVAL);
        }
        let listener = target.listener().ok_or(Errno::ECONNREFUSED)?;
        let server = UnixSocket::new(self.kind, target.endpoint.owner);
        server.passes_credentials.store(
            target.passes_credentials.load(Ordering::Relaxed),
            Ordering::Relaxed,
        );
        *server.endpoint.name.lock() = target.endpoint.name();
        {
            let mut peer = self.peer.lock();
            if peer.is_some() {
                return Err(Errno::EISCONN);
            }
            *peer = Some(server.endpoint.clone());
        }
        *server.peer.lock() = Some(self.endpoint.clone());
        let outcome = self.wait_in_line(target, &listener, &server, blocking);
        if outcome.is_err() {
            // Undo both sides, so that the server's end tells this one nothing when it goes.
            *server.peer.lock() = None;
            *self.peer.lock() = None;
        }
        outcome
    }

    /// Puts the server's side of a connection in the listener's queue.
    fn wait_in_line(
        &self,
        target: &UnixSocket,
        listener: &Listener,
        server: &Arc<UnixSocket>,
        blocking: bool,
    ) -> Result<()> {
        loop {
            if target.endpoint.queue.is_refused() {
                return Err(Errno::ECONNREFUSED);
            }
            if listener.push(server)? {
                return Ok(());
            }
            if !blocking {
                return Err(Errno::EAGAIN);
            }
            let ready =
                || (listener.has_room() || target.endpoint.queue.is_refused()).then_some(());
            self.wait(&listener.room, &self.send_timeout, ready)?;
        }
    }

    /// Forgets the peer of a datagram socket (connect(2) to AF_UNSPEC).
    pub fn disconnect(&self) {
        let old = self.peer.lock().take();
        drop(old);
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// EINVAL: it doesn't listen. EAGAIN, a restart code.
    pub fn accept(&self, blocking: bool) -> Result<Arc<UnixSocket>> {
        let listener = self.listener().ok_or(Errno::EINVAL)?;
        loop {
            if let Some(connection) = listener.pop() {
                return Ok(connection);
            }
            if self.endpoint.queue.is_ended() {
                return Err(Errno::EINVAL);
            }
            if !blocking {
                return Err(Errno::EAGAIN);
            }
            let ready =
                || (listener.has_connection() || self.endpoint.queue.is_ended()).then_some(());
            self.wait(&listener.readable, &self.receive_timeout, ready)?;
        }
    }

    /// Lets a connection that was accepted wait again: its descriptor can't be had.
    pub fn put_back(&self, connection: Arc<UnixSocket>) {
        if let Some(listener) = self.listener() {
            listener.put_back(connection);
        }
    }

    /// Waits as long as a timeout allows.
    ///
    /// # Errors
    /// EAGAIN: the timeout passed. A restart code: a signal came (EINTR when there is a timeout, as socket(7) says).
    fn wait(
        &self,
        queue: &WaitQueue,
        timeout: &AtomicU64,
        ready: impl FnMut() -> Option<()>,
    ) -> Result<()> {
        let deadline = match timeout.load(Ordering::Relaxed) {
            0 => return queue.wait_interruptible(ready),
            time => hal::time::now().saturating_add(time),
        };
        match queue.wait_deadline(ready, Some(deadline), Interruption::Signal) {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(Errno::EAGAIN),
            Err(error) if error.is_restart() => Err(Errno::EINTR),
            Err(error) => Err(error),
        }
    }

    /// Sends to the peer, or to `target` (datagrams). Returns how many bytes went.
    ///
    /// # Errors
    /// ENOTCONN, EPIPE, ECONNREFUSED, EMSGSIZE, EAGAIN, EFAULT, ENOMEM, a restart code: with nothing sent.
    pub fn send(
        &self,
        source: &mut Source<'_>,
        target: Option<&Arc<Endpoint>>,
        mut control: Option<Control>,
        blocking: bool,
    ) -> Result<usize> {
        if self.sends_no_more.load(Ordering::Relaxed) {
            return Err(Errno::EPIPE);
        }
        let peer = match target {
            Some(target) => target.clone(),
            None => self.peer().ok_or(Errno::ENOTCONN)?,
        };
        let queue = &peer.queue;
        if self.kind.has_messages() {
            let sender = self.endpoint.name();
            let length = source.remaining();
            loop {
                match queue.send_message(source, &mut control, &sender) {
                    Ok(true) => return Ok(length),
                    Ok(false) if !blocking => return Err(Errno::EAGAIN),
                    Ok(false) => {}
                    // A packet socket's peer that is gone is a broken pipe; a datagram's isn't there.
                    Err(Errno::ECONNREFUSED) if self.kind == SocketKind::SequencedPacket => {
                        return Err(Errno::EPIPE);
                    }
                    Err(error) => {
                        if error == Errno::ECONNREFUSED && target.is_none() {
                            // As on Linux one failure ends the association.
                            self.disconnect();
                        }
                        return Err(error);
                    }
                }
                let ready = || (queue.has_room(length) || queue.is_refused()).then_some(());
                self.wait(&queue.writable, &self.send_timeout, ready)?;
            }
        }
        let mut sent = 0;
        loop {
            match queue.send_bytes(source, &mut control) {
                Ok(count) => sent += count,
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if source.remaining() == 0 {
                return Ok(sent);
            }
            if !blocking {
                return if sent > 0 {
                    Ok(sent)
                } else {
                    Err(Errno::EAGAIN)
                };
            }
            let ready = || (queue.has_room(1) || queue.is_refused()).then_some(());
            match self.wait(&queue.writable, &self.send_timeout, ready) {
                Ok(()) => {}
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
        }
    }

    /// Receives what has come; waits for something if `blocking`. No bytes: the end.
    ///
    /// # Errors
    /// ENOTCONN, EINVAL (it listens), EAGAIN, EFAULT, a restart code.
    pub fn receive(
        &self,
        destination: &mut Destination<'_>,
        mode: ReceiveMode,
        blocking: bool,
    ) -> Result<Received> {
        let queue = &self.endpoint.queue;
        if self.listener().is_some() {
            return Err(Errno::EINVAL);
        }
        loop {
            // Looked at before the queue: data that came before the end is not missed.
            let ended = queue.is_ended();
            let received = if self.kind.has_messages() {
                queue.receive_message(destination, mode)?
            } else {
                queue.receive_bytes(destination, mode)?
            };
            if let Some(received) = received {
                return Ok(received);
            }
            if ended {
                return Ok(Received {
                    count: 0,
                    cut: 0,
                    control: Control::default(),
                    sender: None,
                });
            }
            if self.kind.is_connected_kind() && self.peer.lock().is_none() {
                return Err(if self.kind == SocketKind::Stream {
                    Errno::EINVAL
                } else {
                    Errno::ENOTCONN
                });
            }
            if !blocking {
                return Err(Errno::EAGAIN);
            }
            let ready = || (queue.has_data() || queue.is_ended()).then_some(());
            self.wait(&queue.readable, &self.receive_timeout, ready)?;
        }
    }

    /// Ends receiving, sending or both (shutdown(2)). As on Linux it needn't be connected.
    pub fn shut_down(&self, receiving: bool, sending: bool) {
        let peer = self.peer();
        if receiving {
            self.endpoint.queue.end();
        }
        if sending {
            self.sends_no_more.store(true, Ordering::SeqCst);
            if self.kind.is_connected_kind()
                && let Some(peer) = &peer
            {
                peer.queue.end();
            }
        }
        if let Some(listener) = self.listener() {
            listener.readable.wake_all();
        }
    }

    /// Whether the sending side has been shut down.
    pub fn sends_no_more(&self) -> bool {
        self.sends_no_more.load(Ordering::Relaxed)
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if let Some(binding) = self.binding.lock().take() {
            names::remove(&binding.name);
        }
        self.endpoint.queue.refuse();
        self.endpoint.queue.end();
        if self.kind.is_connected_kind()
            && let Some(peer) = self.peer.lock().take()
        {
            peer.queue.end();
            // Those who wait for this side to make room learn that it won't.
            peer.queue.writable.wake_all();
        }
        if let Some(listener) = self.listener.lock().take() {
            listener.room.wake_all();
            while let Some(connection) = listener.pop() {
                drop(connection);
            }
        }
    }
}
