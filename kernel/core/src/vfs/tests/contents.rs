//! Contents of regular files.

use crate::Errno;
use crate::vfs::change;
use crate::vfs::file_operations::Whence;
use crate::vfs::flags::OpenFlags;
use crate::vfs::open;
use crate::vfs::test_tree::TestTree;
use crate::vfs::transfer::{Destination, Source};
use crate::vfs::walk::WalkFlags;
use crate::vfs::{File, kind};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

fn open_file(tree: &TestTree, path: &str, flags: OpenFlags) -> crate::Result<Arc<File>> {
    open::open(
        &tree.view(),
        None,
        path.as_bytes(),
        flags,
        0o644,
        WalkFlags::empty(),
    )
}

fn new_file(tree: &TestTree, path: &str) -> Arc<File> {
    open_file(tree, path, OpenFlags::CREATE | OpenFlags::READ_WRITE).unwrap()
}

fn read_all(file: &File) -> Vec<u8> {
    let mut bytes = vec![0xaa; file.inode().unwrap().size() as usize + 10];
    let count = file
        .read_at(&mut Destination::kernel(&mut bytes), 0)
        .unwrap();
    bytes.truncate(count);
    bytes
}

#[test]
fn random_writes_agree_with_a_vector() {
    let tree = TestTree::new();
    let file = new_file(&tree, "/f");
    let inode = file.inode().unwrap().clone();
    let mut model: Vec<u8> = Vec::new();
    let mut state = 5u64;
    let mut random = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as usize % limit
    };
    for round in 0..600 {
        let position = random(300_000);
        match random(5) {
            0 => {
                let size = random(300_000);
                change::truncate(&inode, size as u64).unwrap();
                model.resize(size, 0);
            }
            1 => {
                let end = position + random(50_000);
                inode
                    .page_cache()
                    .unwrap()
                    .discard(position as u64, end as u64)
                    .unwrap();
                let end = end.min(model.len());
                if position < end {
                    model[position..end].fill(0);
                }
            }
            _ => {
                let bytes = vec![round as u8 | 1; random(100_000)];
                assert_eq!(
                    file.write_at(&mut Source::kernel(&bytes), position as u64),
                    Ok(bytes.len())
                );
                if !bytes.is_empty() {
                    model.resize(model.len().max(position + bytes.len()), 0);
                    model[position..position + bytes.len()].copy_from_slice(&bytes);
                }
            }
        }
        assert_eq!(inode.size(), model.len() as u64);
    }
    assert_eq!(read_all(&file), model);
}

#[test]
fn positions_move_and_appending_goes_to_the_end() {
    let tree = TestTree::new();
    let file = new_file(&tree, "/f");
    assert_eq!(file.write(&mut Source::kernel(b"hello world")), Ok(11));
    let appending = open_file(&tree, "/f", OpenFlags::WRITE_ONLY | OpenFlags::APPEND).unwrap();
    assert_eq!(appending.write(&mut Source::kernel(b"!")), Ok(1));
    assert_eq!(appending.write_at(&mut Source::kernel(b"?"), 0), Ok(1));
    assert_eq!(read_all(&file), b"hello world!?");
    assert_eq!(*file.lock_position(), 11);
    let seek = |offset, whence| file.operations().seek(&file, 4, offset, whence);
    assert_eq!(seek(-3, Whence::End), Ok(10));
    assert_eq!(seek(-5, Whence::Current), Err(Errno::EINVAL));
    assert_eq!(seek(1 << 40, Whence::Start), Ok(1 << 40));
}

#[test]
fn holes_are_found() {
    let tree = TestTree::new();
    let file = new_file(&tree, "/f");
    file.write_at(&mut Source::kernel(b"x"), 100 << 20).unwrap();
    let seek = |offset, whence| file.operations().seek(&file, 0, offset, whence);
    assert_eq!(seek(5, Whence::Data), Ok(100 << 20));
    assert_eq!(seek(5, Whence::Hole), Ok(5));
    assert_eq!(seek(100 << 20, Whence::Hole), Ok((100 << 20) + 1));
    assert_eq!(seek((100 << 20) + 1, Whence::Data), Err(Errno::ENXIO));
    assert_eq!(file.inode().unwrap().page_cache().unwrap().page_count(), 1);
}

#[test]
fn limits_of_tmpfs_hold() {
    let tree = TestTree::new();
    tree.directory("/t").unwrap();
    tree.mount_with("/t", "size=16k,nr_inodes=3").unwrap();
    let file = new_file(&tree, "/t/f");
    let bytes = vec![1; 20_000];
    assert_eq!(file.write(&mut Source::kernel(&bytes)), Ok(16_384));
    assert_eq!(file.write(&mut Source::kernel(&bytes)), Err(Errno::ENOSPC));
    change::truncate(file.inode().unwrap(), 5_000).unwrap();
    assert_eq!(
        file.write_at(&mut Source::kernel(&bytes[..8_000]), 5_000),
        Ok(8_000)
    );
    new_file(&tree, "/t/g");
    assert_eq!(
        open_file(&tree, "/t/h", OpenFlags::CREATE).err(),
        Some(Errno::ENOSPC)
    );
    let statistics = tree
        .find("/t")
        .unwrap()
        .inode()
        .super_block()
        .operations()
        .statistics();
    assert_eq!(
        (
            statistics.blocks,
            statistics.free_blocks,
            statistics.inodes,
            statistics.free_inodes
        ),
        (4, 0, 3, 0)
    );
}

#[test]
fn mappings_and_files_share_pages() {
    let tree = TestTree::new();
    let file = new_file(&tree, "/f");
    file.write(&mut Source::kernel(&[1; 5_000])).unwrap();
    let object = file.operations().memory_object(&file).unwrap();
    let frame = object.page(1, true).unwrap();
    frame.write(0, b"mapped");
    let mut bytes = [0; 6];
    file.read_at(&mut Destination::kernel(&mut bytes), 4096)
        .unwrap();
    assert_eq!(&bytes, b"mapped");
    assert_eq!(object.page(2, false).err(), Some(Errno::ENXIO));
    let mut found = Vec::new();
    object.cached_pages(0, 16, &mut |index, _| found.push(index));
    assert_eq!(found, [0, 1]);
}

#[test]
fn opening_follows_the_rules() {
    let tree = TestTree::new();
    tree.directory("/d").unwrap();
    tree.link("/l", "f").unwrap();
    new_file(&tree, "/f")
        .write(&mut Source::kernel(b"content"))
        .unwrap();
    let error = |path, flags| open_file(&tree, path, flags).err();
    assert_eq!(error("/d", OpenFlags::WRITE_ONLY), Some(Errno::EISDIR));
    assert_eq!(error("/d", OpenFlags::CREATE), Some(Errno::EISDIR));
    assert_eq!(error("/f", OpenFlags::DIRECTORY), Some(Errno::ENOTDIR));
    assert_eq!(
        error("/f", OpenFlags::CREATE | OpenFlags::EXCLUSIVE),
        Some(Errno::EEXIST)
    );
    assert_eq!(
        error("/l", OpenFlags::CREATE | OpenFlags::EXCLUSIVE),
        Some(Errno::EEXIST)
    );
    assert_eq!(error("/l", OpenFlags::NO_FOLLOW), Some(Errno::ELOOP));
    assert_eq!(error("/new/", OpenFlags::CREATE), Some(Errno::EISDIR));
    assert!(open_file(&tree, "/l", OpenFlags::NO_FOLLOW | OpenFlags::PATH).is_ok());
    let user = tree.as_user(5);
    assert_eq!(
        open_file(&user, "/f", OpenFlags::WRITE_ONLY).err(),
        Some(Errno::EACCES)
    );
    assert_eq!(
        open_file(&user, "/f", OpenFlags::TRUNCATE).err(),
        Some(Errno::EACCES)
    );
    assert!(open_file(&tree, "/l", OpenFlags::WRITE_ONLY | OpenFlags::TRUNCATE).is_ok());
    assert_eq!(tree.find("/f").unwrap().inode().size(), 0);
}

#[test]
fn writing_takes_set_id_bits_away() {
    let tree = TestTree::new();
    let file = new_file(&tree, "/f");
    file.inode()
        .unwrap()
        .attributes
        .set_permissions(0o755 | kind::SET_USER_ID | kind::SET_GROUP_ID);
    file.write(&mut Source::kernel(b"x")).unwrap();
    assert_eq!(file.inode().unwrap().attributes.permissions(), 0o755);
}
