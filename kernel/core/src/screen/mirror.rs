//! The screen as the console's mirror.
//!
//! Locks: `emulator` is taken with any other lock held, and none in it. The thread that draws holds it while it copies a
//! line.

use super::drawing::{self, Painter};
use super::emulator::Emulator;
use super::font::Font;
use super::grid::Cell;
use crate::heap::MakeRoom;
use crate::sched::{Mutex, WaitQueue, sleep_until};
use crate::start::kernel_thread;
use crate::{Errno, Result, log};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::AcqRel};
use hal::console::{self, Mirror};
use hal::frame_buffer::FrameBuffer;
use hal::interrupt::{self, InterruptHandler};
use hal::sync::{IrqSpinLock, Once};

/// Bytes that are taken in under one lock, with interrupts masked.
const STEP: usize = 16;
/// From one drawing to the next, ns.
const INTERVAL: u64 = 16_000_000;
/// How long a panic waits for another CPU to be done with a few bytes, ns.
const PATIENCE: u64 = 100_000_000;

struct Screen {
    frame_buffer: &'static FrameBuffer,
    font: Font,
    emulator: IrqSpinLock<Emulator>,
    /// Something may have changed since the thread has last looked.
    is_pending: AtomicBool,
    changed: WaitQueue,
    drawing: Mutex<Drawing>,
    /// For a panic, which finds `drawing` in any state.
    last: IrqSpinLock<Drawing>,
}

/// What drawing takes.
struct Drawing {
    painter: Painter,
    /// A copy of the line that is drawn.
    row: Vec<Cell>,
    /// What is on the screen, line by line.
    shown: Vec<Cell>,
}

impl Drawing {
    fn new(frame_buffer: &FrameBuffer, columns: usize, rows: usize) -> Result<Self> {
        let blank = Cell::blank(0);
        let (mut row, mut shown) = (Vec::new(), Vec::new());
        row.make_room_exact(columns)?;
        row.resize(columns, blank);
        shown.make_room_exact(columns * rows)?;
        shown.resize(columns * rows, blank);
        Ok(Self {
            painter: Painter::new(frame_buffer, columns)?,
            row,
            shown,
        })
    }
}

static SCREEN: Once<Screen> = Once::new();

/// Lets a screen show what is in the log already and what the console shows from now on.
///
/// # Errors
/// `ENOMEM`; `ENODEV` if the screen is too small for text. There is no screen then.
pub fn start(frame_buffer: &'static FrameBuffer) -> Result<()> {
    let (columns, rows) = drawing::capacity(frame_buffer);
    if columns == 0 || rows == 0 {
        return Err(Errno::ENODEV);
    }
    let mut emulator = Emulator::new(columns, rows)?;
    log::replay(|text| hal::log::return_carriages(text, |piece| emulator.feed(piece)))?;
    let screen = Screen {
        frame_buffer,
        font: Font::new()?,
        emulator: IrqSpinLock::new(emulator),
        is_pending: AtomicBool::new(true),
        changed: WaitQueue::new(),
        drawing: Mutex::new(Drawing::new(frame_buffer, columns, rows)?),
        last: IrqSpinLock::new(Drawing::new(frame_buffer, columns, 0)?),
    };
    drawing::clear(frame_buffer);
    let screen = SCREEN.call_once(|| screen);
    if !interrupt::register(interrupt::RAISED, true, screen) {
        return Err(Errno::EBUSY);
    }
    kernel_thread(run)?;
    console::mirror(screen);
    Ok(())
}

/// Shows all that was written until now, before the machine stops. Sleeps.
pub fn show() {
    if let Some(screen) = SCREEN.get() {
        screen.draw();
    }
}

/// The thread that draws.
fn run() {
    let Some(screen) = SCREEN.get() else { return };
    loop {
        screen
            .changed
            .wait_until(|| screen.is_pending.swap(false, AcqRel).then_some(()));
        screen.draw();
        // Without memory for the timer the next drawing only comes sooner.
        let _ = sleep_until(hal::time::now() + INTERVAL);
    }
}

impl Screen {
    /// Draws what has changed.
    fn draw(&self) {
        let mut drawing = self.drawing.lock();
        let Drawing {
            painter,
            row,
            shown,
        } = &mut *drawing;
        let columns = row.len();
        self.emulator.lock().settle_cursor();
        for (number, shown) in shown.chunks_mut(columns).enumerate() {
            let changed = self.emulator.lock().take_row(number, row);
            if changed {
                painter.draw_changes(self.frame_buffer, &self.font, number, row, shown);
            }
        }
    }
}

impl Mirror for Screen {
    fn write(&self, bytes: &[u8]) {
        for step in bytes.chunks(STEP) {
            self.emulator.lock().feed(step);
        }
        // Whoever writes may hold any lock, and can't wake a thread.
        if !self.is_pending.swap(true, AcqRel) {
            interrupt::raise();
        }
    }

    /// Leaves out what comes while this CPU itself holds the lock: it panicked in there.
    fn write_last(&self, bytes: &[u8]) {
        let until = hal::time::now() + PATIENCE;
        while hal::time::now() < until {
            if let Some(mut emulator) = self.emulator.try_lock() {
                emulator.feed(bytes);
                return;
            }
        }
    }

    fn show_last(&self) {
        let Some(mut emulator) = self.emulator.try_lock() else {
            return;
        };
        let Some(mut drawing) = self.last.try_lock() else {
            return;
        };
        let Drawing { painter, row, .. } = &mut *drawing;
        emulator.settle_cursor();
        for number in 0..emulator.rows() {
            emulator.copy_row(number, row);
            painter.draw(self.frame_buffer, &self.font, (0, number), row);
        }
    }
}

impl InterruptHandler for Screen {
    fn handle(&self) {
        self.changed.wake_all();
    }
}
