//! /proc/{meminfo,swaps,vmstat}: memory (proc(5)).

use super::super::text::Text;
use crate::Result;
use crate::task::Current;
use crate::vfs::page_cache::write_back;

/// Kibibytes in a page.
const PAGE_KIB: u64 = 4;

/// Total, free and available memory; there is no swap. Pages of files that are kept in memory alone can't be had back,
/// so they count as used.
///
/// # Errors
/// None.
pub fn meminfo(_reader: &Current, text: &mut Text) -> Result<()> {
    let free = hal::frame::free() * PAGE_KIB;
    let cached = write_back::cached_pages() * PAGE_KIB;
    let dirty = write_back::dirty_pages() * PAGE_KIB;
    for (name, kibibytes) in [
        ("MemTotal:", hal::frame::total() * PAGE_KIB),
        ("MemFree:", free),
        ("MemAvailable:", free + cached.saturating_sub(dirty)),
        ("Buffers:", 0),
        ("Cached:", cached),
        ("SwapCached:", 0),
        ("SwapTotal:", 0),
        ("SwapFree:", 0),
        ("Dirty:", dirty),
        ("Shmem:", 0),
        ("SReclaimable:", 0),
    ] {
        text.add(format_args!("{name:<15}{kibibytes:>9} kB\n"));
    }
    Ok(())
}

/// Swap areas: the table's head alone.
///
/// # Errors
/// None.
pub fn swaps(_reader: &Current, text: &mut Text) -> Result<()> {
    text.push(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    Ok(())
}

/// The one of Linux's counters that is kept: free pages.
///
/// # Errors
/// None.
pub fn vmstat(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("nr_free_pages {}\n", hal::frame::free()));
    Ok(())
}
