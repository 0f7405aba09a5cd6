use super::*;
use crate::Errno;
use crate::vfs::change::{self, NewTime};
use crate::vfs::location::Location;

const SECOND: i64 = 1_000_000_000;

fn options(text: &str) -> Options {
    Options::parse(text.as_bytes(), 0, 0, 0o022).unwrap()
}

fn permissions(tree: &TestTree, path: &str) -> u32 {
    tree.find(path).unwrap().inode().attributes.permissions()
}

#[test]
fn only_writing_by_all_or_nobody_is_stored() {
    let image = {
        let mounted = Mounted::with(made(LAYOUTS[0]), options("gid=7")).unwrap();
        let tree = &mounted.tree;
        tree.file("/m/f").unwrap();
        tree.directory("/m/d").unwrap();
        let set = |path: &str, bits| {
            change::set_permissions(&tree.credentials, &tree.find(path).unwrap(), bits)
        };
        assert_eq!(permissions(tree, "/m/f"), 0o755);
        for (asked, kept) in [
            (0o600, 0o755),
            (0o555, 0o555),
            (0o644, 0o555),
            (0o755, 0o755),
        ] {
            assert_eq!(set("/m/f", asked), Ok(()));
            assert_eq!(permissions(tree, "/m/f"), kept, "{asked:o}");
        }
        assert_eq!(set("/m/f", 0o4755), Err(Errno::EPERM));
        assert_eq!(
            (set("/m/d", 0o555), permissions(tree, "/m/d")),
            (Ok(()), 0o755)
        );
        assert_eq!(set("/m/f", 0o555), Ok(()));
        let own = |owner, group| {
            change::set_ownership(&tree.credentials, &tree.find("/m/f").unwrap(), owner, group)
        };
        assert_eq!(own(Some(0), Some(7)), Ok(()));
        assert_eq!(own(Some(1), None), Err(Errno::EPERM));
        mounted.finish()
    };
    let mounted = Mounted::with(image, options("umask=0,showexec,quiet")).unwrap();
    let tree = &mounted.tree;
    assert_eq!(permissions(tree, "/m/f"), 0o444);
    assert_eq!(permissions(tree, "/m/d"), 0o777);
    tree.file("/m/program.EXE").unwrap();
    assert_eq!(permissions(tree, "/m/program.EXE"), 0o777);
    let found = tree.find("/m/f").unwrap();
    assert_eq!(
        change::set_ownership(&tree.credentials, &found, Some(1), None),
        Ok(())
    );
    assert_eq!(found.inode().attributes.owner(), 0);
}

#[test]
fn times_are_those_that_can_be_stored() {
    let times = |location: &Location| {
        let inode = location.inode();
        inode.operations().refresh(inode).unwrap();
        (inode.attributes.accessed(), inode.attributes.modified())
    };
    let mounted = Mounted::with(made(LAYOUTS[2]), options("time_offset=60")).unwrap();
    let found = mounted.tree.file("/m/f").unwrap();
    // 2001-09-09 01:46:41 UTC, and midnight an hour ahead of it.
    let time = 1_000_000_001 * SECOND + 5;
    let expected = (
        (1_000_000_000 - 6400 - 3600) * SECOND,
        1_000_000_000 * SECOND,
    );
    let credentials = &mounted.tree.credentials;
    change::set_times(credentials, &found, NewTime::At(time), NewTime::At(time)).unwrap();
    assert_eq!(times(&found), expected);
    drop(found);
    let image = mounted.finish();
    let mounted = Mounted::with(image, options("time_offset=60")).unwrap();
    assert_eq!(times(&mounted.tree.find("/m/f").unwrap()), expected);
}

#[test]
fn room_that_is_given_is_zeros_and_what_is_beyond_the_size_goes() {
    let mounted = Mounted::new(made(LAYOUTS[0])).unwrap();
    let tree = &mounted.tree;
    tree.write("/m/f", b"content").unwrap();
    let found = tree.find("/m/f").unwrap();
    let operations = found.inode().operations();
    operations.allocate(found.inode(), 0, 100_000).unwrap();
    found.inode().page_cache().unwrap().grow(50_000);
    assert_eq!(
        operations.allocate(found.inode(), 0, 5_000_000),
        Err(Errno::ENOSPC)
    );
    assert_eq!(
        operations.allocate(found.inode(), 0, 1 << 32),
        Err(Errno::EFBIG)
    );
    assert_eq!(
        operations.discard(found.inode(), 0, 1),
        Err(Errno::EOPNOTSUPP)
    );
    let mut expected = b"content".to_vec();
    expected.resize(50_000, 0);
    assert!(tree.read("/m/f").unwrap() == expected);
    drop(found);
    let image = mounted.finish();
    ImageFile::new(&image).check();
    assert!(Mounted::new(image).unwrap().tree.read("/m/f").unwrap() == expected);
}

#[test]
fn layers_of_an_overlay_are_refused() {
    let mounted = Mounted::new(made(LAYOUTS[0])).unwrap();
    let tree = &mounted.tree;
    tree.directory("/m/lower").unwrap();
    tree.directory("/over").unwrap();
    assert_eq!(
        tree.overlay("/over", "lowerdir=/m/lower"),
        Err(Errno::EINVAL)
    );
}
