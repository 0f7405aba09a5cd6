//! The master of a pseudoterminal (ioctl_tty(2)).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::Ordering;

use linux_raw_sys::ioctl::{
    FIONREAD, TIOCGPGRP, TIOCGPKT, TIOCGPTLCK, TIOCGPTN, TIOCGPTPEER, TIOCGSID, TIOCPKT, TIOCSIG,
    TIOCSPTLCK,
};

use super::{Line, Names, Pseudoterminal};
use crate::signal::{Signal, SignalInfo};
use crate::task::Current;
use crate::tty::{ioctl, packet};
use crate::vfs::{
    Destination, File, FileOperations, OpenFlags, PollEvents, PollRegistration, Source,
};
use crate::{Errno, Result};

/// Bytes carried between the master and its user at a time.
const STEP: usize = 512;

/// The open master.
pub(super) struct Master {
    pair: Pseudoterminal,
    names: Box<dyn Names>,
}

impl Master {
    /// The master of a new pair.
    pub fn new(pair: Pseudoterminal, names: Box<dyn Names>) -> Self {
        Self { pair, names }
    }

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
        self.names.closed();
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
        if destination.remaining() == 0 {
            return Ok(0);
        }
        let look = || -> Option<Result<()>> {
            if line.packet.has_news() || !line.output.lock().is_empty() {
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
        if let Some(news) = line.packet.take_news() {
            return destination.write(&[news]);
        }
        let mut total = 0;
        if line.packet.is_on() {
            total += destination.write(&[packet::DATA])?;
        }
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
        let has_news = line.packet.has_news();
        events.set(PollEvents::PRIORITY, has_news);
        events.set(PollEvents::IN, has_news || !line.output.lock().is_empty());
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
            TIOCGPTPEER => self.open_peer(file, current, argument),
            TIOCPKT => {
                self.line().packet.set(ioctl::read::<i32>(argument)? != 0);
                Ok(0)
            }
            TIOCGPKT => ioctl::write(argument, &i32::from(self.line().packet.is_on())),
            TIOCSIG => self.signal(argument),
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
    /// Opens the slave by way of the master (ioctl_tty(2), TIOCGPTPEER): whatever is at its path in the caller's tree.
    fn open_peer(&self, file: &File, current: &Current, flags: u64) -> Result<usize> {
        let flags = OpenFlags::from_bits_retain(flags as u32);
        let master = file.location().ok_or(Errno::ENODEV)?;
        let location = self.names.slave(master, current)?;
        let operations = self.pair.open_slave(current, flags)?;
        let kept =
            flags & (OpenFlags::READ_WRITE | OpenFlags::WRITE_ONLY | OpenFlags::NON_BLOCKING);
        let file = File::new(location, operations, kept);
        let limit = current.process().limit(crate::task::Resource::OpenFiles);
        let close_on_exec = flags.contains(OpenFlags::CLOSE_ON_EXEC);
        current
            .files()
            .install(file, close_on_exec, 0, limit)
            .map(|descriptor| descriptor as usize)
    }

    /// Signals the foreground group as the keyboard does (`TIOCSIG`).
    fn signal(&self, number: u64) -> Result<usize> {
        let signals = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTSTP];
        let signal = signals
            .into_iter()
            .find(|signal| u64::from(signal.number()) == number)
            .ok_or(Errno::EINVAL)?;
        let terminal = &self.pair.terminal;
        terminal.signal_foreground(SignalInfo::kernel(signal));
        Ok(0)
    }
}
