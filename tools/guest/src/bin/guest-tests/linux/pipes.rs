//! Pipes and readiness.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::Child;
use crate::files::Place;
use crate::harness::Case;
use gantry_abi::user::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::io::{read, write};
use rustix::pipe::{PipeFlags, pipe, pipe_with};

pub const CASES: &[Case] = &[
    Case {
        name: "a_pipe_carries_bytes_in_order",
        test: order,
    },
    Case {
        name: "a_pipe_ends_with_its_last_writer",
        test: end_of_file,
    },
    Case {
        name: "a_full_pipe_blocks_or_says_so",
        test: full,
    },
    Case {
        name: "poll_tells_what_is_ready",
        test: readiness,
    },
    Case {
        name: "a_fifo_joins_reader_and_writer",
        test: fifo,
    },
    Case {
        name: "small_writes_do_not_mix",
        test: atomic,
    },
];

fn order() -> Check {
    const SIZE: usize = 1 << 20;
    let (reader, writer) = ok("pipe", pipe())?;
    let child = Child::start(|| {
        let data: Vec<u8> = (0..SIZE).map(|index| (index % 251) as u8).collect();
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            let count = ok("write", write(&writer, rest))?;
            rest = &rest[count..];
        }
        Ok(())
    })?;
    drop(writer);
    let mut received = Vec::new();
    let mut bytes = [0; 5000];
    loop {
        let count = ok("read", read(&reader, &mut bytes))?;
        if count == 0 {
            break;
        }
        received.extend_from_slice(&bytes[..count]);
    }
    child.finish()?;
    equal("bytes", received.len(), SIZE)?;
    ensure(
        "in order",
        received
            .iter()
            .enumerate()
            .all(|(index, &byte)| byte == (index % 251) as u8),
    )
}

fn end_of_file() -> Check {
    let (reader, writer) = ok("pipe", pipe())?;
    ok("write", write(&writer, b"last"))?;
    drop(writer);
    let mut bytes = [0; 8];
    equal(
        "what was written",
        ok("read", read(&reader, &mut bytes))?,
        4,
    )?;
    equal("the end", ok("read", read(&reader, &mut bytes))?, 0)
}

fn full() -> Check {
    let (reader, writer) = ok("pipe", pipe_with(PipeFlags::NONBLOCK))?;
    let mut bytes = [0; 4096];
    fails(
        "read of an empty pipe",
        read(&reader, &mut bytes),
        Errno::EAGAIN,
    )?;
    let mut total = 0;
    loop {
        match write(&writer, &bytes) {
            Ok(count) => total += count,
            Err(error) => break equal("write of a full pipe", error, rustix::io::Errno::AGAIN)?,
        }
    }
    equal("its capacity", total, 65_536)?;
    ok("read", read(&reader, &mut bytes))?;
    equal("room again", ok("write", write(&writer, &bytes))?, 4096)
}

fn readiness() -> Check {
    let (reader, writer) = ok("pipe", pipe())?;
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let look = |flags| -> Check<PollFlags> {
        let mut events = [PollFd::new(&reader, flags)];
        ok("poll", poll(&mut events, Some(&now)))?;
        Ok(events[0].revents())
    };
    equal("an empty pipe", look(PollFlags::IN)?, PollFlags::empty())?;
    ok("write", write(&writer, b"x"))?;
    equal("with a byte", look(PollFlags::IN)?, PollFlags::IN)?;
    let mut byte = [0];
    ok("read", read(&reader, &mut byte))?;
    drop(writer);
    equal("without writers", look(PollFlags::IN)?, PollFlags::HUP)?;
    let (reader, writer) = ok("pipe", pipe())?;
    let child = Child::start(|| {
        let mut events = [PollFd::new(&reader, PollFlags::IN)];
        equal("poll that waits", ok("poll", poll(&mut events, None))?, 1)
    })?;
    ok("write", write(&writer, b"x"))?;
    child.finish()
}

fn fifo() -> Check {
    let place = Place::new("fifo")?;
    let path = place.at("fifo");
    ok(
        "mkfifo",
        mknodat(CWD, path.as_str(), FileType::Fifo, Mode::from(0o600), 0),
    )?;
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    fails(
        "a writer without a reader",
        open(path.as_str(), flags, Mode::empty()),
        Errno::ENXIO,
    )?;
    let writer = Child::start(|| {
        let end = ok("open", open(path.as_str(), OFlags::WRONLY, Mode::empty()))?;
        ok("write", write(&end, b"through")).map(drop)
    })?;
    let end = ok("open", open(path.as_str(), OFlags::RDONLY, Mode::empty()))?;
    let mut bytes = [0; 16];
    let count = ok("read", read(&end, &mut bytes))?;
    equal("what came", &bytes[..count], b"through".as_slice())?;
    writer.finish()
}

fn atomic() -> Check {
    let (reader, writer) = ok("pipe", pipe())?;
    let children: Vec<Child> = (0..4u8)
        .map(|who| {
            Child::start(|| {
                for _ in 0..200 {
                    equal(
                        "a whole write",
                        ok("write", write(&writer, &[who; 100]))?,
                        100,
                    )?;
                }
                Ok(())
            })
        })
        .collect::<Check<_>>()?;
    drop(writer);
    let mut received = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let count = ok("read", read(&reader, &mut bytes))?;
        if count == 0 {
            break;
        }
        received.extend_from_slice(&bytes[..count]);
    }
    for child in children {
        child.finish()?;
    }
    equal("bytes", received.len(), 80_000)?;
    ensure(
        "no write is mixed with another",
        received
            .chunks(100)
            .all(|piece| piece.iter().all(|&byte| byte == piece[0])),
    )
}
