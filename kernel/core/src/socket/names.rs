//! Which socket is bound to which name.
//!
//! A path name is the file it stands for, so that renaming it keeps the socket reachable. Abstract names belong to a
//! VFS root context: a container sees its own only, like its files.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use super::unix::UnixSocket;
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::sched::Mutex;

/// What a socket is bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The address of the inode of the socket file, which the bound socket keeps alive.
    File(usize),
    /// An abstract name in a VFS root context.
    Abstract(u64, Vec<u8>),
}

static NAMES: Mutex<BTreeMap<Name, Weak<UnixSocket>>> = Mutex::new(BTreeMap::new());

/// Enters a socket under a name.
///
/// # Errors
/// EADDRINUSE: another one has it. ENOMEM.
pub fn enter(name: Name, socket: &Arc<UnixSocket>) -> Result<()> {
    hal::frame::headroom()?;
    let mut names = NAMES.lock();
    match names.get(&name) {
        Some(other) if other.strong_count() > 0 => Err(Errno::EADDRINUSE),
        _ => {
            names.insert(name, Arc::downgrade(socket));
            Ok(())
        }
    }
}

/// Removes a name: its socket has been closed.
pub fn remove(name: &Name) {
    let removed = NAMES.lock().remove(name);
    drop(removed);
}

/// The socket bound to a name.
///
/// # Errors
/// ECONNREFUSED: there is none.
pub fn find(name: &Name) -> Result<Arc<UnixSocket>> {
    NAMES
        .lock()
        .get(name)
        .and_then(Weak::upgrade)
        .ok_or(Errno::ECONNREFUSED)
}

/// A free abstract name of five hexadecimal digits for a socket that is bound to no name in particular, entered.
///
/// # Errors
/// ENOSPC: all are taken. ENOMEM.
pub fn enter_any(context: u64, socket: &Arc<UnixSocket>) -> Result<Vec<u8>> {
    let first = crate::system::random::word();
    for offset in 0..0x10_0000u64 {
        let number = first.wrapping_add(offset) & 0xf_ffff;
        let mut digits = Vec::new();
        digits.make_room_exact(5)?;
        digits.extend((0..5).rev().map(|place| hexadecimal(number >> (4 * place))));
        match enter(Name::Abstract(context, digits.clone()), socket) {
            Ok(()) => return Ok(digits),
            Err(Errno::EADDRINUSE) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::ENOSPC)
}

fn hexadecimal(number: u64) -> u8 {
    match number & 0xf {
        digit @ 0..=9 => b'0' + digit as u8,
        digit => b'a' + (digit - 10) as u8,
    }
}
