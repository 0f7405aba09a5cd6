//! /proc/device-tree: the tree that the boot loader gave, a directory for each node and a file for each property.
//!
//! As Linux shows it: each node has a property `name`, and what seeds random numbers is left out. Container engines hide
//! Linux's from containers, so here the boot list alone sees it.

mod blob;

use alloc::sync::Arc;

use self::blob::{Blob, Item};
use super::directory::{self, Owner, TextInode};
use super::shown::{DirectoryInode, Entries};
use super::text::{Text, TextSource};
use crate::task::Current;
use crate::vfs::inode::{DirectoryEntry, EntrySink, NamePolicy};
use crate::vfs::{FileKind, Inode, SuperBlock};
use crate::{Errno, Result};

/// Set in the inode numbers of this directory, apart from those of fixed entries and processes.
const NUMBERS: u64 = 1 << 61;
/// Set in the number of a node's `name`.
const NAME_NUMBER: u64 = 1 << 32;

/// Whoever knew them could tell later random numbers.
const SECRETS: [&[u8]; 2] = [b"rng-seed", b"kaslr-seed"];

/// The root of the tree that the boot loader gave.
pub fn root(super_block: &Arc<SuperBlock>) -> Arc<Inode> {
    let blob = crate::start::information()
        .and_then(|information| Blob::new(information.device_tree))
        .unwrap_or(Blob::EMPTY);
    let node = Node {
        blob,
        name: b"",
        at: blob.root().unwrap_or_default(),
    };
    node.inode(super_block)
}

/// A node as a directory.
#[derive(Clone, Copy)]
struct Node {
    blob: Blob,
    name: &'static [u8],
    at: u32,
}

impl Node {
    fn inode(self, super_block: &Arc<SuperBlock>) -> Arc<Inode> {
        let number = NUMBERS | u64::from(self.at);
        directory::inode(
            super_block,
            number,
            Owner::ROOT,
            FileKind::Directory,
            0o555,
            DirectoryInode(self),
        )
    }

    fn items(&self) -> impl Iterator<Item = Item> + use<> {
        self.blob.items(self.at).filter(|item| {
            !matches!(item, Item::Property { name, .. } if SECRETS.contains(name) || *name == b"name")
        })
    }

    /// The property that Linux makes: the node's name without its unit address.
    fn own_name(&self) -> Property {
        let end = self.name.iter().position(|&byte| byte == b'@');
        let name = self.name.get(..end.unwrap_or(self.name.len()));
        Property {
            value: name.unwrap_or_default(),
            is_text: true,
        }
    }

    fn name_number(&self) -> u64 {
        NUMBERS | NAME_NUMBER | u64::from(self.at)
    }
}

fn property_inode(super_block: &Arc<SuperBlock>, number: u64, property: Property) -> Arc<Inode> {
    directory::inode(
        super_block,
        number,
        Owner::ROOT,
        FileKind::Regular,
        0o444,
        TextInode(property),
    )
}

/// The content of a property.
#[derive(Clone, Copy)]
struct Property {
    value: &'static [u8],
    /// A NUL is to follow.
    is_text: bool,
}

impl TextSource for Property {
    fn show(&self, _reader: &Current, text: &mut Text) -> Result<()> {
        text.push(self.value);
        if self.is_text {
            text.push(&[0]);
        }
        Ok(())
    }
}

impl Entries for Node {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Cached
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let super_block = directory.super_block();
        if name == b"name" {
            return Ok(property_inode(
                super_block,
                self.name_number(),
                self.own_name(),
            ));
        }
        let item = self.items().find(|item| item.name() == name);
        Ok(match item.ok_or(Errno::ENOENT)? {
            Item::Property { value, at, .. } => {
                let property = Property {
                    value,
                    is_text: false,
                };
                property_inode(super_block, NUMBERS | u64::from(at), property)
            }
            Item::Node { name, at } => Node {
                blob: self.blob,
                name,
                at,
            }
            .inode(super_block),
        })
    }

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        let own = (&b"name"[..], self.name_number(), FileKind::Regular);
        let items = self.items().map(|item| match item {
            Item::Property { name, at, .. } => (name, NUMBERS | u64::from(at), FileKind::Regular),
            Item::Node { name, at } => (name, NUMBERS | u64::from(at), FileKind::Directory),
        });
        let first = usize::try_from(position).unwrap_or(usize::MAX);
        for (index, (name, inode, kind)) in
            core::iter::once(own).chain(items).enumerate().skip(first)
        {
            let next = index as u64 + 1;
            if !sink(&DirectoryEntry {
                name,
                inode,
                kind,
                next,
            }) {
                break;
            }
        }
        Ok(())
    }
}
