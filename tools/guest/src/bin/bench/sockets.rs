//! Sockets, and waiting for one of many descriptors.
use crate::files::whole;
use crate::meter;
use crate::pipes::{echo, exchange};
use gantry_abi::user::fork;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::write;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::pipe;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

pub fn unix() -> io::Result<f64> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::empty(),
        None,
    )?;
    fork(|| echo(&theirs, &theirs))?;
    exchange(500, &ours, &ours)
}

pub fn tcp() -> io::Result<f64> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    fork(|| {
        let connection = listener
            .accept()
            .and_then(|(connection, _)| connection.set_nodelay(true).map(|()| connection));
        match connection.map(OwnedFd::from) {
            Ok(connection) => echo(&connection, &connection),
            Err(_) => 1,
        }
    })?;
    let connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    exchange(500, &connection, &connection)
}

pub fn epoll() -> io::Result<f64> {
    let set = epoll::create(CreateFlags::empty())?;
    let mut pipes = Vec::new();
    for number in 0..100 {
        let (reader, writer) = pipe()?;
        epoll::add(&set, &reader, EventData::new_u64(number), EventFlags::IN)?;
        pipes.push((reader, writer));
    }
    whole(write(&pipes[42].1, &[1]), 1)?;
    let mut events: Vec<Event> = Vec::with_capacity(16);
    meter::repeat(2000, || {
        events.clear();
        epoll::wait(&set, rustix::buffer::spare_capacity(&mut events), None)?;
        if events.len() == 1 {
            Ok(())
        } else {
            Err(io::Error::other(format!("{} events", events.len())))
        }
    })
}
