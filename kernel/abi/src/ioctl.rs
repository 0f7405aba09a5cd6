//! ioctl requests on a context descriptor and the structures they take.
//!
//! Request numbers are built as Linux builds them (asm-generic/ioctl.h): bits 0-7 the number, 8-15 the
//! letter, 16-29 the size of the structure, 30 the caller writes it, 31 the caller reads it.

use crate::context::{ContextState, ContextType};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const WRITE: u32 = 1;
const READ: u32 = 2;
const LETTER: u32 = b'u' as u32;

const fn request(direction: u32, number: u32, size: usize) -> u32 {
    assert!(size < 1 << 14 && number < 256);
    direction << 30 | (size as u32) << 16 | LETTER << 8 | number
}

const fn plain(number: u32) -> u32 {
    request(0, number, 0)
}

/// VFS root, before create. The argument is a directory's descriptor; a negative one means a fresh RAMFS.
pub const ATTACH_ROOT_FILESYSTEM_AT_FD: u32 = plain(1);
/// Every type. Fills a [`ContextInfo`].
pub const GET_INFO: u32 = request(READ, 2, size_of::<ContextInfo>());
/// VFS root, created. Returns a new O_PATH descriptor of the context's root directory.
pub const OPEN_ROOT: u32 = plain(3);
/// Hostname. Takes a [`UserBuffer`] with the name; length rules are those of `sethostname`.
pub const SET_HOSTNAME: u32 = request(WRITE, 4, size_of::<UserBuffer>());
/// Process list, created. The argument is a signal number for every member; 0 tests.
pub const SIGNAL: u32 = plain(5);
/// Process list, created. Takes a [`UserBuffer`] of 32-bit host numbers, its length in bytes; returns how
/// many members there are, however many fit.
pub const LIST_PIDS: u32 = request(WRITE, 6, size_of::<UserBuffer>());
/// Process list, created. Stops every member and returns when they are stopped.
pub const FREEZE: u32 = plain(7);
/// Process list, created. Lets every member go on.
pub const THAW: u32 = plain(8);
/// VFS root, created. Takes a [`UserBuffer`] for the mount table as text, in the form of
/// /proc/self/mountinfo; returns the text's whole length in bytes, however much fits.
pub const LIST_MOUNTS: u32 = request(WRITE, 9, size_of::<UserBuffer>());

/// VFS root, created. Takes a [`RestrictPath`]: makes what is at a path of the context read-only or hides it, as an
/// attribute of the context's mount table that no process can take back. Links are followed inside the context.
///
/// Errors: EPERM without the privilege to mount or in a jail; EINVAL for an unknown restriction; ENOENT, ENOTDIR and
/// ELOOP of the path; EBUSY when the root would be hidden or a file is open for writing; ENOMEM.
pub const RESTRICT_PATH: u32 = request(WRITE, 10, size_of::<RestrictPath>());

/// Hostname. Takes a [`UserBuffer`] with the NIS domain name; length rules are those of `setdomainname`.
pub const SET_DOMAIN_NAME: u32 = request(WRITE, 11, size_of::<UserBuffer>());

/// Process list, created. Writes how many members have ended for want of memory, a 64-bit number. Until it is asked
/// again through the same opening after one more has, the descriptor polls `POLLPRI`.
pub const MEMORY_KILLS: u32 = request(READ, 12, size_of::<u64>());

/// A length in bytes and an address in the caller's memory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UserBuffer {
    /// Length in bytes.
    pub length: u64,
    /// Address of the first byte.
    pub address: u64,
}

/// What [`RESTRICT_PATH`] takes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct RestrictPath {
    /// Address of the path, which ends with a zero byte.
    pub path: u64,
    /// Number of the [`PathRestriction`](crate::context::PathRestriction).
    pub restriction: u64,
}

/// What [`GET_INFO`] fills in and what reading a context descriptor returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ContextInfo {
    /// Number of the [`ContextType`].
    pub context_type: i32,
    /// Number of the [`ContextState`].
    pub state: u32,
    /// The id, counted from 1 for each type; 0 before the context is created.
    pub id: u64,
    /// Processes whose current context this is.
    pub attached_processes: u64,
    /// After-exec slots, of any process, that hold this context.
    pub pending_slots: u64,
    /// Open descriptions of this context: copies made by dup, fork or passing count once.
    pub open_descriptors: u64,
}

impl ContextInfo {
    /// The type; `None` if the number is unknown.
    pub const fn context_type(&self) -> Option<ContextType> {
        ContextType::from_number(self.context_type)
    }

    /// The state; `None` if the number is unknown.
    pub const fn state(&self) -> Option<ContextState> {
        ContextState::from_number(self.state)
    }
}
