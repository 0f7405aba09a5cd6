//! What travels with data: credentials and open files (SCM_CREDENTIALS, SCM_RIGHTS).

use alloc::sync::Arc;
use alloc::vec::Vec;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::vfs::File;

/// Most files in one message (SCM_MAX_FD of Linux's include/net/scm.h).
pub const MAXIMUM_FILES: usize = 253;

/// `struct ucred`. The process number is the one the receiver sees.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct PeerCredentials {
    /// Process number.
    pub pid: i32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// What was sent along with bytes.
#[derive(Default)]
pub struct Control {
    /// Who sent, by the host's process number; translated for the receiver.
    pub sender: Option<Sender>,
    /// Open files, installed at the receiver.
    pub files: Vec<Arc<File>>,
}

/// A sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The host's process number.
    pub host_pid: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Control {
    /// Nothing but the sender.
    pub fn from(sender: Option<Sender>) -> Control {
        Control {
            sender,
            files: Vec::new(),
        }
    }

    /// Whether it must stay with its bytes: reading stops before the next such mark.
    pub fn is_mark(&self) -> bool {
        !self.files.is_empty()
    }
}
