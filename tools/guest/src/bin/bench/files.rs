//! Devices, names, and files in memory.
use crate::meter;
use rustix::fs::{
    Access, AtFlags, CWD, Mode, OFlags, RawDir, SeekFrom, accessat, fstat as file_status, open,
    openat, seek, statat, unlinkat,
};
use rustix::io::{Errno, read as read_file, write};
use std::ffi::CStr;
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

/// Where the files are; /tmp is a file system in memory.
pub const FOLDER: &str = "/tmp/bench";
const DEEP_FOLDER: &str = "/tmp/bench/names";
const DEEP_FILE: &CStr = c"/tmp/bench/names/file";
const LIST_FOLDER: &str = "/tmp/bench/list";
const NEW_FILE: &CStr = c"/tmp/bench/new";
const LARGE_FILE: &CStr = c"/tmp/bench/large";
const PAGE: usize = 4096;
const PIECE: usize = 64 << 10;
const PIECES: usize = 128;

pub fn read_zero() -> io::Result<f64> {
    let device = open(c"/dev/zero", OFlags::RDONLY, Mode::empty())?;
    let mut byte = [1];
    meter::repeat(5000, || whole(read_file(&device, &mut byte), 1))
}

pub fn write_null() -> io::Result<f64> {
    let device = open(c"/dev/null", OFlags::WRONLY, Mode::empty())?;
    meter::repeat(5000, || whole(write(&device, &[0]), 1))
}

pub fn stat() -> io::Result<f64> {
    make_deep_file()?;
    meter::repeat(2000, || {
        Ok(statat(CWD, DEEP_FILE, AtFlags::empty()).map(drop)?)
    })
}

pub fn access_missing() -> io::Result<f64> {
    meter::repeat(2000, || {
        match accessat(
            CWD,
            c"/there-is-no-such-file",
            Access::EXISTS,
            AtFlags::empty(),
        ) {
            Err(Errno::NOENT) => Ok(()),
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    })
}

pub fn open_close() -> io::Result<f64> {
    make_deep_file()?;
    meter::repeat(2000, || {
        Ok(open(DEEP_FILE, OFlags::RDONLY, Mode::empty()).map(drop)?)
    })
}

pub fn fstat() -> io::Result<f64> {
    make_deep_file()?;
    let file = open(DEEP_FILE, OFlags::RDONLY, Mode::empty())?;
    meter::repeat(5000, || Ok(file_status(&file).map(drop)?))
}

pub fn list() -> io::Result<f64> {
    fs::create_dir_all(LIST_FOLDER)?;
    for number in 0..100 {
        fs::write(format!("{LIST_FOLDER}/name-{number:03}"), "")?;
    }
    let folder = open(
        LIST_FOLDER,
        OFlags::RDONLY | OFlags::DIRECTORY,
        Mode::empty(),
    )?;
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    meter::repeat(100, || {
        seek(&folder, SeekFrom::Start(0))?;
        let mut names = RawDir::new(&folder, &mut buffer);
        let mut count = 0;
        while let Some(name) = names.next() {
            name?;
            count += 1;
        }
        if count == 102 {
            Ok(())
        } else {
            Err(io::Error::other(format!("{count} names instead of 102")))
        }
    })
}

pub fn create_write_unlink() -> io::Result<f64> {
    let content = [1; PAGE];
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    meter::repeat(500, || {
        let file = openat(CWD, NEW_FILE, flags, Mode::from(0o644))?;
        whole(write(&file, &content), PAGE)?;
        drop(file);
        Ok(unlinkat(CWD, NEW_FILE, AtFlags::empty())?)
    })
}

pub fn write_new() -> io::Result<f64> {
    meter::prepared(PIECES, || large_file(0), write_pieces)
}

pub fn write_again() -> io::Result<f64> {
    meter::prepared(PIECES, || large_file(PIECES), write_pieces)
}

pub fn read() -> io::Result<f64> {
    let mut buffer = vec![0; PIECE];
    meter::prepared(
        PIECES,
        || large_file(PIECES),
        |file| (0..PIECES).try_for_each(|_| whole(read_file(&*file, &mut buffer), PIECE)),
    )
}

/// A file of some pieces, open at its start.
pub fn large_file(pieces: usize) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC;
    let mut file = open(LARGE_FILE, flags, Mode::from(0o644))?;
    if pieces > 0 {
        write_pieces(&mut file)?;
        seek(&file, SeekFrom::Start(0))?;
    }
    Ok(file)
}

fn write_pieces(file: &mut OwnedFd) -> io::Result<()> {
    static CONTENT: [u8; PIECE] = [3; PIECE];
    (0..PIECES).try_for_each(|_| whole(write(&*file, &CONTENT), PIECE))
}

fn make_deep_file() -> io::Result<()> {
    fs::create_dir_all(DEEP_FOLDER)?;
    Ok(open(
        DEEP_FILE,
        OFlags::WRONLY | OFlags::CREATE,
        Mode::from(0o644),
    )
    .map(drop)?)
}

/// Takes a transfer of another size than the one expected for an error.
pub fn whole(result: rustix::io::Result<usize>, expected: usize) -> io::Result<()> {
    match result? {
        count if count == expected => Ok(()),
        count => Err(io::Error::other(format!(
            "{count} bytes instead of {expected}"
        ))),
    }
}
