//! Content of files.

use super::{CARD, Mounted, VARIANTS, debugfs, pattern};
use crate::Errno;
use crate::block::simulated::SimulatedDisk;
use crate::vfs::flags::OpenFlags;
use crate::vfs::rename::Replacement;
use crate::vfs::transfer::Source;

#[test]
fn an_empty_volume_is_mounted_and_unmounted() {
    for options in VARIANTS {
        let mounted = Mounted::new(16 << 10, options);
        assert_eq!(mounted.tree.list("/m"), ["lost+found"]);
        let again = mounted.again();
        assert_eq!(again.tree.list("/m/lost+found"), [""; 0]);
        again.unmount();
    }
}

#[test]
fn files_are_there_after_a_mount() {
    for options in VARIANTS {
        let mounted = Mounted::new(16 << 10, options);
        let sizes = [0, 1, 100, 1024, 4095, 4096, 4097, 100_000, 1_000_000];
        for (index, size) in sizes.into_iter().enumerate() {
            let path = std::format!("/m/file{index}");
            mounted
                .tree
                .write(&path, &pattern(size, index as u64))
                .unwrap();
            assert!(mounted.tree.read(&path).unwrap() == pattern(size, index as u64));
        }
        let again = mounted.again();
        for (index, size) in sizes.into_iter().enumerate() {
            let path = std::format!("/m/file{index}");
            assert!(
                again.tree.read(&path).unwrap() == pattern(size, index as u64),
                "{path}"
            );
        }
        // Contiguous where it can be.
        let medium = again.unmount();
        let extents = debugfs(&medium, "extents /file8");
        assert!(extents.lines().count() <= 4, "{extents}");
    }
}

#[test]
fn files_are_cut_and_grow() {
    for options in VARIANTS {
        let mounted = Mounted::new(16 << 10, options);
        let tree = &mounted.tree;
        tree.write("/m/f", &pattern(50_000, 1)).unwrap();
        mounted.sync();
        let resize = |tree: &crate::vfs::test_tree::TestTree, size| {
            let location = tree.find("/m/f").unwrap();
            crate::vfs::change::truncate(location.inode(), size).unwrap();
        };
        resize(tree, 10_001);
        mounted.sync();
        resize(tree, 30_000);
        let mut expected = pattern(50_000, 1);
        expected.truncate(10_001);
        expected.resize(30_000, 0);
        assert!(tree.read("/m/f").unwrap() == expected);
        let mounted = mounted.again();
        assert!(mounted.tree.read("/m/f").unwrap() == expected);
        resize(&mounted.tree, 0);
        let mounted = mounted.again();
        assert!(mounted.tree.read("/m/f").unwrap().is_empty());
        mounted.unmount();
    }
}

#[test]
fn holes_take_no_room() {
    let mounted = Mounted::new(16 << 10, CARD);
    let file = mounted
        .tree
        .open("/m/f", OpenFlags::CREATE | OpenFlags::READ_WRITE)
        .unwrap();
    let mut position = 1 << 40;
    file.operations()
        .write(&file, &mut Source::kernel(b"end"), &mut position)
        .unwrap();
    let mut position = 5 << 30;
    file.operations()
        .write(&file, &mut Source::kernel(b"middle"), &mut position)
        .unwrap();
    drop(file);
    let medium = mounted.unmount();
    let text = debugfs(&medium, "stat /f");
    assert!(text.contains("Size: 1099511627779"), "{text}");
    assert!(text.contains("Blockcount: 16"), "{text}");
}

#[test]
fn a_fragmented_file_has_a_deep_tree() {
    for options in [CARD, VARIANTS[3]] {
        let mounted = Mounted::new(32 << 10, options);
        let flags = OpenFlags::CREATE | OpenFlags::READ_WRITE;
        let files = ["/m/a", "/m/b"].map(|path| mounted.tree.open(path, flags).unwrap());
        // Every second block of one, and every second of the other in between, from the end on.
        for index in (0..700u64).rev() {
            for (number, file) in files.iter().enumerate() {
                let mut position = index * 8192;
                let bytes = pattern(4096, index * 2 + number as u64);
                file.operations()
                    .write(file, &mut Source::kernel(&bytes), &mut position)
                    .unwrap();
            }
            if index % 10 == 0 {
                mounted.sync();
            }
        }
        drop(files);
        let mounted = mounted.again();
        let check = |mounted: &Mounted, path: &str, number: u64, count: u64| {
            let content = mounted.tree.read(path).unwrap();
            assert_eq!(content.len() as u64, count * 8192 - 4096);
            for index in 0..count {
                let place = (index * 8192) as usize;
                assert!(content[place..place + 4096] == pattern(4096, index * 2 + number));
            }
        };
        check(&mounted, "/m/a", 0, 700);
        check(&mounted, "/m/b", 1, 700);
        let location = mounted.tree.find("/m/a").unwrap();
        crate::vfs::change::truncate(location.inode(), 300 * 8192 - 4096).unwrap();
        drop(location);
        let mounted = mounted.again();
        check(&mounted, "/m/a", 0, 300);
        let root = mounted.tree.find("/m/b").unwrap();
        crate::vfs::change::truncate(root.inode(), 0).unwrap();
        drop(root);
        let medium = mounted.unmount();
        let text = debugfs(&medium, "stat /b");
        assert!(text.contains("Blockcount: 0"), "{text}");
    }
}

#[test]
fn a_full_volume_says_so_and_gets_its_room_back() {
    for options in VARIANTS {
        let mounted = Mounted::new(8 << 10, options);
        let free = |mounted: &Mounted| {
            let location = mounted.tree.find("/m").unwrap();
            location
                .inode()
                .super_block()
                .operations()
                .statistics()
                .free_blocks
        };
        let before = free(&mounted);
        let mut written = 0;
        let result = loop {
            let path = std::format!("/m/{written}");
            match mounted.tree.write(&path, &pattern(100_000, written)) {
                Ok(()) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(result, Errno::ENOSPC);
        mounted.sync();
        let mounted = mounted.again();
        for index in 0..written {
            let content = mounted.tree.read(&std::format!("/m/{index}")).unwrap();
            // Of the last one a part may have had room.
            let whole = index + 1 < written;
            assert!(pattern(100_000, index).starts_with(&content));
            assert!(!whole || content.len() == 100_000);
        }
        for index in 0..=written {
            let path = std::format!("/m/{index}");
            mounted
                .tree
                .remove(&path, crate::vfs::namespace::Removal::File)
                .unwrap();
        }
        mounted.sync();
        let after = free(&mounted);
        assert!(before - after <= 1, "{before} {after}");
        // What was freed can be used again.
        mounted
            .tree
            .write("/m/big", &pattern(3_000_000, 1))
            .unwrap();
        mounted.unmount();
    }
}

#[test]
fn ranges_get_room_and_become_holes() {
    for options in VARIANTS {
        let mounted = Mounted::new(16 << 10, options);
        let flags = OpenFlags::CREATE | OpenFlags::READ_WRITE;
        let file = mounted.tree.open("/m/f", flags).unwrap();
        let inode = file.inode().unwrap().clone();
        let operations = inode.operations();
        let mut expected = std::vec![0; 200_000];
        let mut write = |position: usize, length: usize, seed| {
            let bytes = pattern(length, seed);
            let mut at = position as u64;
            file.operations()
                .write(&file, &mut Source::kernel(&bytes), &mut at)
                .unwrap();
            expected[position..position + length].copy_from_slice(&bytes);
        };
        operations.allocate(&inode, 0, 400_000).unwrap();
        write(199_999, 1, 1);
        // Into the middle, at the start, and beside what is there.
        write(50_000, 10_000, 2);
        write(0, 4096, 3);
        mounted.sync();
        write(60_000, 5_000, 4);
        mounted.sync();
        operations.discard(&inode, 52_000, 62_000).unwrap();
        expected[52_000..62_000].fill(0);
        operations.discard(&inode, 100_000, 110_000).unwrap();
        assert!(mounted.tree.read("/m/f").unwrap() == expected);
        drop((file, inode));
        let mounted = mounted.again();
        assert!(mounted.tree.read("/m/f").unwrap() == expected);
        let medium = mounted.unmount();
        let text = debugfs(&medium, "stat /f");
        assert!(text.contains("Size: 200000"), "{text}");
    }
}

#[test]
fn a_file_that_replaced_another_has_content_before_the_name_is_its() {
    let mounted = Mounted::new(16 << 10, CARD);
    let (old, new) = (pattern(20_000, 1), pattern(30_000, 2));
    mounted.tree.write("/m/file", &old).unwrap();
    mounted.sync();
    mounted.tree.write("/m/new", &new).unwrap();
    mounted
        .tree
        .rename("/m/new", "/m/file", Replacement::Allowed)
        .unwrap();
    // Whatever has the journal written, such as somebody's fsync.
    let directory = mounted.tree.find("/m").unwrap();
    let inode = directory.inode();
    inode.operations().sync(inode, false).unwrap();
    let medium = mounted.disk.after_power_loss(|| false);
    let after = Mounted::of(SimulatedDisk::new(medium)).unwrap();
    assert!(after.tree.read("/m/file").unwrap() == new);
    after.unmount();
}
