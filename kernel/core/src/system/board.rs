//! What the board's firmware says of it.

use crate::log;
use core::fmt::{self, Display, Formatter};
use hal::boot::BoardFacts;

/// Puts what is known of the board into the log.
pub fn log_facts(facts: &BoardFacts) {
    if *facts != BoardFacts::default() {
        log::info!("board: {}", Shown(facts));
    }
}

/// The facts that are known, in a line.
struct Shown<'a>(&'a BoardFacts);

impl Display for Shown<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let facts = self.0;
        let mut separator = "";
        let mut show = |shown: fmt::Arguments<'_>| {
            write!(
                formatter,
                "{}{shown}",
                core::mem::replace(&mut separator, ", ")
            )
        };
        if let Some(revision) = facts.revision {
            show(format_args!("revision {revision:04x}"))?;
        }
        if let Some(serial) = facts.serial {
            show(format_args!("serial {serial:016x}"))?;
        }
        if let Some([a, b, c, d, e, f]) = facts.ethernet_address {
            show(format_args!(
                "Ethernet {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"
            ))?;
        }
        if let Some(bytes) = facts.low_memory {
            show(format_args!("{} MiB of low memory", bytes >> 20))?;
        }
        if let Some(hertz) = facts.processor_clock {
            show(format_args!("up to {} MHz", hertz / 1_000_000))?;
        }
        if let Some(thousandths) = facts.temperature {
            let tenths = thousandths / 100;
            show(format_args!("{}.{} degrees C", tenths / 10, tenths % 10))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn shows_what_is_known() {
        let mut facts = BoardFacts {
            revision: Some(0x00c0_3112),
            temperature: Some(47_212),
            ..BoardFacts::default()
        };
        assert_eq!(Shown(&facts).to_string(), "revision c03112, 47.2 degrees C");
        facts.ethernet_address = Some([0xdc, 0xa6, 0x32, 1, 2, 3]);
        facts.processor_clock = Some(1_500_000_000);
        facts.low_memory = Some(948 << 20);
        facts.serial = Some(0x1000_0000_89ab_cdef);
        assert_eq!(
            Shown(&facts).to_string(),
            "revision c03112, serial 1000000089abcdef, Ethernet dc:a6:32:01:02:03, 948 MiB of low memory, up to 1500 MHz, \
             47.2 degrees C"
        );
    }
}
