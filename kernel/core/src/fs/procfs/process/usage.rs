//! /proc/N/{smaps,smaps_rollup}: what the parts of a process's memory take (proc(5)).

use alloc::vec::Vec;

use super::super::text::Text;
use super::Subject;
use super::memory::{NAME_COLUMN, show_area, space};
use crate::heap::MakeRoom;
use crate::memory::{Area, AreaFlags, PAGE_SIZE, Usage};
use crate::task::Current;
use crate::{Errno, Result};

/// The column where the field of a size begins.
const SIZE_COLUMN: usize = 16;

/// Each area's line of maps, what its pages take, and its flags.
///
/// # Errors
/// `EACCES`, `ENOMEM`.
pub fn smaps(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    subject.check_inspection(reader)?;
    let Some(space) = space(subject) else {
        return Ok(());
    };
    let root = reader.fs().root();
    // Names can't be told with the address space locked.
    let mut areas: Vec<(Area, Usage)> = Vec::new();
    let mut failed = false;
    space.for_each_usage(|area, usage| {
        failed = areas.make_room(1).is_err();
        if !failed {
            areas.push((area.clone(), usage));
        }
        !failed
    });
    if failed {
        return Err(Errno::ENOMEM);
    }
    for (area, usage) in &areas {
        show_area(area, &root, text)?;
        show_sizes(
            text,
            &[
                ("Size", area.length()),
                ("KernelPageSize", PAGE_SIZE),
                ("MMUPageSize", PAGE_SIZE),
                ("Rss", usage.resident),
                ("Pss", usage.proportional),
                ("Pss_Dirty", usage.proportional_dirty),
            ],
        );
        show_kinds(text, usage, locked_part(area, usage));
        text.push(b"THPeligible:           0\nVmFlags: ");
        show_flags(area, text);
    }
    Ok(())
}

/// The sum of all areas.
///
/// # Errors
/// `EACCES`.
pub fn smaps_rollup(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    subject.check_inspection(reader)?;
    let Some(space) = space(subject) else {
        return Ok(());
    };
    let (mut start, mut end) = (None, 0);
    let (mut sum, mut locked) = (Usage::default(), 0);
    space.for_each_usage(|area, usage| {
        start.get_or_insert(area.start);
        end = area.end;
        sum += usage;
        locked += locked_part(area, &usage);
        true
    });
    let start = start.unwrap_or_default();
    let end_of_range = text.position() + NAME_COLUMN;
    text.add(format_args!("{start:08x}-{end:08x} ---p 00000000 00:00 0 "));
    while text.position() < end_of_range {
        text.push(b" ");
    }
    text.push(b"[rollup]\n");
    let (anonymous, shared_memory) = (sum.proportional_anonymous, sum.proportional_shared_memory);
    let of_files = sum.proportional - anonymous - shared_memory;
    show_sizes(
        text,
        &[
            ("Rss", sum.resident),
            ("Pss", sum.proportional),
            ("Pss_Dirty", sum.proportional_dirty),
            ("Pss_Anon", anonymous),
            ("Pss_File", of_files),
            ("Pss_Shmem", shared_memory),
        ],
    );
    show_kinds(text, &sum, locked);
    Ok(())
}

/// What of an area's pages counts as locked.
fn locked_part(area: &Area, usage: &Usage) -> u64 {
    if area.flags.contains(AreaFlags::LOCKED) {
        usage.proportional
    } else {
        0
    }
}

/// The lines that an area and the sum of all have in common. There are neither huge pages nor swap.
fn show_kinds(text: &mut Text, usage: &Usage, locked: u64) {
    show_sizes(
        text,
        &[
            ("Shared_Clean", usage.shared_clean),
            ("Shared_Dirty", usage.shared_dirty),
            ("Private_Clean", usage.private_clean),
            ("Private_Dirty", usage.private_dirty),
            ("Referenced", usage.resident),
            ("Anonymous", usage.anonymous),
            ("LazyFree", 0),
            ("AnonHugePages", 0),
            ("ShmemPmdMapped", 0),
            ("FilePmdMapped", 0),
            ("Shared_Hugetlb", 0),
            ("Private_Hugetlb", 0),
            ("Swap", 0),
            ("SwapPss", 0),
            ("Locked", locked),
        ],
    );
}

fn show_sizes(text: &mut Text, sizes: &[(&str, u64)]) {
    for (name, bytes) in sizes {
        let start = text.position();
        text.add(format_args!("{name}:"));
        while text.position() - start < SIZE_COLUMN {
            text.push(b" ");
        }
        text.add(format_args!("{:>8} kB\n", bytes / 1024));
    }
}

/// The flags that Linux gives two letters each and that there are here.
fn show_flags(area: &Area, text: &mut Text) {
    let has = |flag| area.flags.contains(flag);
    let protection = area.protection;
    for (is_set, letters) in [
        (protection.read, "rd"),
        (protection.write, "wr"),
        (protection.execute, "ex"),
        (has(AreaFlags::SHARED), "sh"),
        (true, "mr"),
        (!has(AreaFlags::NEVER_WRITE), "mw"),
        (!has(AreaFlags::NEVER_EXECUTE), "me"),
        (has(AreaFlags::SHARED), "ms"),
        (has(AreaFlags::GROWS_DOWN), "gd"),
        (has(AreaFlags::LOCKED), "lo"),
        (has(AreaFlags::DO_NOT_FORK), "dc"),
        (has(AreaFlags::LOCK_ON_FAULT), "lf"),
        (has(AreaFlags::NO_RESERVE), "nr"),
        (has(AreaFlags::WIPE_ON_FORK), "wf"),
        (has(AreaFlags::DO_NOT_DUMP), "dd"),
    ] {
        if is_set {
            text.add(format_args!("{letters} "));
        }
    }
    text.push(b"\n");
}
