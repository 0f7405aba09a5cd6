//! What an ELF file says about how to load it (elf(5); ELF for the Arm 64-bit Architecture). Pure; never panics,
//! whatever the bytes are.

use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::memory::{PAGE_SIZE, USER_END};
use smallvec::SmallVec;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `Elf64_Ehdr`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Header {
    pub identification: [u8; 16],
    pub kind: u16,
    pub machine: u16,
    pub version: u32,
    pub entry: u64,
    pub program_headers: u64,
    pub section_headers: u64,
    pub flags: u32,
    pub header_size: u16,
    pub program_header_size: u16,
    pub program_header_count: u16,
    pub section_header_size: u16,
    pub section_header_count: u16,
    pub section_names: u16,
}

/// `Elf64_Phdr`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ProgramHeader {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub physical: u64,
    pub file_size: u64,
    pub memory_size: u64,
    pub alignment: u64,
}

const MAGIC: [u8; 4] = *b"\x7fELF";
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const EXECUTABLE: u16 = 2;
const DYNAMIC: u16 = 3;
const AARCH64: u16 = 183;
const LOAD: u32 = 1;
const INTERPRETER: u32 = 3;
const PROGRAM_HEADERS: u32 = 6;
const GNU_STACK: u32 = 0x6474_e551;
const EXECUTE: u32 = 1;
const WRITE: u32 = 2;
const READ: u32 = 4;

/// The most bytes of program headers (as on Linux).
const PROGRAM_HEADERS_MAX: usize = 65_536;
/// The longest interpreter path with its NUL (PATH_MAX).
const INTERPRETER_MAX: u64 = 4096;

/// Where an image may be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// At the addresses in the file.
    Fixed,
    /// Anywhere, at a multiple of this many bytes.
    Relocatable { alignment: u64 },
}

/// A part of the file to be mapped. Checked: file offset and address agree within the page, sizes don't overflow, and
/// all of it lies in user space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub address: u64,
    pub offset: u64,
    pub file_size: u64,
    pub memory_size: u64,
    pub read: bool,
    pub write: bool,
    pub execute: bool,
}

impl Segment {
    /// First address of its first page.
    pub fn page_start(&self) -> u64 {
        self.address & !(PAGE_SIZE - 1)
    }

    /// First address behind its memory.
    pub fn end(&self) -> u64 {
        self.address + self.memory_size
    }

    /// First address behind what comes from the file.
    pub fn file_end(&self) -> u64 {
        self.address + self.file_size
    }
}

/// How to load an ELF file.
#[derive(Clone, Debug)]
pub struct Image {
    pub placement: Placement,
    /// Address of the first instruction, before relocation.
    pub entry: u64,
    /// In order of address, without overlap of pages.
    pub segments: SmallVec<[Segment; 4]>,
    /// Offset and length of the interpreter's path in the file.
    pub interpreter: Option<(u64, usize)>,
    pub executable_stack: bool,
    /// Address of the program headers in memory, before relocation; 0 if they aren't loaded.
    pub program_headers: u64,
    pub program_header_count: u16,
}

impl Header {
    /// Takes the header at the beginning of a file, if it is that of a program for this machine.
    ///
    /// # Errors
    /// `ENOEXEC`.
    pub fn parse(start: &[u8]) -> Result<Self> {
        let (header, _) = Header::read_from_prefix(start).map_err(|_| Errno::ENOEXEC)?;
        let sound = header.identification[..4] == MAGIC
            && header.identification[4] == CLASS_64
            && header.identification[5] == LITTLE_ENDIAN
            && header.machine == AARCH64
            && matches!(header.kind, EXECUTABLE | DYNAMIC)
            && usize::from(header.program_header_size) == size_of::<ProgramHeader>()
            && header.program_header_count != 0
            && header.program_headers_length() <= PROGRAM_HEADERS_MAX;
        if sound {
            Ok(header)
        } else {
            Err(Errno::ENOEXEC)
        }
    }

    /// Bytes of all program headers.
    pub fn program_headers_length(&self) -> usize {
        usize::from(self.program_header_count) * size_of::<ProgramHeader>()
    }
}

impl Image {
    /// Reads the program headers, given as bytes.
    ///
    /// # Errors
    /// `ENOEXEC` for what makes no sense, `EINVAL` for what can't be mapped.
    pub fn parse(header: &Header, program_headers: &[u8]) -> Result<Self> {
        let mut image = Image {
            placement: Placement::Fixed,
            entry: header.entry,
            segments: SmallVec::new(),
            interpreter: None,
            executable_stack: false,
            program_headers: 0,
            program_header_count: header.program_header_count,
        };
        let mut alignment = PAGE_SIZE;
        let mut rest = program_headers;
        for _ in 0..header.program_header_count {
            let (entry, after) =
                ProgramHeader::read_from_prefix(rest).map_err(|_| Errno::ENOEXEC)?;
            rest = after;
            match entry.kind {
                LOAD if entry.memory_size != 0 => {
                    image.add_segment(&entry)?;
                    if entry.alignment.is_power_of_two() {
                        alignment = alignment.max(entry.alignment.min(1 << 30));
                    }
                    let headers = header.program_headers;
                    if entry.offset <= headers && headers - entry.offset < entry.file_size {
                        image.program_headers = entry.address.wrapping_add(headers - entry.offset);
                    }
                }
                INTERPRETER if image.interpreter.is_none() => {
                    if !(2..=INTERPRETER_MAX).contains(&entry.file_size) {
                        return Err(Errno::ENOEXEC);
                    }
                    image.interpreter = Some((entry.offset, entry.file_size as usize));
                }
                PROGRAM_HEADERS => image.program_headers = entry.address,
                GNU_STACK => image.executable_stack = entry.flags & EXECUTE != 0,
                _ => {}
            }
        }
        if image.segments.is_empty() {
            return Err(Errno::ENOEXEC);
        }
        if header.kind == DYNAMIC {
            image.placement = Placement::Relocatable { alignment };
        }
        Ok(image)
    }

    fn add_segment(&mut self, entry: &ProgramHeader) -> Result<()> {
        let end = entry
            .address
            .checked_add(entry.memory_size)
            .ok_or(Errno::ENOEXEC)?;
        let file_end = entry
            .offset
            .checked_add(entry.file_size)
            .ok_or(Errno::ENOEXEC)?;
        if entry.file_size > entry.memory_size || end > USER_END || file_end > i64::MAX as u64 {
            return Err(Errno::ENOEXEC);
        }
        if entry.address % PAGE_SIZE != entry.offset % PAGE_SIZE {
            return Err(Errno::EINVAL);
        }
        let segment = Segment {
            address: entry.address,
            offset: entry.offset,
            file_size: entry.file_size,
            memory_size: entry.memory_size,
            read: entry.flags & READ != 0,
            write: entry.flags & WRITE != 0,
            execute: entry.flags & EXECUTE != 0,
        };
        if self
            .segments
            .last()
            .is_some_and(|last| last.end() > segment.page_start())
        {
            return Err(Errno::ENOEXEC);
        }
        self.segments.make_room(1)?;
        self.segments.push(segment);
        Ok(())
    }

    /// First page of the image, and the first address behind its memory.
    pub fn range(&self) -> (u64, u64) {
        let start = self.segments.first().map_or(0, Segment::page_start);
        (start, self.segments.last().map_or(0, Segment::end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// A well-formed file: text at 0x10000, data with bss at 0x21000.
    fn sample(kind: u16) -> Vec<u8> {
        let header = Header {
            identification: [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            kind,
            machine: AARCH64,
            version: 1,
            entry: 0x10100,
            program_headers: 64,
            section_headers: 0,
            flags: 0,
            header_size: 64,
            program_header_size: 56,
            program_header_count: 4,
            section_header_size: 0,
            section_header_count: 0,
            section_names: 0,
        };
        let load = |offset, address, file_size, memory_size, flags| ProgramHeader {
            kind: LOAD,
            flags,
            offset,
            address,
            physical: 0,
            file_size,
            memory_size,
            alignment: 0x1_0000,
        };
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(load(0, 0x1_0000, 0x1000, 0x1000, READ | EXECUTE).as_bytes());
        bytes.extend_from_slice(load(0x1000, 0x2_1000, 0x10, 0x2000, READ | WRITE).as_bytes());
        bytes.extend_from_slice(
            ProgramHeader {
                kind: INTERPRETER,
                offset: 0x200,
                file_size: 20,
                ..load(0, 0, 0, 0, 0)
            }
            .as_bytes(),
        );
        bytes.extend_from_slice(
            ProgramHeader {
                kind: GNU_STACK,
                flags: READ | WRITE,
                ..load(0, 0, 0, 0, 0)
            }
            .as_bytes(),
        );
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Image> {
        let header = Header::parse(bytes)?;
        let start = usize::try_from(header.program_headers).unwrap_or(usize::MAX);
        Image::parse(&header, bytes.get(start..).unwrap_or_default())
    }

    #[test]
    fn a_sound_file_is_understood() {
        let image = parse(&sample(DYNAMIC)).unwrap();
        assert_eq!(
            image.placement,
            Placement::Relocatable {
                alignment: 0x1_0000
            }
        );
        assert_eq!(image.segments.len(), 2);
        assert_eq!(image.range(), (0x1_0000, 0x2_3000));
        assert_eq!(image.program_headers, 0x1_0040);
        assert_eq!(image.interpreter, Some((0x200, 20)));
        assert!(!image.executable_stack);
        assert_eq!(
            parse(&sample(EXECUTABLE)).unwrap().placement,
            Placement::Fixed
        );
    }

    #[test]
    fn other_machines_and_kinds_are_refused() {
        let mut bytes = sample(EXECUTABLE);
        bytes[18] = 62;
        assert_eq!(parse(&bytes).unwrap_err(), Errno::ENOEXEC);
        assert_eq!(parse(&sample(1)).unwrap_err(), Errno::ENOEXEC);
        assert_eq!(parse(b"#!/bin/sh\n").unwrap_err(), Errno::ENOEXEC);
        assert_eq!(parse(&[]).unwrap_err(), Errno::ENOEXEC);
    }

    #[test]
    fn whatever_the_bytes_say_segments_stay_in_user_space() {
        let mut random = 0x1357_9bdf_2468_ace0u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let original = sample(DYNAMIC);
        for _ in 0..200_000 {
            let mut bytes = original.clone();
            for _ in 0..1 + next() % 4 {
                let position = next() as usize % bytes.len();
                match next() % 3 {
                    0 => bytes[position] = next() as u8,
                    1 => bytes[position] ^= 1 << (next() % 8),
                    _ => {
                        let end = (position + 8).min(bytes.len());
                        bytes[position..end].fill(0xff);
                    }
                }
            }
            bytes.truncate(
                bytes.len() - (next() % 9 == 0) as usize * (next() as usize % bytes.len()),
            );
            if let Ok(image) = parse(&bytes) {
                let mut last = 0;
                for segment in &image.segments {
                    assert!(segment.page_start() >= last && segment.end() <= USER_END);
                    assert!(segment.file_size <= segment.memory_size);
                    assert_eq!(segment.address % PAGE_SIZE, segment.offset % PAGE_SIZE);
                    last = segment.end();
                }
            }
        }
    }
}
