//! Programs in the Executable and Linkable Format (elf(5); "ELF for the Arm 64-bit Architecture").
//!
//! Parses and checks; reads nothing and maps nothing. Whatever a file says, the numbers that come out of here can be
//! added and mapped without overflow.

use crate::errno::{Errno, Result};
use crate::memory::{PAGE_SIZE, USER_END};
use smallvec::SmallVec;
use zerocopy::{FromBytes, Immutable, KnownLayout};

/// Bytes of the file header.
pub const HEADER_SIZE: usize = size_of::<Header>();
/// Bytes of a program header.
pub const PROGRAM_HEADER_SIZE: usize = size_of::<ProgramHeader>();
/// Most program headers that are read: a page of them, as Linux allows 64 KiB; real programs have a dozen.
const MOST_HEADERS: usize = 1024;
/// Longest path of an interpreter, with its NUL.
const LONGEST_INTERPRETER: u64 = 4096;

const MAGIC: [u8; 7] = [0x7f, b'E', b'L', b'F', 2, 1, 1];
const MACHINE_AARCH64: u16 = 183;
const TYPE_EXECUTABLE: u16 = 2;
const TYPE_SHARED_OBJECT: u16 = 3;
const SEGMENT_LOAD: u32 = 1;
const SEGMENT_INTERPRETER: u32 = 3;
const SEGMENT_STACK: u32 = 0x6474_e551;
const FLAG_EXECUTE: u32 = 1;
const FLAG_WRITE: u32 = 2;
const FLAG_READ: u32 = 4;

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    identification: [u8; 16],
    kind: u16,
    machine: u16,
    version: u32,
    entry: u64,
    program_headers: u64,
    section_headers: u64,
    flags: u32,
    size: u16,
    program_header_size: u16,
    program_header_count: u16,
    section_header_size: u16,
    section_header_count: u16,
    names: u16,
}

#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical_address: u64,
    file_size: u64,
    memory_size: u64,
    alignment: u64,
}

/// Where in the file the program headers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderTable {
    pub offset: u64,
    pub count: usize,
    entry: u64,
    movable: bool,
}

/// Reads the file header.
///
/// # Errors
/// `ENOEXEC`: not a program for this machine.
pub fn parse_header(start: &[u8]) -> Result<HeaderTable> {
    let (header, _) = Header::read_from_prefix(start).map_err(|_| Errno::ENOEXEC)?;
    let known = header.identification.starts_with(&MAGIC)
        && header.machine == MACHINE_AARCH64
        && matches!(header.kind, TYPE_EXECUTABLE | TYPE_SHARED_OBJECT)
        && usize::from(header.program_header_size) == PROGRAM_HEADER_SIZE;
    let count = usize::from(header.program_header_count);
    if !known || count == 0 || count > MOST_HEADERS {
        return Err(Errno::ENOEXEC);
    }
    Ok(HeaderTable {
        offset: header.program_headers,
        count,
        entry: header.entry,
        movable: header.kind == TYPE_SHARED_OBJECT,
    })
}

/// A part of the file that becomes memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address, before the program is moved.
    pub address: u64,
    /// Bytes that come from the file.
    pub file_size: u64,
    /// Bytes in memory; those behind the file's are zero.
    pub memory_size: u64,
    /// Byte of the file that goes to `address`; in the same place of its page.
    pub offset: u64,
    pub read: bool,
    pub write: bool,
    pub execute: bool,
}

impl Segment {
    /// First byte of the first page.
    pub fn page_start(&self) -> u64 {
        self.address & !(PAGE_SIZE - 1)
    }

    /// Behind the last byte that comes from the file.
    pub fn file_end(&self) -> u64 {
        self.address + self.file_size
    }

    /// Behind the last byte.
    pub fn end(&self) -> u64 {
        self.address + self.memory_size
    }
}

/// What a program file asks for.
#[derive(Clone, Debug)]
pub struct Image {
    /// Ascending and not overlapping; at least one.
    pub segments: SmallVec<[Segment; 6]>,
    /// First instruction.
    pub entry: u64,
    /// It can be loaded anywhere (ET_DYN).
    pub movable: bool,
    /// A power of two, at least a page: what the load address of a movable program must be a multiple of.
    pub alignment: u64,
    /// Where the file has the path of its interpreter, and its length with the NUL.
    pub interpreter: Option<(u64, usize)>,
    /// Where the program headers are in memory, if they are.
    pub headers: Option<u64>,
    /// How many there are.
    pub header_count: usize,
    /// It asks for a stack that code can run on.
    pub executable_stack: bool,
}

impl Image {
    /// First byte of its first page.
    pub fn start(&self) -> u64 {
        self.segments.first().map_or(0, Segment::page_start)
    }

    /// Behind its last page.
    pub fn end(&self) -> u64 {
        let end = self.segments.last().map_or(0, Segment::end);
        end.next_multiple_of(PAGE_SIZE)
    }
}

/// Reads the program headers, which `table` told of.
///
/// # Errors
/// `ENOEXEC`: they contradict themselves.
pub fn parse_program(table: &HeaderTable, bytes: &[u8]) -> Result<Image> {
    let mut image = Image {
        segments: SmallVec::new(),
        entry: table.entry,
        movable: table.movable,
        alignment: PAGE_SIZE,
        interpreter: None,
        headers: None,
        header_count: table.count,
        executable_stack: false,
    };
    for entry in bytes.chunks_exact(PROGRAM_HEADER_SIZE).take(table.count) {
        let header = ProgramHeader::read_from_bytes(entry).map_err(|_| Errno::ENOEXEC)?;
        match header.kind {
            SEGMENT_LOAD if header.memory_size != 0 => {
                let segment = load_segment(&header)?;
                if image.segments.last().is_some_and(|last| last.end() > segment.address) {
                    return Err(Errno::ENOEXEC);
                }
                if header.alignment.is_power_of_two() && header.alignment <= 1 << 30 {
                    image.alignment = image.alignment.max(header.alignment);
                }
                let covered = segment.offset..segment.offset + segment.file_size;
                if image.headers.is_none() && covered.contains(&table.offset) {
                    image.headers = Some(segment.address + (table.offset - segment.offset));
                }
                image.segments.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
                image.segments.push(segment);
            }
            SEGMENT_INTERPRETER if image.interpreter.is_none() => {
                if header.file_size < 2 || header.file_size > LONGEST_INTERPRETER {
                    return Err(Errno::ENOEXEC);
                }
                image.interpreter = Some((header.offset, header.file_size as usize));
            }
            SEGMENT_STACK => image.executable_stack = header.flags & FLAG_EXECUTE != 0,
            _ => {}
        }
    }
    if image.segments.is_empty() { Err(Errno::ENOEXEC) } else { Ok(image) }
}

fn load_segment(header: &ProgramHeader) -> Result<Segment> {
    let end = header.address.checked_add(header.memory_size);
    let fits = end.is_some_and(|end| end <= USER_END)
        && header.file_size <= header.memory_size
        && header.offset.checked_add(header.file_size).is_some_and(|end| end <= i64::MAX as u64)
        && header.offset % PAGE_SIZE == header.address % PAGE_SIZE;
    if !fits {
        return Err(Errno::ENOEXEC);
    }
    Ok(Segment {
        address: header.address,
        file_size: header.file_size,
        memory_size: header.memory_size,
        offset: header.offset,
        read: header.flags & FLAG_READ != 0,
        write: header.flags & FLAG_WRITE != 0,
        execute: header.flags & FLAG_EXECUTE != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn header(kind: u16, count: u16) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        bytes.resize(16, 0);
        bytes.extend(kind.to_le_bytes());
        bytes.extend(MACHINE_AARCH64.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(0x40_0100u64.to_le_bytes());
        bytes.extend(64u64.to_le_bytes());
        bytes.extend([0; 14]);
        bytes.extend(56u16.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend([0; 6]);
        bytes
    }

    fn program_header(kind: u32, flags: u32, numbers: [u64; 5]) -> Vec<u8> {
        let [offset, address, file_size, memory_size, alignment] = numbers;
        let mut bytes = Vec::new();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        for number in [offset, address, address, file_size, memory_size, alignment] {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    fn parse(headers: &[Vec<u8>]) -> Result<Image> {
        let table = parse_header(&header(TYPE_EXECUTABLE, headers.len() as u16))?;
        parse_program(&table, &headers.concat())
    }

    #[test]
    fn a_static_program() {
        let image = parse(&[
            program_header(SEGMENT_LOAD, 5, [0, 0x40_0000, 0x1234, 0x1234, 0x1_0000]),
            program_header(SEGMENT_LOAD, 6, [0x2ff0, 0x41_2ff0, 0x20, 0x2000, 0x1_0000]),
            program_header(SEGMENT_STACK, 6, [0, 0, 0, 0, 16]),
        ])
        .unwrap();
        assert_eq!(image.segments.len(), 2);
        assert_eq!((image.start(), image.end()), (0x40_0000, 0x41_5000));
        assert_eq!(image.headers, Some(0x40_0040));
        assert_eq!(image.alignment, 0x1_0000);
        assert!(!image.executable_stack && !image.movable && image.interpreter.is_none());
        assert!(image.segments[0].execute && !image.segments[0].write);
    }

    #[test]
    fn what_is_no_program_for_this_machine_is_refused() {
        assert_eq!(parse_header(b"#!/bin/sh\n"), Err(Errno::ENOEXEC));
        for position in [0, 4, 5, 16, 18, 54] {
            let mut bytes = header(TYPE_EXECUTABLE, 1);
            bytes[position] ^= 0x40;
            assert_eq!(parse_header(&bytes), Err(Errno::ENOEXEC), "byte {position}");
        }
        assert_eq!(parse_header(&header(TYPE_EXECUTABLE, 0)), Err(Errno::ENOEXEC));
    }

    #[test]
    fn contradictions_are_refused() {
        let bad = [
            [0, 0x40_0000, 0x2000, 0x1000, 0],           // more in the file than in memory
            [0x10, 0x40_0000, 0x1000, 0x1000, 0],        // not in the same place of the page
            [0, u64::MAX - 0xfff, 0x1000, 0x2000, 0],    // wraps around
            [0, 1 << 47, 0, 1 << 48, 0],                 // ends behind user space
            [i64::MAX as u64 & !0xfff, 0, 0x2000, 0x2000, 0], // ends behind any file
        ];
        for numbers in bad {
            assert!(parse(&[program_header(SEGMENT_LOAD, 5, numbers)]).is_err(), "{numbers:x?}");
        }
        let low = program_header(SEGMENT_LOAD, 5, [0, 0x40_0000, 0x3000, 0x3000, 0]);
        let overlapping = program_header(SEGMENT_LOAD, 5, [0, 0x40_2000, 0x1000, 0x1000, 0]);
        assert!(parse(&[low.clone(), overlapping.clone()]).is_err());
        assert!(parse(&[overlapping, low]).is_err());
        assert!(parse(&[]).is_err());
    }

    /// Whatever the bytes are, parsing ends without a panic, and what it accepts can be mapped without overflow.
    #[test]
    fn damaged_programs_do_no_harm() {
        let good = [
            program_header(SEGMENT_LOAD, 5, [0, 0x40_0000, 0x1234, 0x1234, 0x1_0000]),
            program_header(SEGMENT_INTERPRETER, 4, [0x200, 0x200, 20, 20, 1]),
            program_header(SEGMENT_LOAD, 6, [0x2ff0, 0x41_2ff0, 0x20, 0x2000, 0x1_0000]),
        ]
        .concat();
        let mut state = 1u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..20_000 {
            let mut file = header(TYPE_SHARED_OBJECT, 3);
            file.extend(&good);
            for _ in 0..1 + random() % 6 {
                let position = random() % file.len();
                file[position] = random() as u8;
            }
            let Ok(table) = parse_header(&file) else { continue };
            let Ok(image) = parse_program(&table, &file[64..]) else { continue };
            for segment in &image.segments {
                assert!(segment.page_start() <= segment.address && segment.file_end() <= segment.end());
                assert!(segment.end() <= USER_END);
            }
            assert!(image.start() < image.end() && image.alignment.is_power_of_two());
        }
    }
}
