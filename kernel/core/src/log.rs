//! The kernel log: records with a level, kept in a ring for dmesg and shown on the console up to a level.

use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use hal::sync::IrqSpinLock;

/// How grave a record is (syslog(2)); the console shows those below its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    Emergency = 0,
    Alert = 1,
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Information = 6,
    Debug = 7,
}

/// Bytes the ring keeps.
pub const RING_SIZE: usize = 64 << 10;
/// The longest record; the rest is cut off.
const RECORD_MAX: usize = 512;

/// The console level without `loglevel=` or `quiet`: warnings and graver.
pub const DEFAULT_CONSOLE_LEVEL: u32 = 5;
static CONSOLE_LEVEL: AtomicU32 = AtomicU32::new(DEFAULT_CONSOLE_LEVEL);

/// The newest bytes of the log's text: lines of `<level>[seconds.micros] text`.
struct Ring {
    bytes: [u8; RING_SIZE],
    /// Bytes ever written; the newest `RING_SIZE` are there.
    written: u64,
    /// Bytes before this one were cleared (dmesg -c).
    cleared: u64,
    /// Bytes before this one were read by SYSLOG_ACTION_READ.
    read: u64,
}

static RING: IrqSpinLock<Ring> = IrqSpinLock::new(Ring {
    bytes: [0; RING_SIZE],
    written: 0,
    cleared: 0,
    read: 0,
});

/// A record being put together, on the stack.
struct Record {
    bytes: [u8; RECORD_MAX],
    length: usize,
}

impl Write for Record {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.len() - 1 - self.length;
        let taken = text.len().min(room);
        self.bytes[self.length..self.length + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.length += taken;
        Ok(())
    }
}

/// Adds a record; callable from anywhere, interrupts included.
pub fn record(level: Level, arguments: fmt::Arguments<'_>) {
    let now = hal::time::now();
    let mut record = Record {
        bytes: [0; RECORD_MAX],
        length: 0,
    };
    // The writer never fails; what doesn't fit is cut off.
    let _ = write!(
        record,
        "<{}>[{:5}.{:06}] ",
        level as u32,
        now / 1_000_000_000,
        now / 1000 % 1_000_000
    );
    let _ = record.write_fmt(arguments);
    record.bytes[record.length] = b'\n';
    let line = &record.bytes[..=record.length];
    {
        let mut ring = RING.lock();
        let start = ring.written as usize % RING_SIZE;
        let first = line.len().min(RING_SIZE - start);
        ring.bytes[start..start + first].copy_from_slice(&line[..first]);
        ring.bytes[..line.len() - first].copy_from_slice(&line[first..]);
        ring.written += line.len() as u64;
    }
    if (level as u32) < CONSOLE_LEVEL.load(Relaxed) {
        // Without the level in front.
        hal::log::write(&line[3..]);
    }
}

/// Sets which records the console shows: those whose level is below (loglevel=, SYSLOG_ACTION_CONSOLE_LEVEL).
pub fn set_console_level(level: u32) {
    CONSOLE_LEVEL.store(level.clamp(1, 8), Relaxed);
}

/// Which records the console shows.
pub fn console_level() -> u32 {
    CONSOLE_LEVEL.load(Relaxed)
}

/// The newest whole lines of at most `limit` bytes that weren't cleared; none if there is no memory for them.
pub fn newest(limit: usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    text.make_room_exact(limit.min(RING_SIZE)).ok()?;
    let ring = RING.lock();
    let oldest = ring
        .written
        .saturating_sub(RING_SIZE as u64)
        .max(ring.cleared);
    let start = oldest.max(
        ring.written
            .saturating_sub(text.capacity().min(limit) as u64),
    );
    copy(&ring, start, ring.written, &mut text);
    drop(ring);
    skip_broken_line(&mut text);
    Some(text)
}

/// Hands `show` what a console that comes late has missed: the lines that are kept and would have been shown.
///
/// # Errors
/// `ENOMEM`.
pub fn replay(mut show: impl FnMut(&[u8])) -> Result<()> {
    let text = newest(RING_SIZE).ok_or(Errno::ENOMEM)?;
    let level = console_level();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        // <level>, a digit.
        if let [b'<', digit, b'>', line @ ..] = line
            && u32::from(digit.wrapping_sub(b'0')) < level
        {
            show(line);
        }
    }
    Ok(())
}

/// Takes up to `limit` bytes that nobody has taken yet (SYSLOG_ACTION_READ).
pub fn take_unread(limit: usize) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    text.make_room_exact(limit.min(RING_SIZE)).ok()?;
    let mut ring = RING.lock();
    let start = ring.read.max(ring.written.saturating_sub(RING_SIZE as u64));
    let end = ring.written.min(start + limit.min(RING_SIZE) as u64);
    copy(&ring, start, end, &mut text);
    ring.read = end;
    Some(text)
}

/// How many bytes nobody has taken yet (SYSLOG_ACTION_SIZE_UNREAD).
pub fn unread() -> usize {
    let ring = RING.lock();
    (ring.written - ring.read).min(RING_SIZE as u64) as usize
}

/// Lets `newest` forget what there is (SYSLOG_ACTION_CLEAR).
pub fn clear() {
    let mut ring = RING.lock();
    ring.cleared = ring.written;
}

fn copy(ring: &Ring, start: u64, end: u64, text: &mut Vec<u8>) {
    for position in start..end {
        text.push(ring.bytes[position as usize % RING_SIZE]);
    }
}

/// A copy that began in the middle of a line loses that line.
fn skip_broken_line(text: &mut Vec<u8>) {
    if text.first() != Some(&b'<') {
        let end = text
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(text.len(), |position| position + 1);
        text.drain(..end);
    }
}

/// Logs something that failed.
#[macro_export]
#[doc(hidden)]
macro_rules! log_error {
    ($($argument:tt)*) => { $crate::log::record($crate::log::Level::Error, ::core::format_args!($($argument)*)) };
}

/// Logs something odd.
#[macro_export]
#[doc(hidden)]
macro_rules! log_warn {
    ($($argument:tt)*) => { $crate::log::record($crate::log::Level::Warning, ::core::format_args!($($argument)*)) };
}

/// Logs a fact of interest.
#[macro_export]
#[doc(hidden)]
macro_rules! log_info {
    ($($argument:tt)*) => { $crate::log::record($crate::log::Level::Information, ::core::format_args!($($argument)*)) };
}

pub use crate::{log_error as error, log_info as info, log_warn as warn};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_as_whole_lines_and_read_once() {
        set_console_level(1);
        for index in 0..3000 {
            info!("record number {index} with some length to it, so that the ring goes round");
        }
        let text = newest(4000).unwrap();
        assert!(text.starts_with(b"<6>[") && text.ends_with(b"goes round\n"));
        assert!(text.len() <= 4000);
        let all = newest(usize::MAX).unwrap();
        assert!(all.len() <= RING_SIZE && all.starts_with(b"<6>["));
        while !take_unread(5000).unwrap().is_empty() {}
        assert_eq!(unread(), 0);
        info!("{}", "x".repeat(2000));
        assert!(unread() <= RECORD_MAX);
    }
}
