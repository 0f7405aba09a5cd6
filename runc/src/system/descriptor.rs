//! Descriptors of no particular kind: pipes, files in memory, waiting for several at once.

use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::fs::{self, CWD, MemfdFlags, Mode, OFlags};
use rustix::io::{self as rustix_io, Errno, FdFlags};
use rustix::pipe::{self, PipeFlags};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

/// How long it is waited for the system to have again what it lacks.
const PAUSE: Duration = Duration::from_millis(20);

/// What is waited for on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// It can be read, or its other side is gone.
    Read,
    /// It can be written, or its other side is gone.
    Write,
    /// Something out of the ordinary has happened to it.
    Exception,
}

/// Waits until some of the descriptors are ready, at most for `timeout`; which are, by index.
pub fn wait_for(
    descriptors: &[(BorrowedFd<'_>, Interest)],
    timeout: Option<Duration>,
) -> io::Result<Vec<usize>> {
    let mut polled: Vec<PollFd<'_>> = descriptors
        .iter()
        .map(|(descriptor, interest)| {
            let flags = match interest {
                Interest::Read => PollFlags::IN,
                Interest::Write => PollFlags::OUT,
                Interest::Exception => PollFlags::PRI,
            };
            PollFd::from_borrowed_fd(*descriptor, flags)
        })
        .collect();
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: timeout.as_secs() as i64,
        tv_nsec: i64::from(timeout.subsec_nanos()),
    });
    match event::poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        // For want of memory: nothing is ready, as far as anybody knows. That passes.
        Err(Errno::NOMEM) => thread::sleep(PAUSE),
        Err(error) => return Err(error.into()),
    }
    Ok(polled
        .iter()
        .enumerate()
        .filter(|(_, polled)| !polled.revents().is_empty())
        .map(|(index, _)| index)
        .collect())
}

/// Whether a descriptor is readable, or becomes so within `timeout`.
pub fn is_readable(descriptor: impl AsFd, timeout: Duration) -> io::Result<bool> {
    Ok(!wait_for(&[(descriptor.as_fd(), Interest::Read)], Some(timeout))?.is_empty())
}

/// A pipe: the end to read from, the end to write to.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe::pipe_with(PipeFlags::CLOEXEC)?)
}

/// Reads what is there; `None`: nothing now.
pub fn read_some(descriptor: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match rustix_io::read(&descriptor, &mut *buffer) {
            Ok(length) => return Ok(Some(length)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes as much as fits; `None`: nothing now.
pub fn write_some(descriptor: impl AsFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    loop {
        match rustix_io::write(&descriptor, bytes) {
            Ok(length) => return Ok(Some(length)),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes all of it, waiting for room.
pub fn write_all(descriptor: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_some(&descriptor, bytes)? {
            Some(length) => bytes = bytes.get(length..).unwrap_or_default(),
            None => {
                wait_for(&[(descriptor.as_fd(), Interest::Write)], None)?;
            }
        }
    }
    Ok(())
}

/// Reads and writes don't wait from now on, for everybody who shares the opening.
pub fn set_non_blocking(descriptor: impl AsFd) -> io::Result<()> {
    let flags = fs::fcntl_getfl(&descriptor)?;
    Ok(fs::fcntl_setfl(descriptor, flags | OFlags::NONBLOCK)?)
}

/// A nameless file with these contents, to be read from its beginning.
pub fn file_in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(fs::memfd_create("runc", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// /dev/null, for reading and writing.
pub fn null() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    Ok(fs::openat(CWD, "/dev/null", flags, Mode::empty())?)
}

/// Standard input, output and error become /dev/null: whoever waits for the other end of theirs needn't wait
/// for this process.
pub fn leave_standard_streams() -> io::Result<()> {
    let null = null()?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Whether a number is that of an open descriptor that a program would inherit.
pub fn is_inheritable(number: i32) -> bool {
    gantry_abi::user::calls::descriptor_flags(number)
        .is_ok_and(|flags| !FdFlags::from_bits_retain(flags).contains(FdFlags::CLOEXEC))
}

/// A further descriptor of the same opening.
pub fn duplicate(descriptor: impl AsFd) -> io::Result<OwnedFd> {
    Ok(rustix_io::fcntl_dupfd_cloexec(descriptor, 0)?)
}
