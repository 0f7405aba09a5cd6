//! An SD memory card: how it is identified, and what it says of itself (SD Physical Layer Simplified Specification 6.00).

use kernel_core::{Errno, Result};

/// How a command is answered (section 4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    None,
    /// R1, R6, R7: 48 bits, with the command's index and a checksum.
    Short,
    /// R1b: as `Short`, and the card may be busy afterwards.
    ShortBusy,
    /// R2: 136 bits.
    Long,
    /// R3: 48 bits without a checksum.
    Unchecked,
}

/// A command to the card (section 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    pub index: u8,
    pub argument: u32,
    pub answer: Answer,
}

impl Command {
    pub const fn new(index: u8, argument: u32, answer: Answer) -> Self {
        Self {
            index,
            argument,
            answer,
        }
    }
}

/// The bus to the card, and the controller behind it.
pub trait Bus {
    /// Sends a command; the answer's bits without the checksum, the lowest first.
    ///
    /// # Errors
    /// `ETIMEDOUT` if there was no answer, `EIO` for a damaged one.
    fn command(&self, command: Command) -> Result<[u32; 4]>;

    /// Sends a command whose answer is followed by one block of data.
    ///
    /// # Errors
    /// `ETIMEDOUT`, `EIO`.
    fn read_register(&self, command: Command, data: &mut [u8]) -> Result<()>;

    /// Sets the bus's speed and width, which the card has already.
    ///
    /// # Errors
    /// `ETIMEDOUT` if the clock doesn't become stable.
    fn set_mode(&self, hertz: u32, four_bits: bool) -> Result<()>;

    /// Lets some time pass, milliseconds.
    fn pause(&self, milliseconds: u64);
}

/// Clock rates: while a card is identified, then by default, then at high speed (sections 4.2.1, 4.3.10).
pub const IDENTIFICATION_HERTZ: u32 = 400_000;
const DEFAULT_HERTZ: u32 = 25_000_000;
const HIGH_SPEED_HERTZ: u32 = 50_000_000;

/// How often a card is asked whether it is ready, 10 ms apart: it may take a second (section 4.2.3).
const POWER_UP_TRIES: usize = 110;

/// A card in its transfer state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its address, in the upper half of arguments.
    pub address: u32,
    /// Sectors of 512 bytes.
    pub sectors: u64,
    /// Places are given as sectors, not as bytes.
    pub counts_sectors: bool,
    pub write_protected: bool,
}

/// Sends an application command (section 4.3.9).
fn application(bus: &dyn Bus, address: u32, command: Command) -> Result<[u32; 4]> {
    bus.command(Command::new(55, address, Answer::Short))?;
    bus.command(command)
}

impl Card {
    /// Identifies the card and brings it to its transfer state, as fast and wide as it can (sections 4.2 and 4.3).
    ///
    /// # Errors
    /// `ENOMEDIUM` if there is no memory card; `ETIMEDOUT`, `EIO` if it stops answering.
    pub fn identify(bus: &dyn Bus) -> Result<Self> {
        const CHECK: u32 = 0x1aa;
        bus.set_mode(IDENTIFICATION_HERTZ, false)?;
        bus.command(Command::new(0, 0, Answer::None))?;
        // Cards of version 2 and later repeat the voltage (2.7 to 3.6 V) and the pattern.
        let is_new = match bus.command(Command::new(8, CHECK, Answer::Short)) {
            Ok(answer) => answer[0] & 0xfff == CHECK,
            Err(_) => false,
        };
        let conditions = Self::power_up(bus, is_new).map_err(|_| Errno::ENOMEDIUM)?;
        bus.command(Command::new(2, 0, Answer::Long))?;
        let address = bus.command(Command::new(3, 0, Answer::Short))?[0] & 0xffff_0000;
        let description = long(bus.command(Command::new(9, address, Answer::Long))?);
        bus.command(Command::new(7, address, Answer::ShortBusy))?;
        let card = Self {
            address,
            sectors: sectors(description).ok_or(Errno::ENOMEDIUM)?,
            counts_sectors: conditions & 1 << 30 != 0,
            // PERM_WRITE_PROTECT and TMP_WRITE_PROTECT (section 5.3.2).
            write_protected: description >> 12 & 3 != 0,
        };
        if !card.counts_sectors {
            bus.command(Command::new(16, 512, Answer::Short))?;
        }
        bus.set_mode(DEFAULT_HERTZ, false)?;
        card.choose_mode(bus)?;
        Ok(card)
    }

    /// Waits until the card has powered up; its operation conditions (section 4.2.3).
    fn power_up(bus: &dyn Bus, is_new: bool) -> Result<u32> {
        // All voltages from 2.7 to 3.6 V; and that large cards are welcome.
        let argument = 0x00ff_8000 | u32::from(is_new) << 30;
        for _ in 0..POWER_UP_TRIES {
            let answer = application(bus, 0, Command::new(41, argument, Answer::Unchecked))?;
            if answer[0] >> 31 != 0 {
                return Ok(answer[0]);
            }
            bus.pause(10);
        }
        Err(Errno::ETIMEDOUT)
    }

    /// Four data lines and high speed, where the card has them.
    fn choose_mode(&self, bus: &dyn Bus) -> Result<()> {
        // SCR (section 5.6): the version in bits 59 to 56, widths in 51 to 48.
        let mut scr = [0; 8];
        bus.command(Command::new(55, self.address, Answer::Short))?;
        bus.read_register(Command::new(51, 0, Answer::Short), &mut scr)?;
        let four_bits = scr[1] & 4 != 0;
        if four_bits {
            application(bus, self.address, Command::new(6, 2, Answer::Short))?;
            bus.set_mode(DEFAULT_HERTZ, true)?;
        }
        if scr[0] & 0xf >= 1 {
            // Function 1 of group 1 is high speed; the card says in bits 379 to 376 what it has chosen (section 4.3.10).
            let mut status = [0; 64];
            bus.read_register(Command::new(6, 0x80ff_fff1, Answer::Short), &mut status)?;
            if status[16] & 0xf == 1 {
                bus.set_mode(HIGH_SPEED_HERTZ, four_bits)?;
            }
        }
        Ok(())
    }

    /// The argument that names a sector.
    pub fn place(&self, sector: u64) -> u32 {
        if self.counts_sectors {
            sector as u32
        } else {
            (sector * 512) as u32
        }
    }

    /// Waits until the card has stored what it was given and takes commands again (CMD13, section 4.10.1).
    ///
    /// # Errors
    /// `ETIMEDOUT` if it doesn't answer, or is busy for seconds; `EIO`.
    pub fn wait_ready(&self, bus: &dyn Bus) -> Result<()> {
        const READY: u32 = 1 << 8;
        const TRANSFER: u32 = 4;
        for _ in 0..1000 {
            let status = bus.command(Command::new(13, self.address, Answer::Short))?[0];
            if status & READY != 0 && status >> 9 & 0xf == TRANSFER {
                return Ok(());
            }
            bus.pause(2);
        }
        Err(Errno::ETIMEDOUT)
    }
}

/// The 128 bits of a long answer; the controller leaves out the checksum, which is the lowest byte.
fn long(answer: [u32; 4]) -> u128 {
    answer
        .iter()
        .rev()
        .fold(0, |bits, &word| bits << 32 | u128::from(word))
        << 8
}

/// The card's size as its CSD tells it (section 5.3).
fn sectors(description: u128) -> Option<u64> {
    let field = |high: u32, low: u32| (description >> low) as u64 & ((1 << (high - low + 1)) - 1);
    let sectors = match field(127, 126) {
        0 => {
            let shift = field(49, 47) + 2 + field(83, 80);
            ((field(73, 62) + 1) << shift) / 512
        }
        1 => (field(69, 48) + 1) * 1024,
        _ => return None,
    };
    // A card has up to 2 TiB, which is what an argument can name.
    (1..=1 << 32).contains(&sectors).then_some(sectors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::vec::Vec;

    /// A card that answers by the book, or not at all from some command on.
    struct Simulation {
        commands: RefCell<Vec<(u8, u32)>>,
        modes: RefCell<Vec<(u32, bool)>>,
        is_new: bool,
        busy: RefCell<usize>,
        csd: u128,
        silent_from: usize,
    }

    impl Simulation {
        fn new(is_new: bool, csd: u128) -> Self {
            Self {
                commands: RefCell::default(),
                modes: RefCell::default(),
                is_new,
                busy: RefCell::new(3),
                csd,
                silent_from: usize::MAX,
            }
        }
    }

    fn words(bits: u128) -> [u32; 4] {
        core::array::from_fn(|index| (bits >> 8 >> (32 * index)) as u32)
    }

    impl Bus for Simulation {
        fn command(&self, command: Command) -> Result<[u32; 4]> {
            let mut commands = self.commands.borrow_mut();
            if commands.len() >= self.silent_from {
                return Err(Errno::ETIMEDOUT);
            }
            commands.push((command.index, command.argument));
            Ok(match command.index {
                8 if self.is_new => [command.argument, 0, 0, 0],
                8 => return Err(Errno::ETIMEDOUT),
                41 => {
                    let mut busy = self.busy.borrow_mut();
                    *busy = busy.saturating_sub(1);
                    let large = command.argument & 1 << 30;
                    [0x00ff_8000 | large | u32::from(*busy == 0) << 31, 0, 0, 0]
                }
                3 => [0x1234_0520, 0, 0, 0],
                9 => words(self.csd),
                13 => [0x900, 0, 0, 0],
                _ => [0; 4],
            })
        }

        fn read_register(&self, command: Command, data: &mut [u8]) -> Result<()> {
            self.command(command)?;
            match command.index {
                51 => data[..2].copy_from_slice(&[0x02, 0x05]),
                _ => data[16] = 1,
            }
            Ok(())
        }

        fn set_mode(&self, hertz: u32, four_bits: bool) -> Result<()> {
            self.modes.borrow_mut().push((hertz, four_bits));
            Ok(())
        }

        fn pause(&self, _milliseconds: u64) {}
    }

    const LARGE: u128 = 1 << 126 | 0x1fff << 48;

    #[test]
    fn a_large_card_is_fast_and_wide() {
        let bus = Simulation::new(true, LARGE);
        let card = Card::identify(&bus).unwrap();
        assert_eq!(card.sectors, 0x2000 * 1024);
        assert_eq!((card.address, card.place(7)), (0x1234_0000, 7));
        assert!(!card.write_protected);
        assert_eq!(
            bus.modes.borrow().as_slice(),
            [
                (400_000, false),
                (25_000_000, false),
                (25_000_000, true),
                (50_000_000, true)
            ]
        );
        assert_eq!(card.wait_ready(&bus), Ok(()));
    }

    #[test]
    fn an_old_card_counts_bytes() {
        // 1,024 blocks of 512 bytes times 4, protected for now.
        let csd = 9 << 80 | 1023 << 62 | 1 << 12;
        let bus = Simulation::new(false, csd);
        let card = Card::identify(&bus).unwrap();
        assert_eq!((card.sectors, card.place(7)), (4096, 7 * 512));
        assert!(card.write_protected);
        assert!(bus.commands.borrow().contains(&(16, 512)));
    }

    #[test]
    fn a_card_may_fall_silent_at_any_time() {
        let count = {
            let bus = Simulation::new(true, LARGE);
            Card::identify(&bus).unwrap();
            bus.commands.borrow().len()
        };
        for silent_from in 0..count {
            let mut bus = Simulation::new(true, LARGE);
            bus.silent_from = silent_from;
            assert!(Card::identify(&bus).is_err());
        }
        let mut bus = Simulation::new(true, LARGE);
        bus.silent_from = 1;
        assert_eq!(Card::identify(&bus), Err(Errno::ENOMEDIUM));
    }

    #[test]
    fn sizes_that_make_no_sense_are_refused() {
        assert_eq!(sectors(3 << 126), None);
        assert_eq!(sectors(1 << 126 | 0x3f_ffff << 48), Some(1 << 32));
        let largest_old = 0xf << 80 | 0xfff << 62 | 7 << 47;
        assert_eq!(sectors(largest_old), Some((4096 << 24) / 512));
    }
}
