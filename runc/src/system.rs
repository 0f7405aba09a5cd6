//! The only place with system calls: files of the caller, the tree of a container, processes, sockets,
//! terminals.

pub mod beneath;
pub mod copy;
pub mod descriptor;
pub mod folder;
pub mod layers;
pub mod process;
pub mod pseudoterminal;
pub mod signals;
pub mod socket;
pub mod terminal;
pub mod tree;

use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The contents of a regular file of at most `largest` bytes.
pub fn read_file(path: &Path, largest: u64) -> io::Result<Vec<u8>> {
    read_all(open_file(path)?, largest)
}

/// Opens a regular file for reading. Anything else, such as a pipe, is refused without waiting for it.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

/// All that a reader gives, of at most `largest` bytes.
pub fn read_all(source: impl Read, largest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if source.take(largest + 1).read_to_end(&mut bytes)? as u64 > largest {
        return Err(io::Error::other(format!("larger than {largest} bytes")));
    }
    Ok(bytes)
}

/// What the kernel says of itself.
pub struct Kernel {
    /// Its name, version and machine.
    pub name: String,
    /// The name of the host.
    pub host: String,
}

/// Asks the kernel (uname(2)).
pub fn kernel() -> Kernel {
    let answer = rustix::system::uname();
    let text = |field: &std::ffi::CStr| field.to_string_lossy().into_owned();
    let parts = [answer.sysname(), answer.release(), answer.machine()];
    Kernel {
        name: parts.map(text).join(" "),
        host: text(answer.nodename()),
    }
}
