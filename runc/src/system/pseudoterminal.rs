//! Pseudoterminals, made in the devpts of a container.

use super::tree::Tree;
use rustix::fs::{self, Gid, OFlags, Uid};
use rustix::pty::{self, OpenptFlags};
use rustix::termios::{self, Winsize};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

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

impl Pseudoterminal {
    /// Makes one in the devpts that is mounted on /dev/pts of a tree.
    pub fn open(tree: &Tree, size: Option<Size>) -> io::Result<Self> {
        let master = tree.open("/dev/pts/ptmx", OFlags::RDWR | OFlags::NOCTTY)?;
        pty::unlockpt(&master)?;
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = pty::ioctl_tiocgptpeer(&master, flags)?;
        // The name is that of the C library, wherever the devpts is; its last part is the number.
        let name = pty::ptsname(&master, Vec::new())?;
        let name = name.to_string_lossy();
        let number = name.rsplit('/').next().unwrap_or_default();
        if let Some(size) = size {
            set_size(&master, size)?;
        }
        Ok(Self {
            path: format!("/dev/pts/{number}"),
            master,
            slave,
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
