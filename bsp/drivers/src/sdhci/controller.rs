//! An SD host controller: commands, data and errors (SD Host Controller Simplified Specification 3.00).
//!
//! A controller with ADMA2 moves the data by itself; for others the CPU does, a block at a time. The thread sleeps until
//! the interrupt says that there is something to do.
//! One thread at a time uses a controller, under the lock of its [`super::SdDisk`]; the interrupt touches the event
//! registers only.

use super::card::{Answer, Bus, Command};
use super::dma::Dma;
use super::registers::{BLOCKS, CAPABILITIES, CLOCK, COMMAND, EVENTS, HOST, Registers, STATE};
use crate::device_tree::DmaWindow;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use hal::interrupt::InterruptHandler;
use kernel_core::block::{Operation, Segment};
use kernel_core::sched::{Interruption, WaitQueue, sleep_until};
use kernel_core::{Errno, Result};
use tock_registers::LocalRegisterCopy;
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};

/// How long a command, a block of data and the end of a write may take, ns.
const COMMAND_LIMIT: u64 = 1_000_000_000;
const DATA_LIMIT: u64 = 2_000_000_000;
const MILLISECOND: u64 = 1_000_000;
/// The base clock that is assumed where the controller doesn't tell: the most that firmware sets. If it is slower, so is
/// the card.
const FASTEST_BASE: u32 = 200_000_000;
/// Bytes of a block.
pub const BLOCK: usize = 512;

/// What a transfer does with its data.
pub enum Data<'a> {
    /// One register of the card, of at most a block.
    Register(&'a mut [u8]),
    /// Blocks from the card.
    Read(&'a [Segment<'a>]),
    /// Blocks to the card.
    Write(&'a [Segment<'a>]),
}

/// A controller.
pub struct Controller {
    registers: &'static Registers,
    /// Events that the interrupt has seen since the command began.
    events: AtomicU32,
    changed: WaitQueue,
    base: u32,
    dma: Option<Dma>,
}

// SAFETY: one thread at a time uses the registers, but for those of events, of which each access is whole.
unsafe impl Sync for Controller {}
// SAFETY: as above.
unsafe impl Send for Controller {}

impl Controller {
    /// Resets the controller and gives the card power (sections 3.2, 3.3).
    ///
    /// # Errors
    /// `ETIMEDOUT` if it doesn't come out of its reset.
    pub fn start(registers: &'static Registers, window: &DmaWindow) -> Result<Self> {
        let base = registers.CAPABILITIES.read(CAPABILITIES::BASE_CLOCK);
        let has_dma = registers.CAPABILITIES.is_set(CAPABILITIES::ADMA2);
        let controller = Self {
            registers,
            events: AtomicU32::new(0),
            changed: WaitQueue::new(),
            base: if base == 0 {
                FASTEST_BASE
            } else {
                base * 1_000_000
            },
            dma: if has_dma { Dma::new(window) } else { None },
        };
        controller.reset(CLOCK::RESET_ALL::SET.value)?;
        registers
            .HOST
            .write(HOST::VOLTAGE::V33 + HOST::POWER::SET + HOST::DMA::Adma2);
        registers.NOTED.set(u32::MAX);
        // Room for the supply to settle (Physical Layer specification, section 6.4.1).
        controller.pause(10);
        Ok(controller)
    }

    /// Whether it moves data by itself.
    pub fn has_dma(&self) -> bool {
        self.dma.is_some()
    }

    /// Lets the controller interrupt: all but what is only a level of the card's.
    pub fn listen(&self) {
        self.registers.SIGNALLED.write(
            EVENTS::ERRORS.val(0xffff)
                + EVENTS::READ_READY::SET
                + EVENTS::WRITE_READY::SET
                + EVENTS::TRANSFER_COMPLETE::SET
                + EVENTS::COMMAND_COMPLETE::SET,
        );
    }

    /// Resets a part of the controller (section 2.2.16).
    fn reset(&self, part: u32) -> Result<()> {
        self.registers.CLOCK.set(self.registers.CLOCK.get() | part);
        self.poll(|| self.registers.CLOCK.get() & part == 0)
    }

    /// Waits for something that takes microseconds.
    fn poll(&self, mut done: impl FnMut() -> bool) -> Result<()> {
        let end = hal::time::now() + 100 * MILLISECOND;
        while !done() {
            if hal::time::now() > end {
                return Err(Errno::ETIMEDOUT);
            }
            core::hint::spin_loop();
        }
        Ok(())
    }

    /// Sleeps until `done`, or an error.
    fn wait(
        &self,
        limit: u64,
        done: impl Fn(LocalRegisterCopy<u32, EVENTS::Register>) -> bool,
    ) -> Result<()> {
        let condition = || {
            let events = LocalRegisterCopy::new(self.events.load(Relaxed));
            if events.read(EVENTS::ERRORS) != 0 {
                let silent = events.is_set(EVENTS::COMMAND_TIMEOUT);
                return Some(Err(if silent { Errno::ETIMEDOUT } else { Errno::EIO }));
            }
            done(events).then_some(Ok(()))
        };
        let end = Some(hal::time::now() + limit);
        match self
            .changed
            .wait_deadline(condition, end, Interruption::None)?
        {
            Some(result) => result,
            None => Err(Errno::ETIMEDOUT),
        }
    }

    /// Sends a command, with data or without (sections 3.7.1, 3.7.2).
    ///
    /// # Errors
    /// `ETIMEDOUT` if the card doesn't answer, `EIO` if something else is wrong with the transfer. The bus is ready for
    /// the next command either way.
    pub fn transfer(&self, command: Command, data: Option<Data<'_>>) -> Result<[u32; 4]> {
        let table = data.as_ref().and_then(|data| self.table(data));
        let result = self
            .begin(command, data.as_ref(), table)
            .and_then(|answer| {
                if let Some(mut data) = data {
                    if table.is_none() {
                        self.move_data(&mut data)?;
                    }
                    self.wait(DATA_LIMIT, |events| {
                        events.is_set(EVENTS::TRANSFER_COMPLETE)
                    })?;
                    if let (Some(dma), Data::Read(segments), Some(_)) = (&self.dma, &data, table) {
                        dma.finish_read(segments);
                    }
                } else if command.answer == Answer::ShortBusy {
                    self.wait(DATA_LIMIT, |events| {
                        events.is_set(EVENTS::TRANSFER_COMPLETE)
                    })?;
                }
                Ok(answer)
            });
        if result.is_err() {
            // Section 3.10: both lines, whichever it was.
            self.reset(CLOCK::RESET_COMMAND::SET.value)?;
            self.reset(CLOCK::RESET_DATA::SET.value)?;
        }
        result
    }

    /// The table by which the controller moves data by itself, if it can.
    fn table(&self, data: &Data<'_>) -> Option<u32> {
        let (operation, segments) = match data {
            Data::Register(_) => return None,
            Data::Read(segments) => (Operation::Read, segments),
            Data::Write(segments) => (Operation::Write, segments),
        };
        self.dma.as_ref()?.prepare(operation, segments)
    }

    /// Sends a command and waits for its answer.
    fn begin(
        &self,
        command: Command,
        data: Option<&Data<'_>>,
        table: Option<u32>,
    ) -> Result<[u32; 4]> {
        let registers = self.registers;
        self.poll(|| {
            let state = registers.STATE.extract();
            !state.is_set(STATE::COMMAND_BUSY) && !state.is_set(STATE::DATA_BUSY)
        })?;
        registers.EVENTS.set(u32::MAX);
        self.events.store(0, Relaxed);
        let mut word = COMMAND::INDEX.val(command.index.into())
            + match command.answer {
                Answer::None => COMMAND::RESPONSE::None,
                Answer::Short => {
                    COMMAND::RESPONSE::Short + COMMAND::CHECK_CRC::SET + COMMAND::CHECK_INDEX::SET
                }
                Answer::ShortBusy => {
                    COMMAND::RESPONSE::ShortBusy
                        + COMMAND::CHECK_CRC::SET
                        + COMMAND::CHECK_INDEX::SET
                }
                Answer::Long => COMMAND::RESPONSE::Long + COMMAND::CHECK_CRC::SET,
                Answer::Unchecked => COMMAND::RESPONSE::Short,
            };
        if let Some(data) = data {
            let (size, count, is_read) = match data {
                Data::Register(bytes) => (bytes.len(), 1, true),
                Data::Read(segments) => (BLOCK, blocks(segments), true),
                Data::Write(segments) => (BLOCK, blocks(segments), false),
            };
            registers
                .BLOCKS
                .write(BLOCKS::SIZE.val(size as u32) + BLOCKS::COUNT.val(count as u32));
            word = word + COMMAND::DATA::SET + COMMAND::READ.val(is_read.into());
            if let Some(table) = table {
                registers.TABLE.set(table);
                word += COMMAND::DMA::SET;
            }
            if count > 1 {
                word = word
                    + COMMAND::MULTIPLE::SET
                    + COMMAND::COUNTED::SET
                    + COMMAND::AUTOMATIC::Stop;
            }
        }
        registers.ARGUMENT.set(command.argument);
        registers.COMMAND.write(word);
        self.wait(COMMAND_LIMIT, |events| {
            events.is_set(EVENTS::COMMAND_COMPLETE)
        })?;
        Ok(core::array::from_fn(|index| {
            registers.RESPONSE[index].get()
        }))
    }

    fn move_data(&self, data: &mut Data<'_>) -> Result<()> {
        match data {
            Data::Register(bytes) => self.read_block(bytes),
            Data::Read(segments) => {
                let mut bytes = [0; BLOCK];
                for (segment, offset) in each_block(segments) {
                    self.read_block(&mut bytes)?;
                    segment.frame.write(offset, &bytes);
                }
                Ok(())
            }
            Data::Write(segments) => {
                let mut bytes = [0; BLOCK];
                for (segment, offset) in each_block(segments) {
                    segment.frame.read(offset, &mut bytes);
                    self.write_block(&bytes)?;
                }
                Ok(())
            }
        }
    }

    fn read_block(&self, bytes: &mut [u8]) -> Result<()> {
        let state = &self.registers.STATE;
        self.wait(DATA_LIMIT, |_| state.is_set(STATE::CAN_READ))?;
        for word in bytes.chunks_mut(4) {
            let read = self.registers.BUFFER.get().to_le_bytes();
            word.copy_from_slice(&read[..word.len()]);
        }
        Ok(())
    }

    fn write_block(&self, bytes: &[u8; BLOCK]) -> Result<()> {
        let state = &self.registers.STATE;
        self.wait(DATA_LIMIT, |_| state.is_set(STATE::CAN_WRITE))?;
        for word in bytes.as_chunks().0 {
            self.registers.BUFFER.set(u32::from_le_bytes(*word));
        }
        Ok(())
    }
}

/// How many blocks segments have.
fn blocks(segments: &[Segment<'_>]) -> usize {
    segments.iter().map(|segment| segment.length / BLOCK).sum()
}

/// Each block of segments: its segment, and where in the frame it is.
fn each_block<'a>(segments: &'a [Segment<'a>]) -> impl Iterator<Item = (&'a Segment<'a>, usize)> {
    segments.iter().flat_map(|segment| {
        (segment.offset..segment.offset + segment.length)
            .step_by(BLOCK)
            .map(move |offset| (segment, offset))
    })
}

impl Bus for Controller {
    fn command(&self, command: Command) -> Result<[u32; 4]> {
        self.transfer(command, None)
    }

    fn read_register(&self, command: Command, data: &mut [u8]) -> Result<()> {
        self.transfer(command, Some(Data::Register(data))).map(drop)
    }

    /// Sections 3.2.3, 3.4; the divisor of 10 bits counts pairs of base clocks (2.2.14).
    fn set_mode(&self, hertz: u32, four_bits: bool) -> Result<()> {
        let registers = self.registers;
        let divisor = match self.base.div_ceil(hertz) {
            0 | 1 => 0,
            ratio => ratio.div_ceil(2).min(1023),
        };
        registers.CLOCK.modify(CLOCK::CARD::CLEAR);
        registers.HOST.modify(
            HOST::FOUR_BITS.val(four_bits.into())
                + HOST::HIGH_SPEED.val((hertz > 25_000_000).into()),
        );
        registers.CLOCK.write(
            CLOCK::DIVISOR.val(divisor & 0xff)
                + CLOCK::DIVISOR_HIGH.val(divisor >> 8)
                + CLOCK::TIMEOUT::Longest
                + CLOCK::INTERNAL::SET,
        );
        self.poll(|| registers.CLOCK.is_set(CLOCK::STABLE))?;
        registers.CLOCK.modify(CLOCK::CARD::SET);
        // The card wants 74 clocks before its first command (Physical Layer specification, section 6.4.1).
        self.pause(1);
        Ok(())
    }

    fn pause(&self, milliseconds: u64) {
        // Without memory for the timer there is no pause; who asks tries again anyway.
        let _ = sleep_until(hal::time::now() + milliseconds * MILLISECOND);
    }
}

impl InterruptHandler for Controller {
    fn handle(&self) {
        let events = self.registers.EVENTS.get();
        // Another controller may have the same line.
        if events != 0 {
            self.registers.EVENTS.set(events);
            self.events.fetch_or(events, Relaxed);
            self.changed.wake_all();
        }
    }
}
