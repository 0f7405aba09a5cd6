//! Nodes of an extent tree: a header, and entries in ascending order of the file's blocks. The root lies in the inode, the
//! others have a block each (Linux: Documentation/filesystems/ext4/ifork.rst).

use crate::{Errno, Result};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const MAGIC: u16 = 0xf30a;
/// Bytes of the header and of each entry.
const ENTRY_SIZE: usize = 12;
/// Deepest tree: five levels of 340 entries reach every block of a file.
pub const MAXIMUM_DEPTH: u16 = 5;
/// Most blocks of an extent that is written; lengths beyond mean one that isn't.
const WRITTEN_LIMIT: u32 = 32768;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    magic: U16,
    entries: U16,
    maximum: U16,
    /// Levels below; 0 for a leaf.
    depth: U16,
    generation: U32,
}

/// An entry of a leaf, or with other names for the same bytes, of a node above.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RawEntry {
    first: U32,
    /// A leaf: the length, then the upper part of the start. Above: the lower part of the child's block.
    second: [U16; 2],
    /// A leaf: the lower part of the start. Above: the upper part of the child's block, then nothing.
    third: [U16; 2],
}

const _: () = assert!(size_of::<Header>() == ENTRY_SIZE && size_of::<RawEntry>() == ENTRY_SIZE);

/// A run of a file's blocks that lie one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The first block, counted in the file.
    pub first: u32,
    pub count: u32,
    /// Where the first block is.
    pub start: u64,
    /// Whether it holds data; it reads as zeros otherwise.
    pub written: bool,
}

impl Extent {
    /// The block of the file behind the last one.
    pub fn end(&self) -> u64 {
        u64::from(self.first) + u64::from(self.count)
    }

    /// Most blocks of an extent like this.
    pub fn limit(&self) -> u32 {
        if self.written {
            WRITTEN_LIMIT
        } else {
            WRITTEN_LIMIT - 1
        }
    }

    /// Both as one, if the other one follows this in the file and on the disk.
    pub fn joined(&self, next: &Self) -> Option<Self> {
        let count = self.count + next.count;
        let follows = self.end() == u64::from(next.first)
            && self.start + u64::from(self.count) == next.start
            && self.written == next.written;
        (follows && count <= self.limit()).then_some(Self { count, ..*self })
    }

    fn decode(raw: &RawEntry) -> Self {
        let length = u32::from(raw.second[0].get());
        let written = length <= WRITTEN_LIMIT;
        Self {
            first: raw.first.get(),
            count: if written {
                length
            } else {
                length - WRITTEN_LIMIT
            },
            start: u64::from(raw.second[1].get()) << 32 | low(raw.third),
            written,
        }
    }

    fn encode(&self) -> RawEntry {
        let length = if self.written {
            self.count
        } else {
            self.count + WRITTEN_LIMIT
        };
        RawEntry {
            first: U32::new(self.first),
            second: [U16::new(length as u16), U16::new((self.start >> 32) as u16)],
            third: halves(self.start),
        }
    }
}

/// An entry of a node above the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index {
    /// The first block of the file below.
    pub first: u32,
    /// The block of the child.
    pub child: u64,
}

impl Index {
    fn decode(raw: &RawEntry) -> Self {
        Self {
            first: raw.first.get(),
            child: low(raw.second) | u64::from(raw.third[0].get()) << 32,
        }
    }

    fn encode(&self) -> RawEntry {
        RawEntry {
            first: U32::new(self.first),
            second: halves(self.child),
            third: [U16::new((self.child >> 32) as u16), U16::new(0)],
        }
    }
}

fn low(halves: [U16; 2]) -> u64 {
    u64::from(halves[0].get()) | u64::from(halves[1].get()) << 16
}

fn halves(number: u64) -> [U16; 2] {
    [U16::new(number as u16), U16::new((number >> 16) as u16)]
}

/// A node, checked: its numbers are possible, and its entries ascend.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    entries: &'a [RawEntry],
    pub depth: u16,
    /// Entries that have room.
    pub maximum: usize,
}

impl<'a> Node<'a> {
    /// Looks at a node of a certain depth, any if none is told.
    ///
    /// # Errors
    /// `EUCLEAN`.
    pub fn read(bytes: &'a [u8], depth: Option<u16>) -> Result<Self> {
        let node = Self::split(bytes).ok_or(Errno::EUCLEAN)?;
        let fits = depth.map_or(node.depth <= MAXIMUM_DEPTH, |depth| depth == node.depth);
        let ascends = node
            .entries
            .is_sorted_by(|one, next| one.first.get() < next.first.get());
        if fits && ascends {
            Ok(node)
        } else {
            Err(Errno::EUCLEAN)
        }
    }

    fn split(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = Header::ref_from_prefix(bytes).ok()?;
        let count = usize::from(header.entries.get());
        let maximum = usize::from(header.maximum.get());
        if header.magic.get() != MAGIC || count > maximum || maximum > rest.len() / ENTRY_SIZE {
            return None;
        }
        let (entries, _) = <[RawEntry]>::ref_from_prefix_with_elems(rest, count).ok()?;
        Some(Self {
            entries,
            depth: header.depth.get(),
            maximum,
        })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many entries begin at or before a block of the file.
    pub fn place(&self, block: u32) -> usize {
        self.entries
            .partition_point(|entry| entry.first.get() <= block)
    }

    /// The first block of the file in an entry.
    pub fn first(&self, place: usize) -> Option<u32> {
        Some(self.entries.get(place)?.first.get())
    }

    /// An extent of a leaf.
    pub fn extent(&self, place: usize) -> Option<Extent> {
        self.entries.get(place).map(Extent::decode)
    }

    /// An entry of a node above.
    pub fn index(&self, place: usize) -> Option<Index> {
        self.entries.get(place).map(Index::decode)
    }
}

/// A node that is being changed; its bytes have been checked by [`Node::read`].
pub struct NodeMut<'a> {
    header: &'a mut Header,
    entries: &'a mut [RawEntry],
}

impl<'a> NodeMut<'a> {
    /// # Errors
    /// `EUCLEAN` if this is no node.
    pub fn of(bytes: &'a mut [u8]) -> Result<Self> {
        let maximum = Node::split(bytes).ok_or(Errno::EUCLEAN)?.maximum;
        let (header, rest) = Header::mut_from_prefix(bytes).map_err(|_| Errno::EUCLEAN)?;
        let (entries, _) =
            <[RawEntry]>::mut_from_prefix_with_elems(rest, maximum).map_err(|_| Errno::EUCLEAN)?;
        Ok(Self { header, entries })
    }

    /// Makes bytes an empty node.
    ///
    /// # Errors
    /// `EUCLEAN` if they are too few.
    pub fn make(bytes: &'a mut [u8], depth: u16) -> Result<Self> {
        let room = (bytes.len() / ENTRY_SIZE).saturating_sub(1);
        let (header, rest) = Header::mut_from_prefix(bytes).map_err(|_| Errno::EUCLEAN)?;
        *header = Header {
            magic: U16::new(MAGIC),
            entries: U16::new(0),
            maximum: U16::new(room as u16),
            depth: U16::new(depth),
            generation: U32::new(0),
        };
        let (entries, _) =
            <[RawEntry]>::mut_from_prefix_with_elems(rest, room).map_err(|_| Errno::EUCLEAN)?;
        Ok(Self { header, entries })
    }

    fn len(&self) -> usize {
        self.header.entries.get().into()
    }

    pub fn set_depth(&mut self, depth: u16) {
        self.header.depth.set(depth);
    }

    fn insert(&mut self, place: usize, entry: RawEntry) -> Result<()> {
        let count = self.len();
        if place > count || count >= self.entries.len() {
            return Err(Errno::EUCLEAN);
        }
        self.entries.copy_within(place..count, place + 1);
        self.set(place, entry)?;
        self.header.entries.set(count as u16 + 1);
        Ok(())
    }

    fn set(&mut self, place: usize, entry: RawEntry) -> Result<()> {
        *self.entries.get_mut(place).ok_or(Errno::EUCLEAN)? = entry;
        Ok(())
    }

    /// # Errors
    /// `EUCLEAN` if there is no room, as for all of these.
    pub fn insert_extent(&mut self, place: usize, extent: &Extent) -> Result<()> {
        self.insert(place, extent.encode())
    }

    pub fn insert_index(&mut self, place: usize, index: &Index) -> Result<()> {
        self.insert(place, index.encode())
    }

    /// Says that an entry begins at another block of the file.
    pub fn set_first(&mut self, place: usize, first: u32) -> Result<()> {
        self.entries
            .get_mut(place)
            .ok_or(Errno::EUCLEAN)?
            .first
            .set(first);
        Ok(())
    }

    pub fn remove(&mut self, place: usize) -> Result<()> {
        let count = self.len();
        if place >= count {
            return Err(Errno::EUCLEAN);
        }
        self.entries.copy_within(place + 1..count, place);
        self.header.entries.set(count as u16 - 1);
        Ok(())
    }

    /// Drops the entries from `place` on.
    pub fn truncate(&mut self, place: usize) {
        let count = self.len().min(place);
        self.header.entries.set(count as u16);
    }

    /// Takes over the entries of another node from `from` on, behind its own.
    ///
    /// # Errors
    /// `EUCLEAN` if there is no room for them.
    pub fn append(&mut self, other: &Node<'_>, from: usize) -> Result<()> {
        let moved = other.entries.get(from..).unwrap_or(&[]);
        let count = self.len();
        let place = self.entries.get_mut(count..count + moved.len());
        place.ok_or(Errno::EUCLEAN)?.copy_from_slice(moved);
        self.header.entries.set((count + moved.len()) as u16);
        Ok(())
    }
}
