//! Loading: from a program file to a new address space.

use super::elf::{self, Image, Segment};
use super::program::ProgramFile;
use crate::errno::{Errno, Result};
use crate::memory::{AddressSpace, Layout, MapRequest, PAGE_SIZE, Placement, Protection};
use crate::system::random;
use alloc::vec::Vec;

/// Where programs that can be loaded anywhere go, as on Linux: two thirds up, far from heap-less mappings and stack.
const MOVABLE_BASE: u64 = 0xaaaa_aaaa_0000;
/// Pages over which that is spread at random.
const MOVABLE_SPREAD: u64 = 1 << 18;

/// A program that is in memory.
pub struct Loaded {
    /// First instruction of the program.
    pub entry: u64,
    /// Program headers in memory; 0 if they aren't there.
    pub headers: u64,
    pub header_count: usize,
    pub layout: Layout,
    pub executable_stack: bool,
}

/// Reads what a program file asks for; `start` is its beginning.
///
/// # Errors
/// `ENOEXEC`, `ENOMEM`, `EIO`.
pub fn examine(file: &ProgramFile, start: &[u8]) -> Result<Image> {
    let table = elf::parse_header(start)?;
    let mut headers = Vec::new();
    let size = table.count * elf::PROGRAM_HEADER_SIZE;
    headers.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
    headers.resize(size, 0);
    file.read_exactly(&mut headers, table.offset)?;
    elf::parse_program(&table, &headers)
}

/// The path of the interpreter that a program asks for.
///
/// # Errors
/// `ENOEXEC`: not a string; `ENOMEM`, `EIO`.
pub fn interpreter_path(file: &ProgramFile, image: &Image) -> Result<Option<Vec<u8>>> {
    let Some((offset, length)) = image.interpreter else { return Ok(None) };
    let mut path = Vec::new();
    path.try_reserve_exact(length).map_err(|_| Errno::ENOMEM)?;
    path.resize(length, 0);
    file.read_exactly(&mut path, offset)?;
    if path.pop() != Some(0) || path.is_empty() || path.contains(&0) {
        return Err(Errno::ENOEXEC);
    }
    Ok(Some(path))
}

/// Maps a program.
///
/// # Errors
/// `ENOMEM`; `ENOEXEC`: it doesn't fit.
pub fn load(space: &AddressSpace, file: &ProgramFile, image: &Image) -> Result<Loaded> {
    let bias = if image.movable {
        let base = MOVABLE_BASE + random::word() % MOVABLE_SPREAD * PAGE_SIZE;
        (base & !(image.alignment - 1)).checked_sub(image.start()).ok_or(Errno::ENOEXEC)?
    } else {
        0
    };
    map_segments(space, file, image, bias)?;
    let mut layout = Layout::default();
    for segment in &image.segments {
        if segment.execute {
            layout.code_start = if layout.code_end == 0 { segment.address + bias } else { layout.code_start };
            layout.code_end = segment.file_end() + bias;
        } else if segment.write {
            layout.data_start = if layout.data_end == 0 { segment.address + bias } else { layout.data_start };
            layout.data_end = segment.file_end() + bias;
        }
    }
    layout.heap_start = image.end() + bias;
    Ok(Loaded {
        entry: image.entry.wrapping_add(bias),
        headers: image.headers.map_or(0, |address| address + bias),
        header_count: image.header_count,
        layout,
        executable_stack: image.executable_stack,
    })
}

/// Maps an interpreter where there is room; gives its load address and its first instruction.
///
/// # Errors
/// As [`load`].
pub fn load_interpreter(space: &AddressSpace, file: &ProgramFile, image: &Image) -> Result<(u64, u64)> {
    if !image.movable {
        map_segments(space, file, image, 0)?;
        return Ok((0, image.entry));
    }
    let span = image.end() - image.start();
    let room = span.checked_add(image.alignment).ok_or(Errno::ENOEXEC)?;
    let found = space.map(MapRequest::anonymous(room, Protection { read: false, write: false, execute: false }))?;
    space.unmap(found, room)?;
    let base = found.next_multiple_of(image.alignment);
    let bias = base.wrapping_sub(image.start());
    map_segments(space, file, image, bias)?;
    Ok((bias, image.entry.wrapping_add(bias)))
}

fn map_segments(space: &AddressSpace, file: &ProgramFile, image: &Image, bias: u64) -> Result<()> {
    for segment in &image.segments {
        map_segment(space, file, segment, bias)?;
    }
    Ok(())
}

fn map_segment(space: &AddressSpace, file: &ProgramFile, segment: &Segment, bias: u64) -> Result<()> {
    let protection = Protection { read: segment.read, write: segment.write, execute: segment.execute };
    let start = segment.page_start().wrapping_add(bias);
    let file_end = segment.file_end().wrapping_add(bias);
    let end = segment.end().wrapping_add(bias);
    let mut zeros_from = start;
    if segment.file_size != 0 {
        zeros_from = file_end.next_multiple_of(PAGE_SIZE);
        let offset = segment.offset & !(PAGE_SIZE - 1);
        space.map(MapRequest {
            placement: Placement::Fixed(start),
            ..MapRequest::file(file.open_file().clone(), offset, zeros_from - start, protection)
        })?;
        // What the last page has of the file's next bytes isn't part of the segment. A read-only segment keeps them,
        // as on Linux.
        if segment.write && end > file_end && zeros_from > file_end {
            space.clear_memory(file_end, zeros_from.min(end) - file_end)?;
        }
    }
    let end = end.next_multiple_of(PAGE_SIZE);
    if end > zeros_from {
        space.map(MapRequest {
            placement: Placement::Fixed(zeros_from),
            ..MapRequest::anonymous(end - zeros_from, protection)
        })?;
    }
    Ok(())
}
