//! The jail: a property of a process that it takes on by itself and can't lose, inherited by every child.

use core::sync::atomic::{AtomicU32, Ordering};

use gantry_abi::jail::{JailKind, JailState};

use super::Context;
use crate::task::Current;
use crate::tty::console;
use crate::{Errno, Result};

/// The jail of one process.
#[derive(Debug, Default)]
pub struct Jail {
    state: AtomicU32,
}

impl Jail {
    /// What a child of a process in this jail starts with.
    pub fn inherit(&self) -> Self {
        Jail {
            state: AtomicU32::new(self.state.load(Ordering::Relaxed)),
        }
    }

    /// The jails that hold now.
    pub fn state(&self) -> JailState {
        JailState::from_bits_truncate(self.state.load(Ordering::Relaxed))
    }

    /// Whether any jail holds.
    pub fn is_jailed(&self) -> bool {
        self.state.load(Ordering::Relaxed) != 0
    }

    /// Takes on a jail.
    pub fn enter(&self, kind: JailKind) {
        self.state.fetch_or(kind.state().bits(), Ordering::Relaxed);
    }

    /// Ends the jail that lasts until exec.
    pub(super) fn leave_at_exec(&self) {
        self.state
            .fetch_and(!JailState::UNTIL_EXEC.bits(), Ordering::Relaxed);
    }
}

/// Refuses a jailed caller: `EPERM`. Each call that section "Jail" of the container interface lists asks
/// here before it looks at anything else.
pub fn refuse(current: &Current) -> Result<()> {
    if current.process().contexts().jail().is_jailed() {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// Refuses a caller that may not make device nodes: a jailed one, and every one in a container's VFS root context. What a
/// container has of devices is put there from outside. `EPERM`.
pub fn refuse_making_devices(current: &Current) -> Result<()> {
    refuse(current)?;
    let root = current.process().contexts().vfs_root();
    if root.is_some_and(|root| root.life().is_boot()) {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

/// A character device's major and minor number.
pub type DeviceNumber = (u32, u32);

/// Refuses a jailed caller the device node with these numbers unless every program may have it:
/// null, zero, full, random, urandom, tty, ptmx and pseudoterminals (Linux's numbers,
/// Documentation/admin-guide/devices.txt), and the console if it is the caller's own terminal. `EPERM`.
pub fn refuse_device(current: &Current, is_block: bool, device: DeviceNumber) -> Result<()> {
    if !is_block && (is_harmless(device) || is_own_console(current, device)) {
        return Ok(());
    }
    refuse(current)
}

/// Whether it is the console's node and the console the controlling terminal of the caller.
fn is_own_console(current: &Current, (major, minor): DeviceNumber) -> bool {
    console::CONSOLE == crate::vfs::DeviceNumber::new(major, minor)
        && console::terminal().is_some_and(|terminal| terminal.controls(current.process()))
}

fn is_harmless(device: DeviceNumber) -> bool {
    match device {
        // null, zero, full, random, urandom
        (1, 3 | 5 | 7 | 8 | 9) => true,
        // tty, ptmx
        (5, 0 | 2) => true,
        // pseudoterminals
        (136..=143, _) => true,
        _ => false,
    }
}

/// `prctl(PR_SET_JAIL, how)`: `EINVAL` for an unknown kind.
pub fn set(current: &Current, how: u64) -> Result<usize> {
    let kind = i32::try_from(how)
        .ok()
        .and_then(JailKind::from_number)
        .ok_or(Errno::EINVAL)?;
    current.process().contexts().jail().enter(kind);
    Ok(0)
}

/// `prctl(PR_GET_JAIL)`: the bits of [`JailState`].
pub fn get(current: &Current) -> usize {
    current.process().contexts().jail().state().bits() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_ends_only_the_jail_until_exec() {
        let jail = Jail::default();
        jail.enter(JailKind::UntilExec);
        jail.enter(JailKind::UntilExit);
        let child = jail.inherit();
        jail.leave_at_exec();
        assert_eq!(jail.state(), JailState::UNTIL_EXIT);
        assert_eq!(child.state(), JailState::all());
    }

    #[test]
    fn only_listed_devices_are_harmless() {
        assert!(is_harmless((1, 3)));
        assert!(is_harmless((136, 7)));
        // memory, kernel log, serial lines, the console
        for device in [(1, 1), (1, 11), (204, 64), (4, 64), (5, 1)] {
            assert!(!is_harmless(device));
        }
    }
}
