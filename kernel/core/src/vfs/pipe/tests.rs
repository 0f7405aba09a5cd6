//! Pipes: order, limits, ends. What waits is tested in the guest.

use super::ring::{Insertion, PLACE, Ring};
use super::{Pipe, PipeEnd, create_pair};
use crate::Errno;
use crate::vfs::flags::OpenFlags;
use crate::vfs::poll::PollEvents;
use crate::vfs::transfer::{Destination, Source};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

fn read(ring: &mut Ring, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let count = ring.read(&mut Destination::kernel(&mut bytes)).unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn bytes_come_out_in_order() {
    let mut ring = Ring::new();
    for piece in [b"one ".as_slice(), b"two ", b"three"] {
        ring.write(&mut Source::kernel(piece), Insertion::Stream, 16)
            .unwrap();
    }
    assert_eq!((ring.filled(), ring.used()), (13, 1));
    let mut peeked = [0; 7];
    assert_eq!(ring.peek(&mut peeked), 7);
    assert_eq!(&peeked, b"one two");
    assert_eq!(read(&mut ring, 5), b"one t");
    assert_eq!(read(&mut ring, 100), b"wo three");
    assert_eq!((ring.filled(), ring.used()), (0, 0));
}

#[test]
fn random_pieces_agree_with_a_queue() {
    let mut ring = Ring::new();
    let mut model = std::collections::VecDeque::new();
    let mut state = 3u64;
    let mut random = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % limit
    };
    let mut next = 0u8;
    for _ in 0..5_000 {
        if random(2) == 0 {
            let bytes: Vec<u8> = (0..random(9_000))
                .map(|_| {
                    next = next.wrapping_add(1);
                    next
                })
                .collect();
            let mut source = Source::kernel(&bytes);
            ring.write(&mut source, Insertion::Stream, 4).unwrap();
            model.extend(&bytes[..source.done()]);
            next = next.wrapping_sub((bytes.len() - source.done()) as u8);
            assert!(ring.used() <= 4);
        } else {
            let length = random(12_000);
            let got = read(&mut ring, length);
            let expected: Vec<u8> = model.drain(..got.len()).collect();
            assert_eq!(got, expected);
            assert!(got.len() == length || model.is_empty());
        }
        assert_eq!(ring.filled(), model.len());
    }
}

#[test]
fn a_small_write_is_whole_or_not_at_all() {
    let pipe = Arc::new(Pipe::new());
    let _reader = PipeEnd::new(pipe.clone(), OpenFlags::empty());
    let _writer = PipeEnd::new(pipe.clone(), OpenFlags::WRITE_ONLY);
    assert_eq!(pipe.set_capacity(PLACE, false), Ok(PLACE));
    let bytes = [7; 3_000];
    assert_eq!(
        pipe.write(&mut Source::kernel(&bytes), Insertion::Stream, true),
        Ok(3_000)
    );
    let mut source = Source::kernel(&bytes);
    assert_eq!(
        pipe.write(&mut source, Insertion::Stream, true),
        Err(Errno::EAGAIN)
    );
    assert_eq!((source.done(), pipe.filled()), (0, 3_000));
    assert_eq!(pipe.set_capacity(0, true), Err(Errno::EINVAL));
    assert_eq!(pipe.set_capacity(2 << 20, false), Err(Errno::EPERM));
    assert_eq!(pipe.set_capacity(5_000, false), Ok(8_192));
}

#[test]
fn packets_stay_apart() {
    let mut ring = Ring::new();
    for piece in [b"first".as_slice(), b"second"] {
        ring.write(&mut Source::kernel(piece), Insertion::Packet, 16)
            .unwrap();
    }
    assert_eq!(read(&mut ring, 3), b"fir");
    assert_eq!(read(&mut ring, 100), b"second");
    assert_eq!(ring.filled(), 0);
}

#[test]
fn ends_see_each_other_go() {
    let (reader, writer) = create_pair(0, 0, OpenFlags::NON_BLOCKING).unwrap();
    let mut byte = [0];
    assert_eq!(
        reader.read(&mut Destination::kernel(&mut byte)),
        Err(Errno::EAGAIN)
    );
    assert_eq!(writer.poll(None), PollEvents::OUT);
    assert_eq!(writer.write(&mut Source::kernel(b"x")), Ok(1));
    assert_eq!(reader.poll(None), PollEvents::IN);
    assert_eq!(
        writer.read(&mut Destination::kernel(&mut byte)),
        Err(Errno::EBADF)
    );
    drop(writer);
    assert_eq!(reader.poll(None), PollEvents::IN | PollEvents::HANG_UP);
    assert_eq!(reader.read(&mut Destination::kernel(&mut byte)), Ok(1));
    assert_eq!(reader.read(&mut Destination::kernel(&mut byte)), Ok(0));
    let (reader, writer) = create_pair(0, 0, OpenFlags::empty()).unwrap();
    drop(reader);
    assert_eq!(writer.poll(None), PollEvents::OUT | PollEvents::ERROR);
    assert_eq!(writer.write(&mut Source::kernel(b"x")), Err(Errno::EPIPE));
}
