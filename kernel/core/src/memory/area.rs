//! One area of an address space: a page-aligned range with one protection and one source of pages.

use alloc::sync::Arc;

use bitflags::bitflags;
use hal::page_table::Protection;

use super::{MemoryObject, PAGE_SIZE};
use crate::vfs::File;

bitflags! {
    /// What an area remembers of how it was made and advised.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AreaFlags: u32 {
        /// Writes reach the object (MAP_SHARED) instead of a private copy.
        const SHARED = 1 << 0;
        /// Grows towards lower addresses on faults below its start (MAP_GROWSDOWN, the main stack).
        const GROWS_DOWN = 1 << 1;
        /// Counted against RLIMIT_MEMLOCK (mlock(2)).
        const LOCKED = 1 << 2;
        /// Not subject to the overcommit check (MAP_NORESERVE).
        const NO_RESERVE = 1 << 3;
        /// Left out of the child at fork (MADV_DONTFORK).
        const DO_NOT_FORK = 1 << 4;
        /// Empty in the child after fork (MADV_WIPEONFORK).
        const WIPE_ON_FORK = 1 << 5;
        /// Left out of core dumps (MADV_DONTDUMP); shown in /proc only.
        const DO_NOT_DUMP = 1 << 6;
        /// Write permission can never be given: a shared mapping of a file not open for writing.
        const NEVER_WRITE = 1 << 7;
        /// Execute permission can never be given: the file is on a noexec mount.
        const NEVER_EXECUTE = 1 << 8;
        /// Pages are only taken when touched although the area is locked (MLOCK_ONFAULT).
        const LOCK_ON_FAULT = 1 << 9;
    }
}

/// The part of a program an area stands for; the name in brackets in /proc/N/maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// An ordinary mapping.
    None,
    /// The heap that brk(2) moves.
    Heap,
    /// The main thread's stack.
    Stack,
    /// The page with the signal return code.
    Vdso,
}

impl Label {
    /// The text of /proc/N/maps, with its brackets.
    pub fn text(self) -> Option<&'static str> {
        match self {
            Label::None => None,
            Label::Heap => Some("[heap]"),
            Label::Stack => Some("[stack]"),
            Label::Vdso => Some("[vdso]"),
        }
    }
}

/// An object that areas map, with the open file it came from.
pub struct MappedObject {
    /// Gives the pages.
    pub object: Arc<dyn MemoryObject>,
    /// The open file description, kept alive by its mappings; none for anonymous shared memory and the vDSO.
    pub file: Option<Arc<File>>,
}

/// Where an area's pages come from.
#[derive(Clone)]
pub enum Source {
    /// Zeroed pages of the area's own.
    Anonymous,
    /// Pages of an object; `first` is the object's page index at the area's start.
    Object {
        /// The object and its file.
        mapped: Arc<MappedObject>,
        /// Page index within the object.
        first: u64,
    },
}

impl Source {
    /// The source as seen from `pages` pages further on.
    pub fn advanced(&self, pages: u64) -> Source {
        match self {
            Source::Anonymous => Source::Anonymous,
            Source::Object { mapped, first } => Source::Object {
                mapped: mapped.clone(),
                first: first.wrapping_add(pages),
            },
        }
    }

    /// Whether `next`, `pages` pages on, continues this source.
    fn continues_with(&self, next: &Source, pages: u64) -> bool {
        match (self, next) {
            (Source::Anonymous, Source::Anonymous) => true,
            (
                Source::Object {
                    mapped: a,
                    first: p,
                },
                Source::Object {
                    mapped: b,
                    first: q,
                },
            ) => p.wrapping_add(pages) == *q && same_object(a, b),
            _ => false,
        }
    }
}

/// Two mappings of one open file description merge although each mmap(2) made its own [`MappedObject`].
fn same_object(a: &Arc<MappedObject>, b: &Arc<MappedObject>) -> bool {
    if Arc::ptr_eq(a, b) {
        return true;
    }
    match (&a.file, &b.file) {
        (Some(x), Some(y)) => Arc::ptr_eq(x, y),
        _ => false,
    }
}

/// A range `[start, end)` of an address space, page-aligned and not empty.
#[derive(Clone)]
pub struct Area {
    /// First address.
    pub start: u64,
    /// First address behind it.
    pub end: u64,
    /// What user code may do.
    pub protection: Protection,
    /// How it was made.
    pub flags: AreaFlags,
    /// What it stands for.
    pub label: Label,
    /// Where pages come from.
    pub source: Source,
}

impl Area {
    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        self.end - self.start
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: u64) -> bool {
        self.start <= address && address < self.end
    }

    /// The object's page index at `address`, which lies in the area; none for anonymous memory.
    pub fn object_page(&self, address: u64) -> Option<u64> {
        match &self.source {
            Source::Anonymous => None,
            Source::Object { first, .. } => {
                Some(first.wrapping_add((address - self.start) / PAGE_SIZE))
            }
        }
    }

    /// Private and writable: what RLIMIT_DATA counts (the stack is left out).
    pub fn is_data(&self) -> bool {
        self.protection.write
            && !self
                .flags
                .intersects(AreaFlags::SHARED | AreaFlags::GROWS_DOWN)
    }

    /// Cuts the part behind `address` off and returns it; `address` is page-aligned and strictly inside.
    pub fn split_off(&mut self, address: u64) -> Area {
        let upper = Area {
            start: address,
            source: self.source.advanced((address - self.start) / PAGE_SIZE),
            ..self.clone()
        };
        self.end = address;
        upper
    }

    /// Whether `next`, which starts where this ends, can become part of this area.
    pub fn merges_with(&self, next: &Area) -> bool {
        self.end == next.start
            && self.protection == next.protection
            && self.label == next.label
            && self.flags == next.flags
            && self
                .source
                .continues_with(&next.source, self.length() / PAGE_SIZE)
    }
}
