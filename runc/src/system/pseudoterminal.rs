//! Pseudoterminals, made in the devpts of a container.

use super::tree::Tree;
use rustix::fs::{self, CWD, FileType, Gid, Mode, OFlags, Uid};
use rustix::pty;
use rustix::termios::{self, Winsize};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// A size in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters a line.
    pub columns: u16,
}

/// A new terminal.
pub struct Pseudoterminal {
    /// The side of the manager.
    pub master: OwnedFd,
    /// The side of the program.
    pub slave: OwnedFd,
    /// Its path in the container.
    pub path: String,
}

/// Device numbers of what makes pseudoterminals, and of their programs' sides (Linux's devices.txt).
const MULTIPLEXER: (u32, u32) = (5, 2);
const SLAVE_MAJOR: u32 = 136;

/// Opens a device in a tree; one with another number, or what is none, is refused without opening it.
fn open_device(tree: &Tree, path: &str, number: (u32, u32)) -> io::Result<OwnedFd> {
    let found = tree.find(path)?;
    let status = fs::fstat(&found)?;
    let device = (fs::major(status.st_rdev), fs::minor(status.st_rdev));
    if FileType::from_raw_mode(status.st_mode) != FileType::CharacterDevice || device != number {
        return Err(io::Error::other(format!("{path} is no terminal's device")));
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    Ok(fs::openat(CWD, path, flags, Mode::empty())?)
}

impl Pseudoterminal {
    /// Makes one in the devpts that is mounted on /dev/pts of a tree.
    pub fn open(tree: &Tree, size: Option<Size>) -> io::Result<Self> {
        let master = open_device(tree, "/dev/pts/ptmx", MULTIPLEXER)?;
        pty::unlockpt(&master)?;
        // The name is that of the C library, wherever the devpts is; its last part is the number.
        let name = pty::ptsname(&master, Vec::new())?;
        let name = name.to_string_lossy();
        let number = name.rsplit('/').next().unwrap_or_default();
        let path = format!("/dev/pts/{number}");
        let minor = number.parse().unwrap_or(u32::MAX);
        let slave = open_device(tree, &path, (SLAVE_MAJOR, minor))?;
        if let Some(size) = size {
            set_size(&master, size)?;
        }
        Ok(Self {
            master,
            slave,
            path,
        })
    }

    /// Gives the program's side to a user and nobody else.
    pub fn give_to(&self, user: u32) -> io::Result<()> {
        Ok(fs::fchown(
            &self.slave,
            Some(Uid::from_raw(user)),
            None::<Gid>,
        )?)
    }
}

/// Sets the size of a terminal.
pub fn set_size(terminal: impl AsFd, size: Size) -> io::Result<()> {
    let size = Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(termios::tcsetwinsize(terminal, size)?)
}

/// The size of a terminal, unless it is none or has none.
pub fn size_of(terminal: impl AsFd) -> Option<Size> {
    let size = termios::tcgetwinsize(terminal).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(Size {
        rows: size.ws_row,
        columns: size.ws_col,
    })
}
