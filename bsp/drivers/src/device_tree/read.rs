//! One walk through a checked device tree.

use super::machine::{Conduit, Controller, Enable, Machine, Processor, Psci, Serial, SerialKind};
use super::node::{self, Bus, Device};
use super::pci;
use fdt::Fdt;
use fdt::node::FdtNode;

/// Interrupt controllers of version 2, by all their names, and of version 3.
const VERSION_2: [&str; 4] = [
    "arm,gic-400",
    "arm,cortex-a15-gic",
    "arm,cortex-a9-gic",
    "arm,cortex-a7-gic",
];
const VERSION_3: &str = "arm,gic-v3";
pub const INTERRUPT_CONTROLLERS: [&str; 5] = [
    VERSION_2[0],
    VERSION_2[1],
    VERSION_2[2],
    VERSION_2[3],
    VERSION_3,
];

/// Buses are searched this deep.
pub const MAX_DEPTH: usize = 4;

/// Describes the machine; `None` if there is no root node. What makes no sense in the tree is left out.
pub fn read<'a>(blob: &'a [u8]) -> Option<Machine<'a>> {
    let tree = Fdt::new(blob).ok()?;
    let root = tree.find_node("/")?;
    let mut machine = Machine {
        model: node::text(root, "model").unwrap_or("unknown machine"),
        device_reach: 1 << 32,
        ..Machine::default()
    };
    for reservation in tree.memory_reservations() {
        let start = reservation.address().addr() as u64;
        // A machine with more reservations than fit is refused by what follows: nothing else may be given out.
        machine
            .reserved
            .add(start..start.saturating_add(reservation.size() as u64))
            .ok()?;
    }
    let mut names = Names::default();
    for child in root.children() {
        match child.name {
            "chosen" => names.output = chosen(&mut machine, child),
            "aliases" => names.aliases = Some(child),
            _ => {}
        }
    }
    let bus = Bus::root(root);
    for child in root.children() {
        match child.name.split('@').next().unwrap_or_default() {
            "chosen" | "aliases" => {}
            "memory" => memory(&mut machine, child, &bus)?,
            "reserved-memory" => reserved_memory(&mut machine, child, &bus)?,
            "cpus" => processors(&mut machine, child),
            "psci" => machine.psci = psci(child),
            "timer" if node::is_compatible(child, &["arm,armv8-timer", "arm,armv7-timer"]) => {
                // Secure, non-secure, virtual, hypervisor.
                machine.timer_interrupt = node::interrupt(child, 2);
                machine.timer_frequency = node::number(child, "clock-frequency");
            }
            _ => device(&mut machine, child, &bus, &names, &mut Path::root()),
        }
    }
    Some(machine)
}

/// What refers to devices by their paths.
#[derive(Default)]
struct Names<'b, 'a> {
    aliases: Option<FdtNode<'b, 'a>>,
    /// /chosen/stdout-path: a path or an alias.
    output: &'a str,
}

impl Names<'_, '_> {
    /// N of the alias serialN of a path.
    fn serial_number(&self, path: &str) -> Option<u32> {
        let mut properties = self.aliases?.properties();
        properties.find_map(|alias| {
            let number = alias.name.strip_prefix("serial")?.parse().ok()?;
            (alias.as_str()? == path).then_some(number)
        })
    }

    /// Whether a path is that of the standard output.
    fn is_output(&self, path: &str) -> bool {
        let alias = self
            .aliases
            .and_then(|aliases| node::text(aliases, self.output));
        !path.is_empty() && (self.output == path || alias == Some(path))
    }
}

/// /chosen; gives stdout-path without its options.
fn chosen<'a>(machine: &mut Machine<'a>, chosen: FdtNode<'_, 'a>) -> &'a str {
    machine.command_line = node::text(chosen, "bootargs")
        .unwrap_or_default()
        .as_bytes();
    machine.random_seed = node::value(chosen, "rng-seed").unwrap_or_default();
    machine.placement_seed = node::value(chosen, "kaslr-seed").unwrap_or_default();
    let start = node::number(chosen, "linux,initrd-start");
    let end = node::number(chosen, "linux,initrd-end");
    machine.initial_ramdisk = start
        .zip(end)
        .map(|(start, end)| start..end)
        .filter(|range| !range.is_empty());
    let output = node::text(chosen, "stdout-path").unwrap_or_default();
    output.split(':').next().unwrap_or_default()
}

fn memory(machine: &mut Machine<'_>, memory: FdtNode<'_, '_>, bus: &Bus<'_>) -> Option<()> {
    if node::text(memory, "device_type") == Some("memory") && node::is_enabled(memory) {
        for range in bus.all_registers(memory) {
            machine.memory.add(range).ok()?;
        }
    }
    Some(())
}

/// Fixed reservations; those without an address are for the operating system to place, which needs none of them.
fn reserved_memory<'a>(
    machine: &mut Machine<'a>,
    parent: FdtNode<'_, 'a>,
    bus: &Bus<'a>,
) -> Option<()> {
    let bus = bus.below(parent)?;
    for child in parent.children().filter(|&child| node::is_enabled(child)) {
        let unmapped = child.property("no-map").is_some();
        for range in bus.all_registers(child) {
            if unmapped {
                machine.unmapped.add(range).ok()?
            } else {
                machine.reserved.add(range).ok()?
            }
        }
    }
    Some(())
}

fn processors(machine: &mut Machine<'_>, parent: FdtNode<'_, '_>) {
    let bus = Bus::root(parent);
    let cpus = parent
        .children()
        .filter(|&child| node::text(child, "device_type") == Some("cpu") && is_usable(child));
    let described = cpus.filter_map(|cpu| {
        let affinity = node::cells(node::value(cpu, "reg")?, 0, bus.address_cells.min(2))?;
        let enable = match node::text(cpu, "enable-method") {
            Some("psci") => Enable::Psci,
            Some("spin-table") => {
                node::number(cpu, "cpu-release-addr").map_or(Enable::Unknown, Enable::SpinTable)
            }
            _ => Enable::Unknown,
        };
        Some(Processor { affinity, enable })
    });
    for (slot, processor) in machine.processors.iter_mut().zip(described) {
        *slot = Some(processor);
    }
}

/// A CPU whose status is "disabled" is one that waits to be started by its enable method; "fail" is broken.
fn is_usable(cpu: FdtNode<'_, '_>) -> bool {
    !node::text(cpu, "status").is_some_and(|status| status.starts_with("fail"))
}

fn psci(node: FdtNode<'_, '_>) -> Option<Psci> {
    let conduit = match node::text(node, "method")? {
        "hvc" => Conduit::HypervisorCall,
        "smc" => Conduit::SecureMonitorCall,
        _ => return None,
    };
    let power = node::is_compatible(node, &["arm,psci-0.2", "arm,psci-1.0"]);
    let start = node::number(node, "cpu_on")
        .filter(|_| !power)
        .map(|function| function as u32);
    Some(Psci {
        conduit,
        start,
        power,
    })
}

/// The path of a node; one that is too long is empty.
struct Path {
    bytes: [u8; 128],
    length: usize,
    /// How many names there are, and how many of them fit.
    depth: usize,
    fitting: usize,
}

impl Path {
    fn root() -> Self {
        Self {
            bytes: [0; 128],
            length: 0,
            depth: 0,
            fitting: 0,
        }
    }

    fn enter(&mut self, name: &str) {
        let end = self.length + 1 + name.len();
        if let (Some(room), true) = (
            self.bytes.get_mut(self.length..end),
            self.fitting == self.depth,
        ) {
            room[0] = b'/';
            room[1..].copy_from_slice(name.as_bytes());
            self.length = end;
            self.fitting += 1;
        }
        self.depth += 1;
    }

    fn leave(&mut self, name: &str) {
        if self.fitting == self.depth {
            self.length -= 1 + name.len();
            self.fitting -= 1;
        }
        self.depth -= 1;
    }

    fn as_str(&self) -> &str {
        if self.fitting < self.depth {
            return "";
        }
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// A device the kernel has a driver for, or a bus of devices.
fn device<'a>(
    machine: &mut Machine<'a>,
    device: FdtNode<'_, 'a>,
    bus: &Bus<'a>,
    names: &Names<'_, 'a>,
    path: &mut Path,
) {
    let properties = Device::of(device);
    if !properties.is_enabled() {
        return;
    }
    path.enter(device.name);
    if properties.is(&VERSION_2) {
        let registers = bus.registers(device, 0).zip(bus.registers(device, 1));
        machine.controller =
            registers.map(|(distributor, interface)| Controller::Version2(distributor, interface));
    } else if properties.is(&[VERSION_3]) {
        let registers = bus.registers(device, 0).zip(bus.registers(device, 1));
        machine.controller = registers
            .map(|(distributor, redistributors)| Controller::Version3(distributor, redistributors));
    } else if properties.is(&["arm,pl011"]) {
        serial(
            machine,
            device,
            bus,
            SerialKind::Pl011,
            names,
            path.as_str(),
        );
    } else if properties.is(&["brcm,bcm2835-aux-uart"]) {
        serial(machine, device, bus, SerialKind::Mini, names, path.as_str());
    } else if properties.is(&["brcm,bcm2835-pm-wdt", "brcm,bcm2835-pm"]) {
        machine.power_manager = bus.registers(device, 0);
    } else if properties.is(&["brcm,bcm2835-mbox"]) {
        machine.mailbox = bus.registers(device, 0);
    } else if properties.is(&["brcm,bcm2711-rng200"]) {
        machine.random_generator = bus.registers(device, 0);
    } else if properties.is(&["qemu,fw-cfg-mmio"]) {
        machine.fw_cfg = bus.registers(device, 0);
    } else if properties.is(&["arm,pl031"]) {
        machine.clock = bus.registers(device, 0);
    } else if properties.is(&[pci::COMPATIBLE]) {
        let reached = bus.dma().below(device, bus.address_cells).memory;
        machine.device_reach = machine.device_reach.min(reached.end);
    } else if properties.is(&["simple-bus"])
        && let Some(bus) = bus.below(device)
        && path.depth < MAX_DEPTH
    {
        machine.device_reach = machine.device_reach.min(bus.dma().memory.end);
        for child in device.children() {
            self::device(machine, child, &bus, names, path);
        }
    }
    path.leave(device.name);
}

fn serial(
    machine: &mut Machine<'_>,
    device: FdtNode<'_, '_>,
    bus: &Bus<'_>,
    kind: SerialKind,
    names: &Names<'_, '_>,
    path: &str,
) {
    let Some(registers) = bus.registers(device, 0) else {
        return;
    };
    let Some(index) = machine.serial.iter().position(Option::is_none) else {
        return;
    };
    if names.is_output(path) {
        machine.standard_output = Some(index);
    }
    machine.serial[index] = Some(Serial {
        kind,
        registers,
        interrupt: node::interrupt(device, 0),
        alias: names.serial_number(path),
    });
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::super::devices;
    use super::super::dma::DmaWindow;
    use super::super::sample::Blob;
    use super::super::storage::{Interrupt, Storage, StorageKind};
    use super::*;
    use std::vec::Vec;

    /// A board whose devices are on a bus with addresses of its own, as the Raspberry Pi's.
    fn board() -> Vec<u8> {
        let mut blob = Blob::new(&[(0, 0x1000)]);
        blob.begin("")
            .cells("#address-cells", &[2])
            .cells("#size-cells", &[1])
            .text("model", "A board");
        blob.begin("aliases")
            .text("serial0", "/soc/serial@1000")
            .text("serial1", "/soc/serial@2000")
            .end();
        blob.begin("chosen")
            .text("stdout-path", "serial1:115200n8")
            .text("bootargs", "quiet");
        blob.cells("linux,initrd-start", &[0x800_0000])
            .cells("linux,initrd-end", &[0, 0x900_0000])
            .end();
        blob.begin("memory@0")
            .text("device_type", "memory")
            .cells("reg", &[0, 0, 0x3000_0000, 1, 0, 0x1000])
            .end();
        blob.begin("reserved-memory")
            .cells("#address-cells", &[2])
            .cells("#size-cells", &[1])
            .bytes("ranges", &[]);
        blob.begin("kept@1000000")
            .cells("reg", &[0, 0x100_0000, 0x1000])
            .end();
        blob.begin("secret@2000000")
            .cells("reg", &[0, 0x200_0000, 0x1000])
            .bytes("no-map", &[])
            .end();
        blob.begin("pool").cells("size", &[0x10_0000]).end().end();
        blob.begin("cpus")
            .cells("#address-cells", &[1])
            .cells("#size-cells", &[0]);
        blob.begin("cpu@0")
            .text("device_type", "cpu")
            .cells("reg", &[0])
            .text("enable-method", "psci")
            .end();
        blob.begin("cpu@1")
            .text("device_type", "cpu")
            .cells("reg", &[1])
            .text("enable-method", "spin-table");
        blob.cells("cpu-release-addr", &[0, 0xd8])
            .end()
            .begin("l2-cache")
            .end()
            .end();
        blob.begin("psci")
            .text("compatible", "arm,psci-1.0")
            .text("method", "smc")
            .end();
        blob.begin("timer").text("compatible", "arm,armv8-timer");
        blob.cells("interrupts", &[1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4])
            .end();
        blob.begin("soc")
            .text("compatible", "simple-bus")
            .cells("#address-cells", &[1])
            .cells("#size-cells", &[1]);
        blob.cells("dma-ranges", &[0xc000_0000, 0, 0, 0x3000_0000]);
        blob.cells(
            "ranges",
            &[
                0x1000,
                0,
                0xfe00_1000,
                0x2000,
                0x4000_0000,
                0,
                0xff80_0000,
                0x80_0000,
            ],
        );
        blob.begin("serial@1000")
            .text("compatible", "arm,pl011\0arm,primecell")
            .cells("reg", &[0x1000, 0x200]);
        blob.cells("interrupts", &[0, 121, 4]).end();
        blob.begin("serial@2000")
            .text("compatible", "brcm,bcm2835-aux-uart")
            .cells("reg", &[0x2000, 0x40])
            .end();
        blob.begin("serial@9000")
            .text("compatible", "arm,pl011")
            .cells("reg", &[0x9000, 0x40])
            .end();
        blob.begin("serial@2800")
            .text("compatible", "arm,pl011")
            .cells("reg", &[0x2800, 4])
            .text("status", "disabled");
        blob.end();
        blob.begin("virtio_mmio@2c00")
            .text("compatible", "virtio,mmio")
            .cells("reg", &[0x2c00, 0x200])
            .cells("interrupts", &[0, 16, 1])
            .end();
        blob.begin("interrupt-controller@40041000")
            .text("compatible", "arm,gic-400");
        blob.cells("reg", &[0x4004_1000, 0x1000, 0x4004_2000, 0x2000])
            .end()
            .end();
        blob.end();
        let mut blob = blob.finish();
        check(&mut blob).unwrap();
        blob
    }

    #[test]
    fn memory_and_what_is_reserved_of_it() {
        let blob = board();
        let machine = read(&blob).unwrap();
        assert_eq!(
            machine.memory.as_slice(),
            [0..0x3000_0000, 0x1_0000_0000..0x1_0000_1000]
        );
        assert_eq!(
            machine.reserved.as_slice(),
            [0..0x1000, 0x100_0000..0x100_1000]
        );
        assert_eq!(
            machine.unmapped.as_slice().first(),
            Some(&(0x200_0000..0x200_1000))
        );
        assert_eq!(machine.initial_ramdisk, Some(0x800_0000..0x900_0000));
        assert_eq!(
            (machine.model, machine.command_line),
            ("A board", &b"quiet"[..])
        );
    }

    /// Memory and the boundary of what all devices reach, of a Raspberry Pi 4 with such ranges (start and length, in two
    /// cells and one): what its firmware makes of the memory node, with its own part left out below the first gigabyte.
    fn raspberry(ranges: &[u32]) -> (Vec<core::ops::Range<u64>>, u64) {
        let mut blob = Blob::new(&[(0, 0x1000)]);
        blob.begin("")
            .cells("#address-cells", &[2])
            .cells("#size-cells", &[1]);
        blob.begin("memory@0")
            .text("device_type", "memory")
            .cells("reg", ranges)
            .end();
        for (name, reach) in [("soc", 0x4000_0000), ("emmc2bus", 0xfc00_0000)] {
            blob.begin(name)
                .text("compatible", "simple-bus")
                .cells("#address-cells", &[1])
                .cells("#size-cells", &[1])
                .cells("ranges", &[0x7e00_0000, 0, 0xfe00_0000, 0x180_0000])
                .cells("dma-ranges", &[0, 0, 0, reach])
                .end();
        }
        blob.end();
        let mut blob = blob.finish();
        check(&mut blob).unwrap();
        let machine = read(&blob).unwrap();
        (machine.memory.as_slice().to_vec(), machine.device_reach)
    }

    #[test]
    fn all_memory_of_a_raspberry_is_found() {
        const LOW: [u32; 3] = [0, 0, 0x3b40_0000];
        let with = |further: &[u32]| raspberry(&[&LOW[..], further].concat());
        let gigabyte = 0x4000_0000;
        let low = 0..0x3b40_0000;
        assert_eq!(with(&[]), (Vec::from([low.clone()]), gigabyte));
        for (bytes, end) in [(0x4000_0000, 0x8000_0000), (0xbc00_0000, 0xfc00_0000)] {
            let expected = Vec::from([low.clone(), gigabyte..end]);
            assert_eq!(with(&[0, 0x4000_0000, bytes]), (expected, gigabyte));
        }
        // Above the registers, in two pieces that touch: a length has one cell.
        let eight = [
            0,
            0x4000_0000,
            0xbc00_0000,
            1,
            0,
            0x8000_0000,
            1,
            0x8000_0000,
            0x8000_0000,
        ];
        let expected = Vec::from([low, gigabyte..0xfc00_0000, 0x1_0000_0000..0x2_0000_0000]);
        assert_eq!(with(&eight), (expected, gigabyte));
    }

    #[test]
    fn devices_are_where_their_bus_puts_them() {
        let blob = board();
        let machine = read(&blob).unwrap();
        let first = machine.serial[0].as_ref().unwrap();
        assert_eq!(
            (first.registers.clone(), first.interrupt, first.alias),
            (0xfe00_1000..0xfe00_1200, Some(153), Some(0))
        );
        assert_eq!(
            machine.serial[1].as_ref().unwrap().registers,
            0xfe00_2000..0xfe00_2040
        );
        // One port is outside of the bus's ranges, one is disabled.
        assert_eq!(machine.serial[2], None);
        assert_eq!(machine.standard_output, Some(1));
        let storage = devices(&blob).storage;
        let line = Interrupt {
            number: 48,
            edge: true,
        };
        assert_eq!(
            storage,
            [Storage {
                kind: StorageKind::Virtio,
                registers: 0xfe00_2c00..0xfe00_2e00,
                interrupt: line,
                dma: DmaWindow {
                    memory: 0..0x3000_0000,
                    bus: 0xc000_0000
                },
            }]
        );
        let version_2 = Controller::Version2(0xff84_1000..0xff84_2000, 0xff84_2000..0xff84_4000);
        assert_eq!(
            (machine.controller, machine.timer_interrupt),
            (Some(version_2), Some(27))
        );
    }

    #[test]
    fn processors_say_how_they_are_started() {
        let blob = board();
        let machine = read(&blob).unwrap();
        let expected = [
            Some(Processor {
                affinity: 0,
                enable: Enable::Psci,
            }),
            Some(Processor {
                affinity: 1,
                enable: Enable::SpinTable(0xd8),
            }),
            None,
        ];
        assert_eq!(machine.processors[..3], expected);
        assert_eq!(
            machine.psci,
            Some(Psci {
                conduit: Conduit::SecureMonitorCall,
                start: None,
                power: true
            })
        );
    }

    #[test]
    fn nothing_is_read_from_nothing() {
        assert!(read(&[]).is_none());
    }
}
