//! Pseudoterminals (pty(7)): a terminal whose device is a program.
//!
//! The program has the [`master`]: what it writes is typed on the terminal, what the terminal's users write it reads.
//! The terminal itself is the *slave*, opened under its number in a devpts file system.

mod master;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hal::sync::IrqSpinLock;

use self::master::Master;
use super::file::TerminalFile;
use super::packet::PacketMode;
use super::terminal::{Driver, LineEvent, Terminal};
use crate::heap::MakeRoom;
use crate::sched::WaitQueue;
use crate::task::Current;
use crate::vfs::{DeviceNumber, FileOperations, Location, OpenFlags};
use crate::{Errno, Result};

/// The major number of slaves.
pub const SLAVE_MAJOR: u32 = 136;
/// The multiplexer, /dev/ptmx.
pub const MULTIPLEXER: DeviceNumber = DeviceNumber::new(5, 2);

/// Bytes of output that wait for the master before writers have to.
const CAPACITY: usize = 8192;
/// What master and slave share.
struct Line {
    /// What the slave's users have written and the master hasn't read.
    output: IrqSpinLock<VecDeque<u8>>,
    /// Woken when the master can read or write.
    master: WaitQueue,
    is_master_open: AtomicBool,
    /// Open files of the slave.
    slaves: AtomicUsize,
    /// The last of them has been closed: the master reads an error once the output is empty.
    is_deserted: AtomicBool,
    /// The slave can't be opened yet.
    is_locked: AtomicBool,
    packet: PacketMode,
}

/// The slave's device: the master.
struct SlaveDriver(Arc<Line>);

impl Driver for SlaveDriver {
    fn write(&self, bytes: &[u8]) {
        {
            let mut output = self.0.output.lock();
            // Writers keep to `room`; what echo adds beyond it is bounded by their steps.
            if output.make_room(bytes.len()).is_ok() {
                output.extend(bytes);
            }
        }
        self.0.master.wake_all();
    }

    fn room(&self) -> usize {
        if !self.0.is_master_open.load(Ordering::Acquire) {
            return usize::MAX;
        }
        CAPACITY.saturating_sub(self.0.output.lock().len())
    }

    fn unthrottle(&self) {
        self.0.master.wake_all();
    }

    fn tell(&self, event: LineEvent) {
        if event == LineEvent::OutputFlushed {
            self.0.output.lock().clear();
        }
        if self.0.packet.note(event) {
            self.0.master.wake_all();
        }
    }

    fn is_hung_up(&self) -> bool {
        !self.0.is_master_open.load(Ordering::Acquire)
    }

    fn opened(&self) {
        self.0.slaves.fetch_add(1, Ordering::AcqRel);
        self.0.is_deserted.store(false, Ordering::Release);
    }

    fn closed(&self) {
        if self.0.slaves.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.is_deserted.store(true, Ordering::Release);
            self.0.master.wake_all();
        }
    }
}

/// A pseudoterminal, as the file system that names it knows it.
#[derive(Clone)]
pub struct Pseudoterminal {
    line: Arc<Line>,
    terminal: Arc<Terminal>,
}

impl Pseudoterminal {
    /// A new one with this number, locked.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(number: u32) -> Result<Self> {
        let line = Arc::new(Line {
            output: IrqSpinLock::new(VecDeque::new()),
            master: WaitQueue::new(),
            is_master_open: AtomicBool::new(true),
            slaves: AtomicUsize::new(0),
            is_deserted: AtomicBool::new(false),
            is_locked: AtomicBool::new(true),
            packet: PacketMode::default(),
        });
        line.output.lock().make_room(CAPACITY)?;
        let driver = Box::new(SlaveDriver(Arc::clone(&line)));
        let terminal = Terminal::new(DeviceNumber::new(SLAVE_MAJOR, number), driver)?;
        Ok(Pseudoterminal { line, terminal })
    }

    /// Opens the slave.
    ///
    /// # Errors
    /// `EIO` while it is locked or when the master is gone.
    pub fn open_slave(
        &self,
        current: &Current,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        if self.line.is_locked.load(Ordering::Acquire)
            || !self.line.is_master_open.load(Ordering::Acquire)
        {
            return Err(Errno::EIO);
        }
        if !flags.contains(OpenFlags::NO_CONTROLLING_TERMINAL) {
            self.terminal.acquire_on_open(current);
        }
        Ok(Box::new(TerminalFile::new(Arc::clone(&self.terminal))))
    }

    /// Opens the master.
    pub fn open_master(self, names: Box<dyn Names>) -> Box<dyn FileOperations> {
        Box::new(Master::new(self, names))
    }
}

/// The file system that names a pseudoterminal.
pub trait Names: Send + Sync {
    /// Where the slave is, for a master that was opened at this place.
    ///
    /// # Errors
    /// `ENODEV` if the file system isn't mounted there any more.
    fn slave(&self, master: &Location, current: &Current) -> Result<Location>;

    /// The master has closed: the name goes.
    fn closed(&self);
}
