//! Which serial port is the console: the command line's `console=`, else the device tree's, else the first.

use super::{MiniUart, Pl011};
use crate::device_tree::{Machine, Serial, SerialKind};
use hal::console::{self, Console};
use hal::interrupt::{self, InterruptHandler};
use spin::Once;

/// The drivers there are.
enum Port {
    Pl011(Pl011),
    Mini(MiniUart),
}

/// A serial port as the console.
struct SerialConsole {
    port: Port,
    interrupt: Option<u32>,
}

/// Makes the machine's serial port the console, if it has one.
pub fn start(machine: &Machine<'_>) {
    static CONSOLE: Once<SerialConsole> = Once::new();
    let serial = choose(machine).and_then(|index| machine.serial.get(index)?.as_ref());
    if let Some(serial) = serial
        && let Some(port) = open(serial)
    {
        let interrupt = serial.interrupt;
        console::register(CONSOLE.call_once(|| SerialConsole { port, interrupt }));
    }
}

fn open(serial: &Serial) -> Option<Port> {
    let address = serial.registers.start;
    // SAFETY: the device tree says that the port is there; this is its only driver.
    unsafe {
        match serial.kind {
            SerialKind::Pl011 => Pl011::new(address).map(Port::Pl011),
            SerialKind::Mini => MiniUart::new(address).map(Port::Mini),
        }
    }
}

impl Console for SerialConsole {
    fn write(&self, bytes: &[u8]) {
        match &self.port {
            Port::Pl011(port) => port.write(bytes),
            Port::Mini(port) => port.write(bytes),
        }
    }

    fn listen(&'static self) {
        if let Some(number) = self.interrupt {
            interrupt::register(number, false, self);
            match &self.port {
                Port::Pl011(port) => port.listen(),
                Port::Mini(port) => port.listen(),
            }
        }
    }
}

impl InterruptHandler for SerialConsole {
    fn handle(&self) {
        match &self.port {
            Port::Pl011(port) => port.handle(),
            Port::Mini(port) => port.handle(),
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
