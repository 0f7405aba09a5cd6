//! Pipes, and switching between the processes at their ends.
use crate::files::whole;
use crate::meter;
use gantry_abi::user::fork;
use rustix::io::{read, write};
use rustix::pipe::pipe;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

const PIECE: usize = 64 << 10;

pub fn alone() -> io::Result<f64> {
    let (reader, writer) = pipe()?;
    let mut byte = [0];
    meter::repeat(2000, || {
        whole(write(&writer, &byte), 1)?;
        whole(read(&reader, &mut byte), 1)
    })
}

pub fn round_trip() -> io::Result<f64> {
    let (there_reader, there_writer) = pipe()?;
    let (back_reader, back_writer) = pipe()?;
    fork(|| echo(&there_reader, &back_writer))?;
    drop((there_reader, back_writer));
    exchange(500, &back_reader, &there_writer)
}

pub fn stream() -> io::Result<f64> {
    let (reader, writer) = pipe()?;
    fork(|| {
        let piece = vec![1; PIECE];
        while write(&writer, &piece).is_ok() {}
        0
    })?;
    drop(writer);
    let mut buffer = vec![0; PIECE];
    meter::repeat(50, || {
        let mut wanted = PIECE;
        while wanted > 0 {
            match read(&reader, &mut buffer[..wanted])? {
                0 => return Err(io::Error::other("the writer ended")),
                count => wanted -= count,
            }
        }
        Ok(())
    })
}

pub fn ring_of_2() -> io::Result<f64> {
    ring(2)
}

pub fn ring_of_8() -> io::Result<f64> {
    ring(8)
}

/// A byte goes round between processes; the time of one step.
fn ring(size: usize) -> io::Result<f64> {
    let (first_reader, first_writer) = pipe()?;
    let mut incoming = first_reader;
    for _ in 1..size {
        let (reader, writer) = pipe()?;
        fork(|| echo(&incoming, &writer))?;
        incoming = reader;
    }
    Ok(exchange(200, &incoming, &first_writer)? / size as f64)
}

/// Writes a byte and waits for one to come back.
pub fn exchange(count: u32, incoming: impl AsFd, outgoing: impl AsFd) -> io::Result<f64> {
    let mut byte = [0];
    meter::repeat(count, || {
        whole(write(&outgoing, &byte), 1)?;
        whole(read(&incoming, &mut byte), 1)
    })
}

/// Sends every byte on until there are no more or nobody wants them; killed with its group at the latest.
pub fn echo(incoming: &OwnedFd, outgoing: &OwnedFd) -> i32 {
    let mut byte = [0];
    while whole(read(incoming, &mut byte), 1)
        .and_then(|()| whole(write(outgoing, &byte), 1))
        .is_ok()
    {}
    0
}
