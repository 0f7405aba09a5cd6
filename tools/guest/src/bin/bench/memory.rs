//! Mappings and page faults.
use crate::{files, meter};
use gantry_abi::user::measure::{Mapping, PAGE_SIZE};
use std::io;
use std::os::fd::AsRawFd;

const LARGE: usize = 4 << 20;
const PAGES: usize = LARGE / PAGE_SIZE;
/// Pieces of 64 KiB that make a file large enough.
const PIECES: usize = LARGE >> 16;

pub fn map_unmap() -> io::Result<f64> {
    meter::repeat(1000, || Ok(Mapping::huge_anonymous(PAGE_SIZE).map(drop)?))
}

pub fn map_write_unmap() -> io::Result<f64> {
    meter::repeat(4, || {
        Mapping::huge_anonymous(LARGE)?.write_pages();
        Ok(())
    })
}

pub fn anonymous_write() -> io::Result<f64> {
    meter::prepared(
        PAGES,
        || Ok(Mapping::anonymous(LARGE)?),
        |mapping| {
            mapping.write_pages();
            Ok(())
        },
    )
}

pub fn file_read() -> io::Result<f64> {
    let file = files::large_file(PIECES)?;
    meter::prepared(
        PAGES,
        || Ok(Mapping::file(file.as_raw_fd(), LARGE, false)?),
        |mapping| {
            mapping.read_pages();
            Ok(())
        },
    )
}

pub fn file_copy() -> io::Result<f64> {
    let file = files::large_file(PIECES)?;
    meter::prepared(
        PAGES,
        || Ok(Mapping::file(file.as_raw_fd(), LARGE, true)?),
        |mapping| {
            mapping.write_pages();
            Ok(())
        },
    )
}
