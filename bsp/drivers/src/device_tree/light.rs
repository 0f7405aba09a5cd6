//! The light that a machine has for activity: one at a pin of the BCM2711, which the tree calls "ACT" (Linux,
//! Documentation/devicetree/bindings/leds/leds-gpio.yaml).

use super::node::{self, Bus};
use super::read::MAX_DEPTH;
use core::ops::Range;
use fdt::Fdt;
use fdt::node::FdtNode;

/// What the light's node is labelled.
const LABEL: &str = "ACT";
const CONTROLLERS: [&str; 2] = ["brcm,bcm2711-gpio", "brcm,bcm2835-gpio"];
/// In a pin's flags: it is on when the pin is low.
const ACTIVE_LOW: u64 = 1;

/// A light at a pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinLight {
    /// The pin controller's.
    pub registers: Range<u64>,
    pub pin: u32,
    pub active_low: bool,
}

/// The light for activity in a checked tree; lights at other pin controllers are left alone.
pub fn activity_light(blob: &[u8]) -> Option<PinLight> {
    let tree = Fdt::new(blob).ok()?;
    let root = tree.find_node("/")?;
    let (handle, registers) = find_controller(root, &Bus::root(root), 0)?;
    root.children()
        .filter(|&child| is_usable(child, &["gpio-leds"]))
        .flat_map(|group| group.children())
        .filter(|&light| node::text(light, "label") == Some(LABEL))
        .find_map(|light| {
            let list = node::value(light, "gpios")?;
            let cell = |index| node::cells(list, index, 1);
            (cell(0)? == handle).then_some(PinLight {
                registers: registers.clone(),
                pin: cell(1)? as u32,
                active_low: cell(2)? & ACTIVE_LOW != 0,
            })
        })
}

fn is_usable(node: FdtNode<'_, '_>, names: &[&str]) -> bool {
    node::is_compatible(node, names) && node::is_enabled(node)
}

/// The pin controller: the number by which others name it, and its registers.
fn find_controller<'a>(
    parent: FdtNode<'_, 'a>,
    bus: &Bus<'a>,
    depth: usize,
) -> Option<(u64, Range<u64>)> {
    parent.children().find_map(|device| {
        if is_usable(device, &CONTROLLERS) {
            node::number(device, "phandle").zip(bus.registers(device, 0))
        } else if is_usable(device, &["simple-bus"]) && depth < MAX_DEPTH {
            find_controller(device, &bus.below(device)?, depth + 1)
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::super::sample::Blob;
    use super::*;

    /// The light in a tree like the Raspberry Pi 4's, whose ACT has such a `gpios`.
    fn light(gpios: &[u32]) -> Option<PinLight> {
        let mut blob = Blob::new(&[]);
        blob.begin("")
            .cells("#address-cells", &[2])
            .cells("#size-cells", &[1]);
        blob.begin("soc")
            .text("compatible", "simple-bus")
            .cells("#address-cells", &[1])
            .cells("#size-cells", &[1])
            .cells("ranges", &[0x7e00_0000, 0, 0xfe00_0000, 0x180_0000]);
        blob.begin("gpio@7e200000")
            .text("compatible", "brcm,bcm2711-gpio")
            .cells("reg", &[0x7e20_0000, 0xb4])
            .cells("phandle", &[6])
            .end()
            .end();
        blob.begin("leds").text("compatible", "gpio-leds");
        blob.begin("led-pwr")
            .text("label", "PWR")
            .cells("gpios", &[6, 2, 1])
            .end();
        blob.begin("led-act")
            .text("label", "ACT")
            .cells("gpios", gpios)
            .end()
            .end();
        blob.end();
        let mut blob = blob.finish();
        check(&mut blob).unwrap();
        activity_light(&blob)
    }

    #[test]
    fn the_light_is_found_by_its_label() {
        let expected = PinLight {
            registers: 0xfe20_0000..0xfe20_00b4,
            pin: 42,
            active_low: false,
        };
        assert_eq!(light(&[6, 42, 0]), Some(expected.clone()));
        let active_low = PinLight {
            active_low: true,
            ..expected
        };
        assert_eq!(light(&[6, 42, 1]), Some(active_low));
        assert_eq!(light(&[10, 42, 0]), None, "another controller's pin");
        assert_eq!(light(&[6, 42]), None);
        assert_eq!(light(&[]), None);
    }
}
