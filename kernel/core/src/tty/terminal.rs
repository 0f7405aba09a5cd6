//! A terminal: a line discipline between a device and the programs that have it open.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use hal::sync::{IrqSpinLock, SpinLock};

use super::discipline::{Discipline, Effects, Flow, KeyboardSignal};
use super::job_control::Control;
use super::output::Output;
use super::termios::{Control as Character, InputFlags, OutputFlags, Termios, WindowSize};
use crate::Result;
use crate::sched::{Mutex, WaitQueue};
use crate::signal::{Signal, SignalInfo};
use crate::vfs::DeviceNumber;

/// Echo that waits while output is stopped or busy, at most; more is dropped, as on Linux.
const ECHO_LIMIT: usize = 4096;
/// Bytes written with preemption off.
const OUTPUT_STEP: usize = 128;

/// The device side of a terminal.
pub trait Driver: Send + Sync {
    /// Shows all of `bytes`. Callable with interrupts masked.
    fn write(&self, bytes: &[u8]);

    /// How many bytes writers should hand over at most now; a device that waits by itself has no limit.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Input is accepted again after [`Terminal::input_room`] was short of it.
    fn unthrottle(&self) {}

    /// Something has happened that the other end may want to know of. Callable in an interrupt.
    fn tell(&self, _event: LineEvent) {}

    /// The terminal was opened once more.
    fn opened(&self) {}

    /// One of its openings was closed.
    fn closed(&self) {}

    /// Whether the other end is gone for good: reads end, writes fail.
    fn is_hung_up(&self) -> bool {
        false
    }
}

/// What the other end of a line may want to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// Input that nobody had read is gone.
    InputFlushed,
    /// Output that is still on its way is to go.
    OutputFlushed,
    /// Output waits.
    Stopped,
    /// Output goes on.
    Started,
    /// Whether `^S` and `^Q` stop and start output now.
    FlowKeys(bool),
}

/// A terminal.
///
/// Locks: `line` (sleeping) around each write; `output`, then `input` (masks interrupts). Input may arrive
/// in an interrupt: it only ever tries `output`, and whoever holds that shows the echo on its way out.
pub struct Terminal {
    number: DeviceNumber,
    driver: Box<dyn Driver>,
    input: IrqSpinLock<Input>,
    output: SpinLock<Output>,
    line: Mutex<()>,
    /// [`OutputFlags`] of the settings, for writers.
    output_flags: AtomicU32,
    /// The column of the cursor, for the discipline.
    column: AtomicUsize,
    is_stopped: AtomicBool,
    window: SpinLock<WindowSize>,
    /// Woken when there is something to read, or the end of it.
    pub(super) readers: WaitQueue,
    /// Woken when output may go on.
    pub(super) writers: WaitQueue,
    /// Counts hang-ups: files opened before one are dead.
    pub(super) generation: AtomicU32,
    /// Session and foreground group.
    pub(super) control: IrqSpinLock<Control>,
}

struct Input {
    discipline: Discipline,
    echo: VecDeque<u8>,
}

impl Terminal {
    /// A terminal on a device. `ENOMEM` without memory for its buffers.
    pub fn new(number: DeviceNumber, driver: Box<dyn Driver>) -> Result<Arc<Self>> {
        let discipline = Discipline::new()?;
        let output_flags = AtomicU32::new(discipline.termios().output);
        Ok(Arc::new(Terminal {
            number,
            driver,
            input: IrqSpinLock::new(Input {
                discipline,
                echo: VecDeque::new(),
            }),
            output: SpinLock::new(Output::default()),
            line: Mutex::new(()),
            output_flags,
            column: AtomicUsize::new(0),
            is_stopped: AtomicBool::new(false),
            window: SpinLock::new(WindowSize::default()),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
            generation: AtomicU32::new(0),
            control: IrqSpinLock::new(Control::default()),
        }))
    }

    /// The device number, as /proc/N/stat shows it.
    pub fn number(&self) -> DeviceNumber {
        self.number
    }

    /// The device.
    pub fn driver(&self) -> &dyn Driver {
        &*self.driver
    }

    /// Takes in bytes from the device. Callable in an interrupt.
    pub fn receive(&self, bytes: &[u8]) {
        for &byte in bytes {
            let mut effects = Effects::default();
            {
                let mut input = self.input.lock();
                input
                    .discipline
                    .receive(byte, self.column.load(Ordering::Relaxed), &mut effects);
                if effects.flush_output {
                    input.echo.clear();
                }
                let room = ECHO_LIMIT.saturating_sub(input.echo.len());
                input.echo.extend(effects.echo.iter().take(room));
            }
            if effects.flush_output {
                self.driver.tell(LineEvent::InputFlushed);
                self.driver.tell(LineEvent::OutputFlushed);
            }
            if let Some(flow) = effects.output {
                self.set_stopped(flow == Flow::Stop);
            }
            if !effects.echo.is_empty() {
                self.show_echo();
            }
            if effects.readable {
                self.readers.wake_all();
            }
            if let Some(signal) = effects.signal {
                self.signal_foreground(SignalInfo::kernel(match signal {
                    KeyboardSignal::Interrupt => Signal::SIGINT,
                    KeyboardSignal::Quit => Signal::SIGQUIT,
                    KeyboardSignal::Suspend => Signal::SIGTSTP,
                }));
            }
        }
    }

    /// Sends a signal to the foreground group, if there is one.
    pub(super) fn signal_foreground(&self, information: SignalInfo) {
        let group = self.control.lock().foreground();
        if let Some(group) = group {
            group.signal(information);
        }
    }

    /// How many bytes more can be received without loss.
    pub fn input_room(&self) -> usize {
        self.input.lock().discipline.room()
    }

    /// Stops output or lets it go on (`^S` and `^Q`, `TCXONC`).
    pub fn set_stopped(&self, stopped: bool) {
        if self.is_stopped.swap(stopped, Ordering::AcqRel) != stopped {
            self.driver.tell(if stopped {
                LineEvent::Stopped
            } else {
                LineEvent::Started
            });
        }
        if !stopped {
            self.show_echo();
            self.writers.wake_all();
        }
    }

    /// Whether a write would have to wait.
    pub fn is_blocked(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire) || self.driver.room() == 0
    }

    /// Shows echo that waits, unless somebody is just writing, who will. Callable in an interrupt.
    pub fn show_echo(&self) {
        while !self.is_blocked() && !self.input.lock().echo.is_empty() {
            let Some(mut output) = self.output.try_lock() else {
                return;
            };
            let mut chunk = [0; 64];
            let count = {
                let mut input = self.input.lock();
                let count = input.echo.len().min(chunk.len());
                for (place, byte) in chunk.iter_mut().zip(input.echo.drain(..count)) {
                    *place = byte;
                }
                count
            };
            self.show(&mut output, chunk.get(..count).unwrap_or_default());
        }
    }

    fn show(&self, output: &mut Output, bytes: &[u8]) {
        let flags = OutputFlags::from_bits_retain(self.output_flags.load(Ordering::Relaxed));
        output.process(flags, bytes, |piece| self.driver.write(piece));
        self.column.store(output.column(), Ordering::Relaxed);
    }

    /// Shows bytes without interruption by another write, but by echo.
    pub fn write(&self, bytes: &[u8]) {
        let line = self.line.lock();
        for step in bytes.chunks(OUTPUT_STEP) {
            {
                let mut output = self.output.lock();
                self.show(&mut output, step);
            }
            self.show_echo();
        }
        drop(line);
    }

    /// Looks at the discipline.
    pub fn with_discipline<R>(&self, look: impl FnOnce(&mut Discipline) -> R) -> R {
        look(&mut self.input.lock().discipline)
    }

    /// The settings.
    pub fn termios(&self) -> Termios {
        *self.input.lock().discipline.termios()
    }

    /// Changes the settings.
    pub fn set_termios(&self, termios: Termios) {
        let old = {
            let mut input = self.input.lock();
            let old = *input.discipline.termios();
            input.discipline.set_termios(termios);
            old
        };
        let has_flow_keys = has_flow_keys(&termios);
        if has_flow_keys != self::has_flow_keys(&old) {
            self.driver.tell(LineEvent::FlowKeys(has_flow_keys));
        }
        self.output_flags.store(termios.output, Ordering::Relaxed);
        if !termios.has_input(InputFlags::IXON) && self.is_stopped.load(Ordering::Acquire) {
            self.set_stopped(false);
        }
        // What counts as readable may have changed.
        self.readers.wake_all();
    }

    /// Forgets input that nobody has read.
    pub fn flush_input(&self) {
        self.with_discipline(Discipline::flush);
        self.driver.tell(LineEvent::InputFlushed);
        self.driver.unthrottle();
    }

    /// Drops output that is still on its way.
    pub fn flush_output(&self) {
        self.input.lock().echo.clear();
        self.driver.tell(LineEvent::OutputFlushed);
    }

    /// The size of the window.
    pub fn window(&self) -> WindowSize {
        *self.window.lock()
    }

    /// Sets the size of the window; the foreground group gets SIGWINCH if it changed.
    pub fn set_window(&self, size: WindowSize) {
        let old = core::mem::replace(&mut *self.window.lock(), size);
        if old != size {
            self.signal_foreground(SignalInfo::kernel(Signal::SIGWINCH));
        }
    }
}

/// Whether the usual keys stop and start output.
fn has_flow_keys(termios: &Termios) -> bool {
    const START: u8 = 0o21;
    const STOP: u8 = 0o23;
    termios.has_input(InputFlags::IXON)
        && termios.character(Character::Start) == START
        && termios.character(Character::Stop) == STOP
}
