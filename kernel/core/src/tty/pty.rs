//! Pseudoterminals (pty(7)): a terminal whose device is a program.
//!
//! The program has the *master*: what it writes is typed on the terminal, what the terminal's users write it reads.
//! The terminal itself is the *slave*, opened under its number in a devpts file system.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hal::sync::IrqSpinLock;
use linux_raw_sys::ioctl::{
    FIONREAD, TIOCGPGRP, TIOCGPTLCK, TIOCGPTN, TIOCGPTPEER, TIOCGSID, TIOCSPTLCK,
};

use super::file::TerminalFile;
use super::ioctl;
use super::terminal::{Driver, Terminal};
use crate::heap::MakeRoom;
use crate::sched::WaitQueue;
use crate::task::Current;
use crate::vfs::{
    Destination, DeviceNumber, File, FileOperations, OpenFlags, PollEvents, PollRegistration,
    Source,
};
use crate::{Errno, Result};

/// The major number of slaves.
pub const SLAVE_MAJOR: u32 = 136;
/// The multiplexer, /dev/ptmx.
pub const MULTIPLEXER: DeviceNumber = DeviceNumber::new(5, 2);

/// Bytes of output that wait for the master before writers have to.
const CAPACITY: usize = 8192;
/// Bytes carried between the master and its user at a time.
const STEP: usize = 512;

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

    /// Opens the master; `closed` is called once when it closes.
    pub fn open_master(self, closed: Box<dyn Fn() + Send + Sync>) -> Box<dyn FileOperations> {
        Box::new(Master { pair: self, closed })
    }
}

/// The open master.
struct Master {
    pair: Pseudoterminal,
    closed: Box<dyn Fn() + Send + Sync>,
}

impl Master {
    fn line(&self) -> &Line {
        &self.pair.line
    }

    /// Whether a byte that is written now can be received, or would be thrown away anyhow because nobody can read
    /// what is there.
    fn can_receive(&self) -> bool {
        let terminal = &self.pair.terminal;
        terminal.input_room() > 0
            || terminal.with_discipline(|discipline| discipline.readable()) == 0
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        self.line().is_master_open.store(false, Ordering::Release);
        self.pair.terminal.hang_up();
        (self.closed)();
    }
}

impl FileOperations for Master {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        let line = self.line();
        let look = || -> Option<Result<()>> {
            if !line.output.lock().is_empty() {
                return Some(Ok(()));
            }
            line.is_deserted
                .load(Ordering::Acquire)
                .then_some(Err(Errno::EIO))
        };
        match look() {
            Some(result) => result?,
            None if file.is_non_blocking() => return Err(Errno::EAGAIN),
            None => line.master.wait_interruptible(look)??,
        }
        let mut total = 0;
        while destination.remaining() > 0 {
            let mut step = [0; STEP];
            let count = {
                let mut output = line.output.lock();
                let count = output.len().min(STEP).min(destination.remaining());
                for (place, byte) in step.iter_mut().zip(output.drain(..count)) {
                    *place = byte;
                }
                count
            };
            if count == 0 {
                break;
            }
            total += destination.write(step.get(..count).unwrap_or_default())?;
        }
        self.pair.terminal.show_echo();
        self.pair.terminal.writers.wake_all();
        Ok(total)
    }

    fn write(&self, file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        let mut total = 0;
        while source.remaining() > 0 {
            if !self.can_receive() {
                if file.is_non_blocking() {
                    return Err(Errno::EAGAIN);
                }
                self.line()
                    .master
                    .wait_interruptible(|| self.can_receive().then_some(()))?;
            }
            let mut step = [0; STEP];
            let room = self.pair.terminal.input_room().clamp(1, STEP);
            let count = source.read(step.get_mut(..room).unwrap_or_default())?;
            self.pair
                .terminal
                .receive(step.get(..count).unwrap_or_default());
            total += count;
        }
        Ok(total)
    }

    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        let line = self.line();
        if let Some(registration) = registration {
            registration.watch(&line.master);
        }
        let mut events = PollEvents::empty();
        events.set(PollEvents::IN, !line.output.lock().is_empty());
        events.set(PollEvents::OUT, self.can_receive());
        events.set(
            PollEvents::HANG_UP,
            line.is_deserted.load(Ordering::Acquire),
        );
        events
    }

    fn ioctl(
        &self,
        file: &Arc<File>,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        let terminal = &self.pair.terminal;
        match request {
            TIOCGPTN => ioctl::write(argument, &terminal.number().minor),
            TIOCSPTLCK => {
                self.line()
                    .is_locked
                    .store(ioctl::read::<i32>(argument)? != 0, Ordering::Release);
                Ok(0)
            }
            TIOCGPTLCK => ioctl::write(
                argument,
                &i32::from(self.line().is_locked.load(Ordering::Acquire)),
            ),
            TIOCGPTPEER => self.open_peer(current, argument),
            FIONREAD => {
                let length = self.line().output.lock().len();
                ioctl::write(argument, &i32::try_from(length).unwrap_or(i32::MAX))
            }
            // The master's user needn't have the terminal as its own to ask whom it belongs to.
            TIOCGPGRP => {
                let group = terminal.foreground().ok_or(Errno::ENOTTY)?;
                let number = current
                    .process()
                    .contexts()
                    .number_of(group.number())
                    .unwrap_or(0);
                ioctl::write(argument, &number)
            }
            TIOCGSID => {
                let session = terminal.control.lock().session().ok_or(Errno::ENOTTY)?;
                let number = current
                    .process()
                    .contexts()
                    .number_of(session.number())
                    .unwrap_or(0);
                ioctl::write(argument, &number)
            }
            _ => ioctl::terminal(terminal, file, current, request, argument),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Master {
    /// Opens the slave without its name (ioctl_tty(2), TIOCGPTPEER).
    fn open_peer(&self, current: &Current, flags: u64) -> Result<usize> {
        let flags = OpenFlags::from_bits_retain(flags as u32);
        self.line().is_locked.store(false, Ordering::Release);
        let operations = self.pair.open_slave(current, flags)?;
        let kept =
            flags & (OpenFlags::READ_WRITE | OpenFlags::WRITE_ONLY | OpenFlags::NON_BLOCKING);
        let file = File::anonymous("pts", operations, kept);
        let limit = current.process().limit(crate::task::Resource::OpenFiles);
        let close_on_exec = flags.contains(OpenFlags::CLOSE_ON_EXEC);
        current
            .files()
            .install(file, close_on_exec, 0, limit)
            .map(|descriptor| descriptor as usize)
    }
}
