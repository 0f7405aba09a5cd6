//! Decompression of one gzip member (RFC 1952), a window at a time.

use super::{Archive, UnpackError};
use crate::heap::MakeRoom;
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, TINFL_LZ_DICT_SIZE, decompress};

type Result<T> = core::result::Result<T, UnpackError>;

/// Compressed bytes that are looked at at once.
const INPUT: usize = 4096;

const HEADER_CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// A member that is being decompressed.
pub struct Gzip {
    state: Box<DecompressorOxide>,
    /// The last 32 KiB of output, which later output refers to.
    window: Box<[u8]>,
    /// Where in the window the next output goes, and what of the last output is not read yet.
    next: usize,
    unread: core::ops::Range<usize>,
    input: Box<[u8]>,
    finished: bool,
    checksum: u32,
    length: u32,
}

#[inline(never)]
fn new_state() -> Box<DecompressorOxide> {
    Box::default()
}

fn zeros(length: usize) -> Result<Box<[u8]>> {
    let mut bytes = Vec::new();
    bytes
        .make_room_exact(length)
        .map_err(|_| UnpackError::Memory)?;
    bytes.resize(length, 0);
    Ok(bytes.into_boxed_slice())
}

fn take<const N: usize>(archive: &impl Archive, offset: &mut usize) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    if !archive.read(*offset, &mut bytes) {
        return Err(UnpackError::Damaged("gzip data ends too early", *offset));
    }
    *offset += N;
    Ok(bytes)
}

fn skip_text(archive: &impl Archive, offset: &mut usize) -> Result<()> {
    while take::<1>(archive, offset)? != [0] {}
    Ok(())
}

impl Gzip {
    /// Reads a member's header.
    ///
    /// # Errors
    /// `Damaged` if it is none; `Memory`.
    pub fn begin(archive: &impl Archive, offset: &mut usize) -> Result<Self> {
        let [first, second, method, flags, ..] = take::<10>(archive, offset)?;
        if (first, second, method) != (0x1f, 0x8b, 8) {
            return Err(UnpackError::Damaged(
                "neither a cpio header nor gzip data",
                *offset - 10,
            ));
        }
        if flags & EXTRA != 0 {
            let length = u16::from_le_bytes(take(archive, offset)?);
            *offset += usize::from(length);
        }
        if flags & NAME != 0 {
            skip_text(archive, offset)?;
        }
        if flags & COMMENT != 0 {
            skip_text(archive, offset)?;
        }
        if flags & HEADER_CHECKSUM != 0 {
            take::<2>(archive, offset)?;
        }
        hal::frame::headroom().map_err(|_| UnpackError::Memory)?;
        Ok(Self {
            state: new_state(),
            window: zeros(TINFL_LZ_DICT_SIZE)?,
            next: 0,
            unread: 0..0,
            input: zeros(INPUT)?,
            finished: false,
            checksum: !0,
            length: 0,
        })
    }

    /// Reads output; 0 at the member's end, whose checksum is right then.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn read(
        &mut self,
        archive: &impl Archive,
        offset: &mut usize,
        target: &mut [u8],
    ) -> Result<usize> {
        while self.unread.is_empty() {
            if self.finished {
                return Ok(0);
            }
            self.decompress(archive, offset)?;
        }
        let count = target.len().min(self.unread.len());
        let from = self.unread.start;
        if let (Some(target), Some(bytes)) =
            (target.get_mut(..count), self.window.get(from..from + count))
        {
            target.copy_from_slice(bytes);
        }
        self.unread.start += count;
        Ok(count)
    }

    fn decompress(&mut self, archive: &impl Archive, offset: &mut usize) -> Result<()> {
        let available = archive.length().saturating_sub(*offset).min(INPUT);
        let input = self.input.get_mut(..available).unwrap_or(&mut []);
        if !archive.read(*offset, input) {
            return Err(UnpackError::Damaged("gzip data ends too early", *offset));
        }
        let more = if available > 0 {
            TINFL_FLAG_HAS_MORE_INPUT
        } else {
            0
        };
        let (status, used, written) =
            decompress(&mut self.state, input, &mut self.window, self.next, more);
        *offset += used;
        let output = self.next..self.next + written;
        self.checksum = checksum(
            self.checksum,
            self.window.get(output.clone()).unwrap_or(&[]),
        );
        self.length = self.length.wrapping_add(written as u32);
        self.next = output.end % TINFL_LZ_DICT_SIZE;
        self.unread = output;
        match status {
            TINFLStatus::Done => {
                self.finished = true;
                let sum = u32::from_le_bytes(take(archive, offset)?);
                let length = u32::from_le_bytes(take(archive, offset)?);
                if (sum, length) != (!self.checksum, self.length) {
                    return Err(UnpackError::Damaged("the gzip checksum is wrong", *offset));
                }
                Ok(())
            }
            TINFLStatus::HasMoreOutput => Ok(()),
            TINFLStatus::NeedsMoreInput if used > 0 || written > 0 => Ok(()),
            TINFLStatus::NeedsMoreInput => {
                Err(UnpackError::Damaged("gzip data ends too early", *offset))
            }
            _ => Err(UnpackError::Damaged("bad gzip data", *offset)),
        }
    }
}

/// CRC-32 of every byte value, polynomial 0xedb88320.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        let mut sum = value as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 != 0 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
            bit += 1;
        }
        table[value] = sum;
        value += 1;
    }
    table
};

fn checksum(sum: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(sum, |sum, &byte| {
        let index = usize::from(sum as u8 ^ byte);
        sum >> 8 ^ TABLE.get(index).copied().unwrap_or(0)
    })
}
