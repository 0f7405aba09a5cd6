//! Attributes: times, owners, extended ones; remounting.

use super::{CARD, Mounted, VARIANTS, debugfs};
use crate::Errno;
use crate::vfs::extended::{Existing, capability};
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{AttributeChange, Inode};
use crate::vfs::namespace::Removal;
use std::format;
use std::sync::Arc;
use std::vec::Vec;

fn inode(mounted: &Mounted, path: &str) -> Arc<Inode> {
    mounted.tree.find(path).unwrap().inode().clone()
}

fn set(inode: &Arc<Inode>, name: &str, value: &[u8]) -> crate::Result<()> {
    inode
        .operations()
        .set_extended(inode, name.as_bytes(), value, Existing::Allowed)
}

fn get(inode: &Inode, name: &str) -> crate::Result<Vec<u8>> {
    inode.operations().get_extended(inode, name.as_bytes())
}

#[test]
fn extended_attributes_come_back() {
    for options in VARIANTS {
        let mounted = Mounted::new(16 << 10, options);
        mounted.tree.file("/m/f").unwrap();
        mounted.tree.directory("/m/d").unwrap();
        let file = inode(&mounted, "/m/f");
        // Some fit into the inode, some don't, and all of them change places.
        for length in [10, 120, 0, 40, 150] {
            for number in 0..4 {
                let value = std::vec![length as u8; length / (number + 1)];
                set(&file, &format!("user.name-{number}"), &value).unwrap();
                set(&file, &format!("trusted.overlay.{number}"), &value).unwrap();
            }
            mounted.sync();
        }
        set(&inode(&mounted, "/m/d"), "trusted.overlay.opaque", b"y").unwrap();
        let operations = file.operations();
        let refused = operations.set_extended(&file, b"user.name-1", b"", Existing::Refused);
        assert_eq!(refused, Err(Errno::EEXIST));
        assert_eq!(
            operations.remove_extended(&file, b"user.none"),
            Err(Errno::ENODATA)
        );
        assert_eq!(set(&file, "user.large", &[1; 5000]), Err(Errno::ENOSPC));
        operations.remove_extended(&file, b"user.name-0").unwrap();
        set(
            &file,
            core::str::from_utf8(capability::NAME).unwrap(),
            &[2; 20],
        )
        .unwrap();
        drop(file);
        let mounted = mounted.again();
        let file = inode(&mounted, "/m/f");
        let mut names = Vec::new();
        file.operations()
            .list_extended(&file, &mut |name| {
                names.push(name.to_vec());
                Ok(())
            })
            .unwrap();
        assert_eq!(names.len(), 8);
        assert!(file.attributes.has_capabilities());
        assert_eq!(get(&file, "user.name-0"), Err(Errno::ENODATA));
        for number in 1..4 {
            let value = std::vec![150; 150 / (number + 1)];
            assert_eq!(get(&file, &format!("user.name-{number}")).unwrap(), value);
        }
        assert_eq!(
            get(&inode(&mounted, "/m/d"), "trusted.overlay.opaque").unwrap(),
            b"y"
        );
        for name in names {
            file.operations().remove_extended(&file, &name).unwrap();
        }
        set(&file, "user.again", &[3; 700]).unwrap();
        drop(file);
        mounted.tree.remove("/m/f", Removal::File).unwrap();
        mounted.unmount();
    }
}

#[test]
fn attributes_come_back() {
    for options in [CARD, VARIANTS[2]] {
        let small_inodes = options.contains(&"128");
        let mounted = Mounted::new(16 << 10, options);
        mounted.tree.file("/m/f").unwrap();
        let file = inode(&mounted, "/m/f");
        let change = AttributeChange {
            permissions: Some(0o4751),
            owner: Some(70_000),
            group: Some(80_000),
            // 2100 and 1960.
            accessed: Some(4_102_444_800_123_456_789),
            modified: Some(-315_619_200_000_000_000),
        };
        file.operations().set_attributes(&file, &change).unwrap();
        drop(file);
        let mounted = mounted.again();
        let file = inode(&mounted, "/m/f");
        let attributes = &file.attributes;
        assert_eq!(attributes.permissions(), 0o4751);
        assert_eq!((attributes.owner(), attributes.group()), (70_000, 80_000));
        assert_eq!(attributes.modified(), -315_619_200_000_000_000);
        if !small_inodes {
            assert_eq!(attributes.accessed(), 4_102_444_800_123_456_789);
        }
        drop(file);
        mounted.unmount();
    }
}

#[test]
fn links_have_a_limit() {
    let mounted = Mounted::new(16 << 10, CARD);
    mounted.tree.file("/m/f").unwrap();
    mounted.tree.file("/m/g").unwrap();
    let file = inode(&mounted, "/m/f");
    file.attributes.set_links(65_000);
    assert_eq!(mounted.tree.hard_link("/m/f", "/m/h"), Err(Errno::EMLINK));
    file.attributes.set_links(1);
    let directory = inode(&mounted, "/m");
    directory.attributes.set_links(65_000);
    assert_eq!(mounted.tree.directory("/m/d").err(), Some(Errno::EMLINK));
    directory.attributes.set_links(3);
    mounted.unmount();
}

#[test]
fn a_volume_is_made_read_only_and_written_again() {
    let mounted = Mounted::new(16 << 10, CARD);
    mounted.tree.write("/m/f", b"before").unwrap();
    mounted.tree.write("/m/g", b"open").unwrap();
    let open = mounted.tree.open("/m/g", OpenFlags::READ_ONLY).unwrap();
    mounted.tree.remove("/m/g", Removal::File).unwrap();
    let super_block = inode(&mounted, "/m").super_block().clone();
    let set_read_only = |read_only| {
        let outcome = super_block.operations().set_read_only(read_only);
        if outcome.is_ok() {
            super_block.set_read_only(read_only);
        }
        outcome
    };
    // A file without a name could not be freed.
    assert_eq!(set_read_only(true), Err(Errno::EBUSY));
    drop(open);
    assert_eq!(set_read_only(true), Ok(()));
    let medium = mounted.disk.after_power_loss(|| false);
    super::check(&medium);
    assert!(!debugfs(&medium, "show_super_stats -h").contains("needs_recovery"));
    assert_eq!(mounted.tree.write("/m/f", b"refused"), Err(Errno::EROFS));
    assert_eq!(set_read_only(false), Ok(()));
    mounted.tree.write("/m/f", b"after").unwrap();
    drop(super_block);
    let mounted = mounted.again();
    assert_eq!(mounted.tree.read("/m/f").unwrap(), b"after");
    mounted.unmount();
}
