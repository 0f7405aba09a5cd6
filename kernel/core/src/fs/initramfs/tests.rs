//! Unpacking of good, odd and damaged archives.

use super::{Archive, Report, UnpackError, unpack};
use crate::Errno;
use crate::vfs::FileKind;
use crate::vfs::test_tree::TestTree;
use crate::vfs::transfer::Destination;
use hal::frame::Frame;
use std::format;
use std::string::String;
use std::vec::Vec;

impl Archive for &[u8] {
    fn length(&self) -> usize {
        self.len()
    }

    fn read(&self, offset: usize, target: &mut [u8]) -> bool {
        let Some(bytes) = offset
            .checked_add(target.len())
            .and_then(|end| self.get(offset..end))
        else {
            return false;
        };
        target.copy_from_slice(bytes);
        true
    }

    fn page_at(&mut self, _offset: usize) -> Option<Frame> {
        None
    }
}

/// An archive whose pages can be shared.
struct Pages<'a>(&'a [u8], usize);

impl Archive for Pages<'_> {
    fn length(&self) -> usize {
        self.0.len()
    }

    fn read(&self, offset: usize, target: &mut [u8]) -> bool {
        self.0.read(offset, target)
    }

    fn page_at(&mut self, offset: usize) -> Option<Frame> {
        let bytes = self
            .0
            .get(offset..offset + 4096)
            .filter(|_| offset.is_multiple_of(4096))?;
        let frame = Frame::zeroed().ok()?;
        frame.write(0, bytes);
        self.1 += 1;
        Some(frame)
    }
}

struct Entry<'a> {
    name: &'a str,
    mode: u32,
    content: &'a [u8],
    inode: u32,
    links: u32,
}

fn entry<'a>(name: &'a str, mode: u32, content: &'a [u8]) -> Entry<'a> {
    Entry {
        name,
        mode,
        content,
        inode: 0,
        links: 1,
    }
}

fn add(archive: &mut Vec<u8>, entry: &Entry<'_>) {
    let (size, name_length) = (entry.content.len(), entry.name.len() + 1);
    let numbers = [
        entry.inode,
        entry.mode,
        7,
        8,
        entry.links,
        99,
        size as u32,
        3,
        4,
        1,
        3,
        name_length as u32,
        0,
    ];
    archive.extend(b"070701");
    for number in numbers {
        archive.extend(format!("{number:08x}").bytes());
    }
    archive.extend(entry.name.bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(entry.content);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        add(&mut bytes, entry);
    }
    add(&mut bytes, &self::entry("TRAILER!!!", 0, b""));
    bytes
}

fn sample() -> Vec<u8> {
    archive(&[
        entry(".", 0o040_755, b""),
        entry("bin", 0o040_711, b""),
        Entry {
            inode: 5,
            links: 2,
            ..entry("bin/one", 0o100_755, b"")
        },
        Entry {
            inode: 5,
            links: 2,
            ..entry("bin/two", 0o100_755, b"shared content")
        },
        entry("bin/sh", 0o120_777, b"one"),
        entry("null", 0o020_666, b""),
        entry("fifo", 0o010_600, b""),
        entry("empty", 0o100_644, b""),
    ])
}

fn unpacked(bytes: &[u8]) -> (TestTree, Result<Report, UnpackError>) {
    let tree = TestTree::new();
    let report = unpack(&tree.table.root(), bytes);
    (tree, report)
}

fn content(tree: &TestTree, path: &str) -> Vec<u8> {
    let location = tree.find(path).unwrap();
    let mut bytes = std::vec![0; location.inode().size() as usize];
    location
        .inode()
        .page_cache()
        .unwrap()
        .read(&mut Destination::kernel(&mut bytes), 0)
        .unwrap();
    bytes
}

fn check_sample(tree: &TestTree) {
    assert_eq!(content(tree, "/bin/one"), b"shared content");
    assert!(std::sync::Arc::ptr_eq(
        tree.find("/bin/one").unwrap().inode(),
        tree.find("/bin/sh").unwrap().inode()
    ));
    let two = tree.find("/bin/two").unwrap();
    assert_eq!(
        (
            two.inode().attributes.links(),
            two.inode().attributes.permissions()
        ),
        (2, 0o755)
    );
    assert_eq!(
        (
            two.inode().attributes.owner(),
            two.inode().attributes.group()
        ),
        (7, 8)
    );
    assert_eq!(two.inode().attributes.modified(), 99_000_000_000);
    assert_eq!(
        tree.find("/bin").unwrap().inode().attributes.modified(),
        99_000_000_000
    );
    let null = tree.find("/null").unwrap();
    assert_eq!(
        (null.inode().kind(), null.inode().device().minor),
        (FileKind::CharacterDevice, 3)
    );
    assert_eq!(tree.find("/fifo").unwrap().inode().kind(), FileKind::Fifo);
    assert_eq!(tree.list("/"), ["bin", "empty", "fifo", "null"]);
}

#[test]
fn an_archive_becomes_a_tree() {
    let (tree, report) = unpacked(&sample());
    assert_eq!(report.unwrap().entries, 8);
    check_sample(&tree);
}

#[test]
fn archives_follow_each_other() {
    let mut bytes = sample();
    bytes.extend([0; 512]);
    bytes.extend(archive(&[
        entry("bin/new", 0o100_644, b"x"),
        entry("empty", 0o100_600, b"no longer"),
    ]));
    bytes.extend([0; 100]);
    let (tree, report) = unpacked(&bytes);
    assert_eq!(report.unwrap().entries, 10);
    assert_eq!(content(&tree, "/bin/new"), b"x");
    assert_eq!(content(&tree, "/empty"), b"no longer");
}

/// A gzip member of stored blocks: compression is another program's business, its framing is ours.
fn stored_gzip(bytes: &[u8]) -> Vec<u8> {
    let mut member = std::vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    member.extend(b"name\0");
    for (index, block) in bytes.chunks(60_000).enumerate() {
        member.push(u8::from((index + 1) * 60_000 >= bytes.len()));
        member.extend((block.len() as u16).to_le_bytes());
        member.extend((!(block.len() as u16)).to_le_bytes());
        member.extend(block);
    }
    let mut sum = !0u32;
    for &byte in bytes {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 != 0 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    member.extend((!sum).to_le_bytes());
    member.extend((bytes.len() as u32).to_le_bytes());
    member
}

#[test]
fn compressed_archives_are_unpacked_beside_plain_ones() {
    let big: Vec<u8> = (0..200_000u32).map(|number| (number % 251) as u8).collect();
    let mut bytes = archive(&[entry("first", 0o100_644, b"plain")]);
    bytes.extend(stored_gzip(&{
        let mut inner = sample();
        inner.extend(archive(&[entry("big", 0o100_644, &big)]));
        inner
    }));
    bytes.extend([0; 8]);
    bytes.extend(archive(&[entry("last", 0o100_644, b"plain again")]));
    let (tree, report) = unpacked(&bytes);
    assert_eq!(report.unwrap().entries, 11);
    assert_eq!(content(&tree, "/big"), big);
    assert_eq!(content(&tree, "/last"), b"plain again");
    let mut damaged = stored_gzip(&sample());
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x20;
    assert!(matches!(
        unpacked(&damaged).1,
        Err(UnpackError::Damaged(..))
    ));
}

#[test]
fn whole_pages_are_shared() {
    let body: Vec<u8> = (0..10_000u32).map(|number| number as u8).collect();
    // The name fills the first page, so that the content begins on the second.
    let name = String::from("long/") + &"./".repeat((4096 - 110 - 8) / 2) + "f";
    let mut bytes = Vec::new();
    add(&mut bytes, &entry(&name, 0o100_644, &body));
    let start = bytes.len() - body.len();
    assert_eq!(start, 4096);
    add(&mut bytes, &entry("TRAILER!!!", 0, b""));
    let tree = TestTree::new();
    tree.directory("/long").unwrap();
    let report = unpack(&tree.table.root(), Pages(&bytes, 0)).unwrap();
    assert_eq!(report.first_refused, None);
    assert_eq!(content(&tree, "/long/f"), body);
}

#[test]
fn entries_that_cannot_be_made_are_passed_over() {
    let bytes = archive(&[
        entry("missing/file", 0o100_644, b"lost"),
        entry("kept", 0o100_644, b"here"),
        entry("odd", 0o030_644, b"?"),
    ]);
    let (tree, report) = unpacked(&bytes);
    let report = report.unwrap();
    assert_eq!((report.entries, report.refused), (1, 2));
    assert_eq!(
        report.first_refused,
        Some((b"missing/file".to_vec(), Errno::ENOENT))
    );
    assert_eq!(content(&tree, "/kept"), b"here");
}

#[test]
fn a_later_entry_replaces_an_earlier_one_of_another_kind() {
    let bytes = archive(&[
        entry("x", 0o120_777, b"y"),
        entry("x", 0o100_644, b"file"),
        entry("d", 0o040_755, b""),
        entry("d", 0o120_777, b"x"),
    ]);
    let (tree, report) = unpacked(&bytes);
    assert_eq!(report.unwrap().refused, 0);
    assert_eq!(content(&tree, "/x"), b"file");
    assert_eq!(content(&tree, "/d"), b"file");
}

#[test]
fn damage_is_told_and_never_fatal() {
    assert_eq!(
        unpacked(b"hello").1.unwrap_err(),
        UnpackError::Damaged("neither a cpio header nor gzip data", 1)
    );
    assert!(unpacked(b"").1.unwrap().entries == 0);
    assert!(unpacked(&[0; 64]).1.unwrap().entries == 0);
    let good = sample();
    for cut in 0..good.len() {
        let _ = unpacked(&good[..cut]);
    }
    let compressed = stored_gzip(&good);
    for cut in (0..compressed.len()).step_by(7) {
        let _ = unpacked(&compressed[..cut]);
    }
    let mut state = 1u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize
    };
    for _ in 0..2_000 {
        let mut bytes = if random() % 2 == 0 {
            good.clone()
        } else {
            compressed.clone()
        };
        for _ in 0..=random() % 4 {
            let place = random() % bytes.len();
            bytes[place] = match random() % 3 {
                0 => random() as u8,
                1 => b'f',
                _ => bytes[place] ^ 1 << (random() % 8),
            };
        }
        let _ = unpacked(&bytes);
    }
}
