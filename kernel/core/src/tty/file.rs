//! Open terminals: reading, writing and readiness (termios(3), "canonical and noncanonical mode").

use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::Ordering;

use super::Terminal;
use super::discipline::Discipline;
use super::ioctl;
use super::termios::{Control, LocalFlags};
use crate::sched::Interruption;
use crate::task::{self, Current};
use crate::vfs::{Destination, File, FileOperations, PollEvents, PollRegistration, Source};
use crate::{Errno, Result};

/// Bytes carried between the terminal and user memory at a time.
const STEP: usize = 256;
/// `VTIME`'s unit in nanoseconds.
const TENTH_OF_A_SECOND: u64 = 100_000_000;

/// An open terminal.
pub struct TerminalFile {
    terminal: Arc<Terminal>,
    /// The terminal's generation when it was opened; a hang-up ends the openings of before. `None` for the
    /// system console, which no hang-up ends.
    generation: Option<u32>,
}

impl Terminal {
    /// Ends every opening of now: reads return nothing, writes fail.
    pub(super) fn end_openings(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.readers.wake_all();
        self.writers.wake_all();
    }
}

impl TerminalFile {
    /// Opens a terminal.
    pub fn new(terminal: Arc<Terminal>) -> Self {
        let generation = Some(terminal.generation.load(Ordering::Acquire));
        terminal.driver().opened();
        TerminalFile {
            terminal,
            generation,
        }
    }

    /// Opens a terminal as the system console.
    pub fn console(terminal: Arc<Terminal>) -> Self {
        terminal.driver().opened();
        TerminalFile {
            terminal,
            generation: None,
        }
    }

    /// The terminal.
    pub fn terminal(&self) -> &Arc<Terminal> {
        &self.terminal
    }

    fn is_hung_up(&self) -> bool {
        self.generation.is_some_and(|generation| {
            generation != self.terminal.generation.load(Ordering::Acquire)
        }) || self.terminal.driver().is_hung_up()
    }

    /// Waits until there is something to read by the rules of the mode; `false` for an end of the file or a
    /// time that has passed.
    fn wait_readable(&self, file: &File, wanted: usize) -> Result<bool> {
        let terminal = &self.terminal;
        let rule = terminal.with_discipline(|discipline| ReadRule::of(discipline, wanted));
        let first = rule.timeout.filter(|_| rule.minimum == 0);
        if let Some(ready) = self.poll_readable(rule.minimum.max(1))? {
            return Ok(ready);
        }
        if file.is_non_blocking() {
            return if rule.minimum == 0 && self.readable() == 0 && rule.timeout.is_none() {
                Ok(false)
            } else if self.readable() > 0 {
                Ok(true)
            } else {
                Err(Errno::EAGAIN)
            };
        }
        if rule.minimum == 0 && rule.timeout.is_none() {
            return Ok(self.readable() > 0);
        }
        let needed = if rule.timeout.is_some() {
            1
        } else {
            rule.minimum
        };
        match self.wait(needed, first)? {
            Some(true) => {}
            Some(false) => return Ok(false),
            None => return Ok(false),
        }
        // Between bytes the time counts anew.
        let mut have = self.readable();
        while let Some(timeout) = rule.timeout.filter(|_| have < rule.minimum) {
            match self.wait(have + 1, Some(timeout)) {
                Ok(Some(true)) => have = self.readable(),
                Ok(_) => break,
                // What has arrived is read; the signal is seen after it.
                Err(_) => break,
            }
        }
        Ok(true)
    }

    fn readable(&self) -> usize {
        self.terminal
            .with_discipline(|discipline| discipline.readable())
    }

    /// Whether `needed` bytes are there, or none ever will be; `None` while that is open.
    fn poll_readable(&self, needed: usize) -> Result<Option<bool>> {
        if self.readable() >= needed {
            return Ok(Some(true));
        }
        Ok(self.is_hung_up().then(|| self.readable() > 0))
    }

    /// Sleeps until `needed` bytes are there; `None` when `timeout` (ns) passed first.
    fn wait(&self, needed: usize, timeout: Option<u64>) -> Result<Option<bool>> {
        let deadline = timeout.map(|timeout| hal::time::now().saturating_add(timeout));
        self.terminal.readers.wait_deadline(
            || self.poll_readable(needed).ok().flatten(),
            deadline,
            Interruption::Signal,
        )
    }
}

impl Drop for TerminalFile {
    fn drop(&mut self) {
        self.terminal.driver().closed();
    }
}

/// When a read may return.
struct ReadRule {
    /// With so many bytes; a line in canonical mode counts as enough from its first byte on.
    minimum: usize,
    /// Or this long (ns) after the last byte, or after the call if the minimum is 0.
    timeout: Option<u64>,
}

impl ReadRule {
    fn of(discipline: &Discipline, wanted: usize) -> Self {
        if discipline.is_canonical() {
            return ReadRule {
                minimum: 1,
                timeout: None,
            };
        }
        let settings = discipline.termios();
        let minimum = usize::from(settings.character(Control::Minimum)).min(wanted);
        let time = u64::from(settings.character(Control::Time));
        ReadRule {
            minimum,
            timeout: (time != 0).then_some(time * TENTH_OF_A_SECOND),
        }
    }
}

impl FileOperations for TerminalFile {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        let wanted = destination.remaining();
        if wanted == 0 {
            return Ok(0);
        }
        if !self.is_hung_up() {
            self.terminal.check_read(&task::current())?;
        }
        loop {
            if !self.wait_readable(file, wanted)? {
                return Ok(0);
            }
            let mut total = 0;
            let mut took = false;
            loop {
                let mut step = [0; STEP];
                let length = destination.remaining().min(STEP);
                let Some(room) = step.get_mut(..length).filter(|room| !room.is_empty()) else {
                    break;
                };
                let Some(part) = self
                    .terminal
                    .with_discipline(|discipline| discipline.read(room))
                else {
                    break;
                };
                took = true;
                total += destination.write(room.get(..part.count).unwrap_or_default())?;
                if part.is_end {
                    break;
                }
            }
            // Another reader may have been faster: then wait again.
            if took {
                self.terminal.driver().unthrottle();
                return Ok(total);
            }
        }
    }

    fn write(&self, file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        let terminal = &self.terminal;
        if terminal.termios().has_local(LocalFlags::TOSTOP) && !self.is_hung_up() {
            terminal.check_change(&task::current())?;
        }
        let mut total = 0;
        while source.remaining() > 0 {
            if terminal.is_blocked() && !self.is_hung_up() {
                if file.is_non_blocking() {
                    return Err(Errno::EAGAIN);
                }
                terminal.writers.wait_interruptible(|| {
                    (!terminal.is_blocked() || self.is_hung_up()).then_some(())
                })?;
            }
            if self.is_hung_up() {
                return Err(Errno::EIO);
            }
            let mut step = [0; STEP];
            let length = STEP.min(terminal.driver().room().max(1));
            let count = source.read(step.get_mut(..length).unwrap_or_default())?;
            let written = step.get(..count).unwrap_or_default();
            terminal.write(written);
            total += count;
        }
        Ok(total)
    }

    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        let terminal = &self.terminal;
        if let Some(registration) = registration {
            registration.watch(&terminal.readers);
            registration.watch(&terminal.writers);
        }
        if self.is_hung_up() {
            return PollEvents::IN | PollEvents::OUT | PollEvents::HANG_UP | PollEvents::ERROR;
        }
        let mut events = PollEvents::empty();
        let is_readable = terminal.with_discipline(|discipline| {
            let rule = ReadRule::of(discipline, usize::MAX);
            let needed = if rule.timeout.is_some() {
                1
            } else {
                rule.minimum.max(1)
            };
            discipline.readable() >= needed
        });
        events.set(PollEvents::IN, is_readable);
        events.set(PollEvents::OUT, !terminal.is_blocked());
        events
    }

    fn ioctl(
        &self,
        file: &Arc<File>,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        if self.is_hung_up() {
            return Err(Errno::EIO);
        }
        ioctl::terminal(&self.terminal, file, current, request, argument)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
