//! /proc/N/{cmdline,environ,maps,statm}: what is in a process's memory (proc(5)).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::text::Text;
use super::Subject;
use crate::heap::MakeRoom;
use crate::memory::{AddressSpace, Area, AreaFlags, PAGE_SIZE, Source};

use crate::task::Current;
use crate::vfs::{File, Location, path_text};
use crate::{Errno, Result};

/// Arguments and environment are cut off here: what exec accepts at most.
const STRINGS_MAX: u64 = 128 << 10 << 5;
/// The column where maps shows names.
pub const NAME_COLUMN: usize = 73;

/// The memory of what a directory tells of; none for a zombie.
pub(super) fn space(subject: &Subject) -> Option<Arc<AddressSpace>> {
    subject.any_thread()?.address_space()
}

fn push_memory(space: &AddressSpace, start: u64, end: u64, text: &mut Text) -> Result<()> {
    let length = end.saturating_sub(start).min(STRINGS_MAX) as usize;
    let mut bytes = Vec::new();
    bytes.make_room_exact(length)?;
    bytes.resize(length, 0);
    let read = space.read_memory(start, &mut bytes);
    text.push(bytes.get(..read).unwrap_or_default());
    Ok(())
}

/// The arguments, each with its NUL; nothing for a zombie.
///
/// # Errors
/// `ENOMEM`.
pub fn cmdline(subject: &Subject, _reader: &Current, text: &mut Text) -> Result<()> {
    let Some(space) = space(subject) else {
        return Ok(());
    };
    let layout = space.layout();
    push_memory(&space, layout.arguments_start, layout.arguments_end, text)
}

/// The initial environment, each string with its NUL.
///
/// # Errors
/// `EACCES`, `ENOMEM`.
pub fn environ(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    subject.check_inspection(reader)?;
    let Some(space) = space(subject) else {
        return Ok(());
    };
    let layout = space.layout();
    push_memory(
        &space,
        layout.environment_start,
        layout.environment_end,
        text,
    )
}

/// Sizes in pages: total, resident, shared, text, libraries, data, dirty.
///
/// # Errors
/// None.
pub fn statm(subject: &Subject, _reader: &Current, text: &mut Text) -> Result<()> {
    let statistics = space(subject)
        .map(|space| space.statistics())
        .unwrap_or_default();
    // Which resident pages are shared isn't counted, and the fields for libraries and dirty pages are unused.
    text.add(format_args!(
        "{} {} 0 {} 0 {} 0\n",
        statistics.total,
        statistics.resident,
        statistics.text,
        statistics.data + statistics.stack
    ));
    Ok(())
}

/// One line an area.
///
/// # Errors
/// `EACCES`, `ENOMEM`.
pub fn maps(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    subject.check_inspection(reader)?;
    let Some(space) = space(subject) else {
        return Ok(());
    };
    let root = reader.fs().root();
    let mut areas: Vec<Area> = Vec::new();
    let mut failed = false;
    space.for_each_area(0, |area| {
        failed = areas.make_room(1).is_err();
        if !failed {
            areas.push(area.clone());
        }
        !failed
    });
    if failed {
        return Err(Errno::ENOMEM);
    }
    for area in &areas {
        show_area(area, &root, text)?;
    }
    Ok(())
}

/// The line of an area.
///
/// # Errors
/// `ENOMEM`.
pub fn show_area(area: &Area, root: &Location, text: &mut Text) -> Result<()> {
    let start = text.position();
    let letter = |set: bool, letter: char| if set { letter } else { '-' };
    text.add(format_args!(
        "{:08x}-{:08x} {}{}{}{}",
        area.start,
        area.end,
        letter(area.protection.read, 'r'),
        letter(area.protection.write, 'w'),
        letter(area.protection.execute, 'x'),
        if area.flags.contains(AreaFlags::SHARED) {
            's'
        } else {
            'p'
        },
    ));
    let (file, first): (Option<&Arc<File>>, u64) = match &area.source {
        Source::Object { mapped, first } => (mapped.file.as_ref(), *first),
        Source::Anonymous => (None, 0),
    };
    let location = file.and_then(|file| file.location());
    match location {
        Some(location) => {
            let device = location.inode().super_block().device();
            text.add(format_args!(
                " {:08x} {:02x}:{:02x} {} ",
                first * PAGE_SIZE,
                device.major,
                device.minor,
                location.inode().number()
            ));
        }
        None => text.add(format_args!(" 00000000 00:00 0 ")),
    }
    let name = match location {
        Some(location) => path_text::describe(location, root)?,
        None => area.label.text().unwrap_or_default().as_bytes().to_vec(),
    };
    if !name.is_empty() {
        while text.position() - start < NAME_COLUMN {
            text.push(b" ");
        }
        text.push_escaped(&name, b"\n");
    }
    text.push(b"\n");
    Ok(())
}
