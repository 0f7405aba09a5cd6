//! Mapping an ELF image into a new address space. File pages are mapped, not copied.

use super::elf::{Header, Image, Placement as ImagePlacement, Segment};
use super::script::HEAD_SIZE;
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::memory::{
    AddressSpace, AreaFlags, MapRequest, PAGE_SIZE, Placement, Protection, WINDOW_END,
};
use crate::vfs::File;
use crate::vfs::transfer::Destination;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Where a relocatable program with or without an interpreter goes: two thirds up the part of user space that programs
/// get, as on Linux (ELF_ET_DYN_BASE).
const PROGRAM_BASE: u64 = (WINDOW_END / 3 * 2) & !0xffff;

/// An image in its place.
#[derive(Clone, Copy, Debug)]
pub struct Loaded {
    /// What was added to the file's addresses.
    pub bias: u64,
    pub entry: u64,
    /// First address of the program headers in memory; 0 if they aren't there.
    pub program_headers: u64,
    pub code: (u64, u64),
    pub data: (u64, u64),
    /// First address behind its memory.
    pub end: u64,
}

/// Reads what is at `offset`, as far as the file goes.
///
/// # Errors
/// Those of read(2).
pub fn read_at(file: &File, offset: u64, buffer: &mut [u8]) -> Result<usize> {
    file.read_at(&mut Destination::kernel(buffer), offset)
}

/// The beginning of a program file.
pub struct Head {
    bytes: [u8; HEAD_SIZE],
    length: usize,
}

impl Head {
    /// Reads it.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn read(file: &File) -> Result<Self> {
        let mut bytes = [0; HEAD_SIZE];
        let length = read_at(file, 0, &mut bytes)?;
        Ok(Self { bytes, length })
    }

    /// The bytes that are there.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Understands an ELF file that begins with `head`.
///
/// # Errors
/// `ENOEXEC`, `EINVAL`, those of read(2).
pub fn understand(file: &File, head: &Head) -> Result<Image> {
    let header = Header::parse(head.bytes())?;
    let length = header.program_headers_length();
    if let Some(headers) = usize::try_from(header.program_headers)
        .ok()
        .and_then(|start| head.bytes().get(start..start.checked_add(length)?))
    {
        return Image::parse(&header, headers);
    }
    let mut headers = Vec::new();
    headers.make_room_exact(length)?;
    headers.resize(length, 0);
    if read_at(file, header.program_headers, &mut headers)? != length {
        return Err(Errno::ENOEXEC);
    }
    Image::parse(&header, &headers)
}

/// Maps an image. An interpreter goes where there is room; a program to its own place.
///
/// # Errors
/// `ENOMEM`, and what mapping the file says.
pub fn map(
    memory: &AddressSpace,
    file: &Arc<File>,
    image: &Image,
    is_interpreter: bool,
) -> Result<Loaded> {
    let (start, end) = image.range();
    let bias = match image.placement {
        ImagePlacement::Fixed => 0,
        ImagePlacement::Relocatable { alignment } if is_interpreter => {
            // Takes the whole range first, so that the segments keep their distances.
            let length = end - start + alignment - PAGE_SIZE;
            let nothing = Protection {
                read: false,
                write: false,
                execute: false,
            };
            let at = memory.map(MapRequest {
                flags: AreaFlags::NO_RESERVE,
                ..MapRequest::anonymous(length, nothing)
            })?;
            memory.unmap(at, length.next_multiple_of(PAGE_SIZE))?;
            at.next_multiple_of(alignment)
                .wrapping_sub(start & !(alignment - 1))
        }
        ImagePlacement::Relocatable { alignment } => {
            (PROGRAM_BASE & !(alignment - 1)).wrapping_sub(start & !(alignment - 1))
        }
    };
    let mut loaded = Loaded {
        bias,
        entry: image.entry.wrapping_add(bias),
        program_headers: if image.program_headers == 0 {
            0
        } else {
            image.program_headers.wrapping_add(bias)
        },
        code: (u64::MAX, 0),
        data: (u64::MAX, 0),
        end: end.wrapping_add(bias),
    };
    for segment in &image.segments {
        map_segment(memory, file, segment, bias)?;
        let range = (
            segment.address.wrapping_add(bias),
            segment.file_end().wrapping_add(bias),
        );
        let kind = if segment.execute {
            &mut loaded.code
        } else {
            &mut loaded.data
        };
        *kind = (kind.0.min(range.0), kind.1.max(range.1));
    }
    for range in [&mut loaded.code, &mut loaded.data] {
        if range.0 > range.1 {
            *range = (0, 0);
        }
    }
    Ok(loaded)
}

fn map_segment(
    memory: &AddressSpace,
    file: &Arc<File>,
    segment: &Segment,
    bias: u64,
) -> Result<()> {
    let protection = Protection {
        read: segment.read,
        write: segment.write,
        execute: segment.execute,
    };
    let page_start = segment.page_start();
    let lead = segment.address - page_start;
    let file_pages = if segment.file_size == 0 {
        0
    } else {
        (lead + segment.file_size).next_multiple_of(PAGE_SIZE)
    };
    let all_pages = (lead + segment.memory_size).next_multiple_of(PAGE_SIZE);
    let at = page_start.checked_add(bias).ok_or(Errno::ENOMEM)?;
    if file_pages != 0 {
        memory.map(MapRequest {
            placement: Placement::Fixed(at),
            ..MapRequest::file(file.clone(), segment.offset - lead, file_pages, protection)
        })?;
    }
    if all_pages > file_pages {
        memory.map(MapRequest {
            placement: Placement::Fixed(at + file_pages),
            ..MapRequest::anonymous(all_pages - file_pages, protection)
        })?;
    }
    let (file_end, page_end) = (lead + segment.file_size, file_pages.min(all_pages));
    if segment.memory_size > segment.file_size && file_end < page_end && segment.write {
        // The rest of the file's last page is the beginning of the memory that starts as zeros.
        memory.clear_memory(at + file_end, page_end - file_end)?;
    }
    Ok(())
}
