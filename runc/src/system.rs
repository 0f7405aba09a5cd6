//! The only place with system calls: files of the caller, the tree of a container, processes, terminals.

pub mod process;
pub mod terminal;
pub mod tree;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The contents of a regular file of at most `largest` bytes.
pub fn read_file(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    if file.take(largest + 1).read_to_end(&mut bytes)? as u64 > largest {
        return Err(io::Error::other(format!("larger than {largest} bytes")));
    }
    Ok(bytes)
}
