//! Sockets without threads: what a call finds at once.

use alloc::sync::Arc;
use alloc::vec;

use super::address::Address;
use super::control::{Control, Sender};
use super::names::{self, Name};
use super::queue::{CAPACITY, ReceiveMode};
use super::unix::{SocketKind, UnixSocket};
use crate::errno::{Errno, Result};
use crate::vfs::{Destination, Source};

const OWNER: Sender = Sender {
    host_pid: 7,
    uid: 1,
    gid: 2,
};

fn send(socket: &UnixSocket, bytes: &[u8]) -> Result<usize> {
    socket.send(&mut Source::kernel(bytes), None, None, false)
}

fn receive(socket: &UnixSocket, room: usize) -> Result<(Vec<u8>, usize)> {
    let mut buffer = vec![0; room];
    let received = socket.receive(
        &mut Destination::kernel(&mut buffer),
        ReceiveMode::default(),
        false,
    )?;
    buffer.truncate(received.count);
    Ok((buffer, received.cut))
}

/// A socket bound to an abstract name of its own.
fn bound(kind: SocketKind, name: &str) -> (Arc<UnixSocket>, Name) {
    let socket = UnixSocket::new(kind, OWNER);
    let bytes = name.as_bytes().to_vec();
    let name = Name::Abstract(99, bytes.clone());
    names::enter(name.clone(), &socket).unwrap();
    socket
        .bind(name.clone(), None, Address::Abstract(bytes))
        .unwrap();
    (socket, name)
}

#[test]
fn streams_forget_boundaries_and_packets_keep_them() {
    let (a, b) = UnixSocket::pair(SocketKind::Stream, OWNER);
    send(&a, b"one").unwrap();
    send(&a, b"two").unwrap();
    assert_eq!(receive(&b, 10), Ok((b"onetwo".to_vec(), 0)));
    for kind in [SocketKind::Datagram, SocketKind::SequencedPacket] {
        let (a, b) = UnixSocket::pair(kind, OWNER);
        send(&a, b"one").unwrap();
        send(&a, b"").unwrap();
        send(&a, b"three").unwrap();
        assert_eq!(receive(&b, 10), Ok((b"one".to_vec(), 0)));
        assert_eq!(receive(&b, 10), Ok((vec![], 0)));
        assert_eq!(receive(&b, 2), Ok((b"th".to_vec(), 3)));
        assert_eq!(receive(&b, 2), Err(Errno::EAGAIN));
    }
}

#[test]
fn a_closed_side_ends_reading_and_refuses_writing() {
    let (a, b) = UnixSocket::pair(SocketKind::Stream, OWNER);
    send(&a, b"last").unwrap();
    drop(a);
    assert_eq!(receive(&b, 10), Ok((b"last".to_vec(), 0)));
    assert_eq!(receive(&b, 10), Ok((vec![], 0)));
    assert_eq!(send(&b, b"x"), Err(Errno::EPIPE));
    let (a, b) = UnixSocket::pair(SocketKind::Datagram, OWNER);
    drop(a);
    assert_eq!(send(&b, b"x"), Err(Errno::ECONNREFUSED));
    assert_eq!(receive(&b, 10), Err(Errno::EAGAIN), "others may still send");
}

#[test]
fn shutting_down_is_one_way() {
    let (a, b) = UnixSocket::pair(SocketKind::Stream, OWNER);
    a.shut_down(false, true);
    assert_eq!(send(&a, b"x"), Err(Errno::EPIPE));
    assert_eq!(receive(&b, 1), Ok((vec![], 0)));
    send(&b, b"still").unwrap();
    assert_eq!(receive(&a, 9), Ok((b"still".to_vec(), 0)));
}

#[test]
fn a_full_stream_takes_what_fits() {
    let (a, b) = UnixSocket::pair(SocketKind::Stream, OWNER);
    let much = vec![5; CAPACITY + 1000];
    assert_eq!(send(&a, &much), Ok(CAPACITY));
    assert_eq!(send(&a, b"x"), Err(Errno::EAGAIN));
    assert_eq!(receive(&b, 500).map(|(bytes, _)| bytes.len()), Ok(500));
    assert_eq!(send(&a, &much), Ok(500));
    let (a, _b) = UnixSocket::pair(SocketKind::Datagram, OWNER);
    assert_eq!(send(&a, &much), Err(Errno::EMSGSIZE));
}

#[test]
fn connections_wait_until_they_are_accepted() {
    let (listener, name) = bound(SocketKind::Stream, "waits");
    let client = UnixSocket::new(
        SocketKind::Stream,
        Sender {
            host_pid: 8,
            ..OWNER
        },
    );
    assert_eq!(
        client.connect(&listener, false),
        Err(Errno::ECONNREFUSED),
        "not listening yet"
    );
    listener.listen(0).unwrap();
    client.connect(&names::find(&name).unwrap(), false).unwrap();
    assert_eq!(client.connect(&listener, false), Err(Errno::EISCONN));
    let second = UnixSocket::new(SocketKind::Stream, OWNER);
    assert_eq!(
        second.connect(&listener, false),
        Err(Errno::EAGAIN),
        "the backlog is full"
    );
    send(&client, b"early").unwrap();
    // As for want of a descriptor: nothing of the connection is lost.
    let refused = listener.accept(false).unwrap();
    listener.put_back(refused);
    assert_eq!(second.connect(&listener, false), Err(Errno::EAGAIN));
    let server = listener.accept(false).unwrap();
    assert_eq!(receive(&server, 9), Ok((b"early".to_vec(), 0)));
    assert_eq!(server.peer().unwrap().owner().host_pid, 8);
    assert_eq!(
        *client.peer().unwrap().name(),
        Address::Abstract(b"waits".to_vec())
    );
    second.connect(&listener, false).unwrap();
    drop(listener);
    assert_eq!(
        receive(&second, 1),
        Ok((vec![], 0)),
        "never accepted, now closed"
    );
    assert!(names::find(&name).is_err());
    send(&server, b"on").unwrap();
    assert_eq!(receive(&client, 9), Ok((b"on".to_vec(), 0)));
}

#[test]
fn names_are_taken_once() {
    let (_socket, name) = bound(SocketKind::Datagram, "once");
    let other = UnixSocket::new(SocketKind::Datagram, OWNER);
    assert_eq!(names::enter(name.clone(), &other), Err(Errno::EADDRINUSE));
    assert!(
        names::enter(Name::Abstract(98, b"once".to_vec()), &other).is_ok(),
        "another container's names"
    );
}

#[test]
fn datagrams_say_who_sent_them() {
    let (receiver, _) = bound(SocketKind::Datagram, "receiver");
    let (sender, _) = bound(SocketKind::Datagram, "sender");
    sender
        .send(
            &mut Source::kernel(b"hi"),
            Some(receiver.endpoint()),
            None,
            false,
        )
        .unwrap();
    let mut buffer = [0; 4];
    let received = receiver
        .receive(
            &mut Destination::kernel(&mut buffer),
            ReceiveMode::default(),
            false,
        )
        .unwrap();
    assert_eq!(
        *received.sender.unwrap(),
        Address::Abstract(b"sender".to_vec())
    );
}

#[test]
fn looking_takes_nothing() {
    for kind in [SocketKind::Stream, SocketKind::Datagram] {
        let (a, b) = UnixSocket::pair(kind, OWNER);
        send(&a, b"same").unwrap();
        for _ in 0..2 {
            let mut buffer = [0; 8];
            let received = b
                .receive(
                    &mut Destination::kernel(&mut buffer),
                    ReceiveMode { peek: true },
                    false,
                )
                .unwrap();
            assert_eq!(received.count, 4);
        }
        assert_eq!(receive(&b, 8), Ok((b"same".to_vec(), 0)));
    }
}

#[test]
fn credentials_stay_with_their_bytes() {
    let (a, b) = UnixSocket::pair(SocketKind::Stream, OWNER);
    send(&a, b"plain").unwrap();
    let marked = Some(Control::from(Some(Sender {
        host_pid: 3,
        ..OWNER
    })));
    a.send(&mut Source::kernel(b"marked"), None, marked, false)
        .unwrap();
    let mut buffer = [0; 5];
    let first = b
        .receive(
            &mut Destination::kernel(&mut buffer),
            ReceiveMode::default(),
            false,
        )
        .unwrap();
    assert_eq!(first.control.sender, None);
    let second = b
        .receive(
            &mut Destination::kernel(&mut buffer),
            ReceiveMode::default(),
            false,
        )
        .unwrap();
    assert_eq!(second.control.sender.unwrap().host_pid, 3);
}
