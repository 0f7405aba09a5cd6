//! The light that a machine has for activity: one at a pin of the BCM2711, which the tree calls "ACT" (Linux,
//! Documentation/devicetree/bindings/leds/leds-gpio.yaml).

use super::node;
use core::ops::Range;
use fdt::node::FdtNode;

/// Groups of lights.
pub const GROUP: &str = "gpio-leds";
/// What the light's node is labelled.
const LABEL: &str = "ACT";
/// Controllers of pins that there is a driver for.
pub const PIN_CONTROLLERS: [&str; 2] = ["brcm,bcm2711-gpio", "brcm,bcm2835-gpio"];
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

/// The light for activity among those of a group, at the pins of a controller: the number by which others name it, and its
/// registers. Lights at other controllers are left alone.
pub fn activity_light(
    group: FdtNode<'_, '_>,
    (handle, registers): (u64, Range<u64>),
) -> Option<PinLight> {
    group
        .children()
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

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::super::devices;
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
        devices(&blob).light
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
