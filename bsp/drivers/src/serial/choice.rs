//! Which serial port is the console: the command line's `console=`, else the device tree's, else the first.

use super::{MiniUart, Pl011};
use crate::device_tree::{Machine, Serial, SerialKind};
use hal::console::{self, Console};
use hal::interrupt::{self, InterruptHandler};
use spin::Once;

/// The console's driver.
enum Port {
    Pl011(Pl011),
    Mini(MiniUart),
}

static PORT: Once<Port> = Once::new();

/// Starts the console for output; gives the interrupt that brings its input, for [`listen`].
pub fn start(machine: &Machine<'_>) -> Option<Listener> {
    let serial = machine.serial.get(choose(machine)?)?.as_ref()?;
    let address = serial.registers.start;
    // SAFETY: the device tree says that the port is there; this is its only driver.
    let port = unsafe {
        match serial.kind {
            SerialKind::Pl011 => Port::Pl011(Pl011::new(address)?),
            SerialKind::Mini => Port::Mini(MiniUart::new(address)?),
        }
    };
    let port: &'static Port = PORT.call_once(|| port);
    let device: &'static dyn Console = match port {
        Port::Pl011(port) => port,
        Port::Mini(port) => port,
    };
    console::register(device);
    Some(Listener {
        port,
        interrupt: serial.interrupt?,
    })
}

/// A console whose input isn't taken yet.
pub struct Listener {
    port: &'static Port,
    interrupt: u32,
}

impl Listener {
    /// Lets input in; once the interrupt controller works.
    pub fn listen(&self) {
        let handler: &'static dyn InterruptHandler = match self.port {
            Port::Pl011(port) => port,
            Port::Mini(port) => port,
        };
        interrupt::register(self.interrupt, false, handler);
        match self.port {
            Port::Pl011(port) => port.listen(),
            Port::Mini(port) => port.listen(),
        }
    }
}

/// The index of the console among the machine's serial ports.
fn choose(machine: &Machine<'_>) -> Option<usize> {
    let words = machine
        .command_line
        .split(|byte| byte.is_ascii_whitespace());
    let names = words.filter_map(|word| word.strip_prefix(b"console="));
    let named = names
        .filter_map(|name| find(machine, name.split(|&byte| byte == b',').next()?))
        .next_back();
    named
        .or(machine.standard_output)
        .or_else(|| machine.serial.iter().position(Option::is_some))
}

/// The port with a name of Linux's: ttyAMA for PL011s, ttyS for mini UARTs. The number is that of its alias; a number no
/// alias has means the first port of that kind.
fn find(machine: &Machine<'_>, name: &[u8]) -> Option<usize> {
    let (kind, number) = if let Some(number) = name.strip_prefix(b"ttyAMA") {
        (SerialKind::Pl011, number)
    } else {
        (SerialKind::Mini, name.strip_prefix(b"ttyS")?)
    };
    let number: Option<u32> = core::str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse().ok());
    let is_kind =
        |serial: &Option<Serial>| serial.as_ref().is_some_and(|serial| serial.kind == kind);
    let is_it = |serial: &Option<Serial>| {
        is_kind(serial)
            && number.is_some()
            && serial.as_ref().and_then(|serial| serial.alias) == number
    };
    machine
        .serial
        .iter()
        .position(is_it)
        .or_else(|| machine.serial.iter().position(is_kind))
}
