//! Descriptor tables.

use crate::Errno;
use crate::vfs::fd_table::FdTable;
use crate::vfs::file::File;
use crate::vfs::flags::OpenFlags;
use crate::vfs::open::PlaceFile;
use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

fn file() -> Arc<File> {
    File::anonymous("[test]", Box::new(PlaceFile), OpenFlags::empty())
}

#[test]
fn the_lowest_free_descriptor_is_given() {
    let table = FdTable::new();
    for expected in 0..200 {
        assert_eq!(table.install(file(), false, 0, 1024), Ok(expected));
    }
    for fd in [150, 3, 64] {
        table.close(fd).unwrap();
    }
    assert_eq!(table.install(file(), false, 10, 1024), Ok(64));
    assert_eq!(table.install(file(), false, 0, 1024), Ok(3));
    assert_eq!(table.install(file(), false, 0, 1024), Ok(150));
    assert_eq!(table.install(file(), false, 0, 200), Err(Errno::EMFILE));
    assert_eq!(table.install(file(), false, 300, 200), Err(Errno::EINVAL));
    assert_eq!(table.len(), 200);
}

#[test]
fn bad_descriptors_are_refused() {
    let table = FdTable::new();
    table.install(file(), false, 0, 1024).unwrap();
    for fd in [-1, 1, i32::MAX, i32::MIN] {
        assert_eq!(table.get(fd).err(), Some(Errno::EBADF), "{fd}");
        assert_eq!(table.close(fd).err(), Some(Errno::EBADF), "{fd}");
    }
    assert_eq!(
        table.install_at(1024, file(), false, 1024).err(),
        Some(Errno::EBADF)
    );
}

#[test]
fn exec_closes_what_is_marked() {
    let table = FdTable::new();
    for number in 0..10 {
        table.install(file(), number % 3 == 0, 0, 1024).unwrap();
    }
    table.install_at(500, file(), true, 1024).unwrap();
    let copy = table.duplicate().unwrap();
    copy.close_on_exec();
    assert_eq!((copy.len(), table.len()), (6, 11));
    let mut left = Vec::new();
    let mut next = 0;
    while let Some((fd, _)) = copy.next(next) {
        left.push(fd);
        next = fd as u32 + 1;
    }
    assert_eq!(left, [1, 2, 4, 5, 7, 8]);
}

#[test]
fn displaced_files_are_closed() {
    let table = FdTable::new();
    let first = file();
    table.install_at(7, first.clone(), false, 1024).unwrap();
    table.install_at(7, file(), false, 1024).unwrap();
    assert_eq!(Arc::strong_count(&first), 1);
}
