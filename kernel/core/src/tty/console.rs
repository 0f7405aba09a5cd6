//! The system console: the terminal on hal's console, and the device nodes that lead to it.

use alloc::boxed::Box;
use alloc::sync::Arc;

use hal::sync::Once;

use super::Terminal;
use super::file::TerminalFile;
use super::terminal::Driver;
use crate::task;
use crate::vfs::device::{self, Device, DeviceKind};
use crate::vfs::{DeviceNumber, FileOperations, Location, OpenFlags};
use crate::{Errno, Result};

/// /dev/tty: the caller's controlling terminal.
pub const CONTROLLING: DeviceNumber = DeviceNumber::new(5, 0);
/// /dev/console.
pub const CONSOLE: DeviceNumber = DeviceNumber::new(5, 1);
/// /dev/ttyAMA0 (Linux's numbers for the PL011).
pub const SERIAL_PL011: DeviceNumber = DeviceNumber::new(204, 64);
/// /dev/ttyS0.
pub const SERIAL: DeviceNumber = DeviceNumber::new(4, 64);

struct HalConsole;

impl Driver for HalConsole {
    fn write(&self, bytes: &[u8]) {
        hal::console::write(bytes);
    }
}

static TERMINAL: Once<Arc<Terminal>> = Once::new();

/// The terminal on the console; `None` before [`initialise`].
pub fn terminal() -> Option<&'static Arc<Terminal>> {
    TERMINAL.get()
}

/// Takes in bytes that the console received. Interrupt context.
pub fn received(bytes: &[u8]) {
    if let Some(terminal) = TERMINAL.get() {
        terminal.receive(bytes);
    }
}

struct TerminalDevice;

impl Device for TerminalDevice {
    fn open(
        &self,
        number: DeviceNumber,
        _location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        let current = task::current();
        if number == CONTROLLING {
            let session = task::family::group(current.process()).session().clone();
            return Ok(Box::new(TerminalFile::new(
                session.terminal().ok_or(Errno::ENXIO)?,
            )));
        }
        let terminal = TERMINAL.get().ok_or(Errno::ENODEV)?;
        // As in Linux, opening the console never makes it the controlling terminal.
        if number == CONSOLE {
            return Ok(Box::new(TerminalFile::console(Arc::clone(terminal))));
        }
        if !flags.contains(OpenFlags::NO_CONTROLLING_TERMINAL) {
            terminal.acquire_on_open(&current);
        }
        Ok(Box::new(TerminalFile::new(Arc::clone(terminal))))
    }
}

/// The numbers of the nodes that lead to terminals, with their names in /dev.
pub const NODES: [(&str, DeviceNumber); 4] = [
    ("tty", CONTROLLING),
    ("console", CONSOLE),
    ("ttyAMA0", SERIAL_PL011),
    ("ttyS0", SERIAL),
];

/// Makes the terminal on the console and registers its devices.
///
/// # Errors
/// `ENOMEM`; `EBUSY` if somebody registered one of the numbers before.
pub fn initialise() -> Result<()> {
    let terminal = Terminal::new(SERIAL_PL011, Box::new(HalConsole))?;
    TERMINAL.call_once(|| terminal);
    let device: Arc<dyn Device> = Arc::new(TerminalDevice);
    for (_, number) in NODES {
        device::register(DeviceKind::Character, number, Arc::clone(&device))?;
    }
    hal::console::listen();
    Ok(())
}
