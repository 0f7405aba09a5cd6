use super::*;
use crate::Errno;
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use crate::vfs::transfer::Source;

#[test]
fn what_is_written_is_there_for_others() {
    for layout in FOR_OTHERS {
        let mounted = Mounted::new(made(layout)).unwrap();
        let tree = &mounted.tree;
        tree.directory("/m/A directory").unwrap();
        tree.write("/m/A directory/some content.bin", &pattern(100_000, 1))
            .unwrap();
        tree.write("/m/UPPER.TXT", b"short").unwrap();
        tree.write("/m/empty", b"").unwrap();
        assert_eq!(
            tree.read("/m/a DIRECTORY/SOME CONTENT.BIN").unwrap(),
            pattern(100_000, 1)
        );
        let file = mounted.into_file();
        file.check();
        let copied = file.run("mtype", &["-i", "FILE", "::/A directory/some content.bin"]);
        assert!(copied == pattern(100_000, 1), "{layout:?}");
        assert_eq!(file.run("mtype", &["-i", "FILE", "::/UPPER.TXT"]), b"short");
    }
}

#[test]
fn what_others_wrote_is_there() {
    for layout in FOR_OTHERS {
        let image = ImageFile::new(&made(layout));
        let content = ImageFile::new(&pattern(300_001, 2));
        image.run("mmd", &["-i", "FILE", "::/Sub"]);
        let path = content.0.to_str().unwrap();
        image.run("mcopy", &["-i", "FILE", path, "::/Sub/A long name.data"]);
        image.run("mcopy", &["-i", "FILE", path, "::/lower"]);
        let mounted = Mounted::new(image.content()).unwrap();
        assert_eq!(mounted.tree.list("/m"), ["Sub", "lower"], "{layout:?}");
        assert!(mounted.tree.read("/m/Sub/A long name.data").unwrap() == pattern(300_001, 2));
        assert!(mounted.tree.read("/m/LOWER").unwrap() == pattern(300_001, 2));
        mounted.into_file().check();
    }
}

#[test]
fn sizes_change_and_leave_zeros() {
    for layout in LAYOUTS {
        let mounted = Mounted::new(made(layout)).unwrap();
        let tree = &mounted.tree;
        tree.write("/m/f", &pattern(70_000, 3)).unwrap();
        let file = tree.open("/m/f", OpenFlags::READ_WRITE).unwrap();
        let inode = file.inode().unwrap();
        let mut expected = pattern(70_000, 3);
        for size in [60_001, 90_000, 5, 4097, 0, 12_345, 100] {
            crate::vfs::change::truncate(inode, size).unwrap();
            expected.resize(size as usize, 0);
            assert!(tree.read("/m/f").unwrap() == expected, "{layout:?} {size}");
        }
        // A gap, in which nothing of what the clusters held before may be seen.
        let mut position = 50_000;
        file.operations()
            .write(&file, &mut Source::kernel(b"end"), &mut position)
            .unwrap();
        expected.resize(50_000, 0);
        expected.extend(b"end");
        drop(file);
        let image = mounted.finish();
        ImageFile::new(&image).check();
        let mounted = Mounted::new(image).unwrap();
        assert!(mounted.tree.read("/m/f").unwrap() == expected, "{layout:?}");
    }
}

#[test]
fn a_removed_file_stays_until_it_is_closed() {
    let mounted = Mounted::new(made(LAYOUTS[0])).unwrap();
    let tree = &mounted.tree;
    let free = || {
        tree.find("/m")
            .unwrap()
            .inode()
            .super_block()
            .operations()
            .statistics()
            .free_blocks
    };
    let before = free();
    tree.write("/m/f", &pattern(50_000, 4)).unwrap();
    let file = tree.open("/m/f", OpenFlags::READ_ONLY).unwrap();
    tree.remove("/m/f", Removal::File).unwrap();
    tree.write("/m/g", &pattern(50_000, 5)).unwrap();
    tree.find("/m")
        .unwrap()
        .inode()
        .super_block()
        .operations()
        .sync()
        .unwrap();
    let mut content = std::vec![0; 50_000];
    file.read(&mut crate::vfs::transfer::Destination::kernel(&mut content))
        .unwrap();
    assert!(content == pattern(50_000, 4));
    // 98 clusters for the one that was synced, whole pages for the other.
    assert_eq!(before - free(), 98 + 104);
    drop(file);
    assert_eq!(before - free(), 98);
    mounted.into_file().check();
}

#[test]
fn a_full_volume_stays_whole() {
    for layout in &LAYOUTS[..2] {
        let mounted = Mounted::new(made(*layout)).unwrap();
        let tree = &mounted.tree;
        let content = pattern(600_000, 6);
        let full =
            (0..100).find_map(|number| tree.write(&format!("/m/file {number}"), &content).err());
        assert_eq!(full, Some(Errno::ENOSPC));
        // What is less than a page is left for directories.
        let full = (0..20).find_map(|number| tree.directory(&format!("/m/{number}")).err());
        assert_eq!(full, Some(Errno::ENOSPC));
        assert!(tree.read("/m/file 0").unwrap() == content);
        tree.remove("/m/file 0", Removal::File).unwrap();
        tree.directory("/m/directory").unwrap();
        mounted.into_file().check();
    }
}

#[test]
fn moving_keeps_content_and_replaces_what_was_there() {
    for layout in LAYOUTS {
        let mounted = Mounted::new(made(layout)).unwrap();
        let tree = &mounted.tree;
        tree.directory("/m/one").unwrap();
        tree.directory("/m/two").unwrap();
        tree.directory("/m/one/below").unwrap();
        tree.write("/m/one/file", b"first").unwrap();
        tree.write("/m/two/Other name", b"second").unwrap();
        tree.rename("/m/one/FILE", "/m/two/other NAME", Replacement::Allowed)
            .unwrap();
        assert_eq!(tree.list("/m/two"), ["Other name"]);
        assert_eq!(tree.read("/m/two/OTHER name").unwrap(), b"first");
        tree.rename("/m/one/below", "/m/two/moved", Replacement::Allowed)
            .unwrap();
        assert_eq!(
            tree.rename("/m/one", "/m/two", Replacement::Allowed),
            Err(Errno::ENOTEMPTY)
        );
        tree.rename("/m/one", "/m/two/MOVED", Replacement::Allowed)
            .unwrap();
        assert_eq!(tree.list("/m/two"), ["Other name", "moved"]);
        assert_eq!(
            tree.rename("/m/two", "/m/two/MOVED/x", Replacement::Allowed),
            Err(Errno::EINVAL)
        );
        assert_eq!(
            tree.rename("/m/two", "/m/x", Replacement::Exchange),
            Err(Errno::ENOENT)
        );
        mounted.into_file().check();
    }
}

#[test]
fn the_volume_is_marked_while_it_is_mounted() {
    let image = made(LAYOUTS[2]);
    let mounted = Mounted::new(image.clone()).unwrap();
    assert_eq!(mounted.disk.after_power_loss(|| false)[0x41], 1);
    mounted.tree.write("/m/f", b"x").unwrap();
    assert_eq!(mounted.finish()[0x41], 0);
}
