//! Packet mode of pseudoterminals (`TIOCPKT`, ioctl_tty(2)): what the master reads begins with a byte that says
//! whether data follows or what has happened to the slave.

use core::sync::atomic::{
    AtomicBool, AtomicU8, Ordering::AcqRel, Ordering::Acquire, Ordering::Release,
};

use super::terminal::LineEvent;

/// `TIOCPKT_DATA`: data follows.
pub const DATA: u8 = 0;
const FLUSH_READ: u8 = 1;
const FLUSH_WRITE: u8 = 2;
const STOP: u8 = 4;
const START: u8 = 8;
const NO_STOP: u8 = 16;
const DO_STOP: u8 = 32;

/// Whether the mode is on, and what the master hasn't been told yet.
#[derive(Debug, Default)]
pub struct PacketMode {
    is_on: AtomicBool,
    status: AtomicU8,
}

impl PacketMode {
    /// Turns the mode on, with nothing to tell, or off.
    pub fn set(&self, on: bool) {
        if on && !self.is_on() {
            self.status.store(0, Release);
        }
        self.is_on.store(on, Release);
    }

    /// Whether it is on.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Acquire)
    }

    /// Notes what has happened; whether the master is to hear of it.
    pub fn note(&self, event: LineEvent) -> bool {
        if !self.is_on() {
            return false;
        }
        // What contradicts the event is no news any more.
        let (bit, opposite) = match event {
            LineEvent::InputFlushed => (FLUSH_READ, 0),
            LineEvent::OutputFlushed => (FLUSH_WRITE, 0),
            LineEvent::Stopped => (STOP, START),
            LineEvent::Started => (START, STOP),
            LineEvent::FlowKeys(true) => (DO_STOP, NO_STOP),
            LineEvent::FlowKeys(false) => (NO_STOP, DO_STOP),
        };
        let _ = self
            .status
            .fetch_update(AcqRel, Acquire, |status| Some((status & !opposite) | bit));
        true
    }

    /// Whether there is something to tell.
    pub fn has_news(&self) -> bool {
        self.is_on() && self.status.load(Acquire) != 0
    }

    /// What there is to tell, once.
    pub fn take_news(&self) -> Option<u8> {
        if !self.is_on() {
            return None;
        }
        Some(self.status.swap(0, AcqRel)).filter(|status| *status != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_are_told_once_and_contradictions_are_forgotten() {
        let mode = PacketMode::default();
        assert!(!mode.note(LineEvent::Stopped));
        mode.set(true);
        assert_eq!(mode.take_news(), None);
        assert!(mode.note(LineEvent::Stopped));
        mode.note(LineEvent::Started);
        mode.note(LineEvent::InputFlushed);
        assert!(mode.has_news());
        // Turning on what is on changes nothing.
        mode.set(true);
        assert_eq!(mode.take_news(), Some(START | FLUSH_READ));
        assert_eq!(mode.take_news(), None);
        mode.note(LineEvent::FlowKeys(false));
        mode.set(false);
        assert!(!mode.has_news());
        mode.set(true);
        assert_eq!(mode.take_news(), None);
    }
}
