//! What every container finds in /dev (the runtime specification's "Default Devices" and "Dev symbolic links"), in an
//! instance that nobody has mounted yet: no path of a container has a part in it.

use super::{create, memory_devices, within};
use crate::Result;
use crate::tty::console::CONTROLLING;
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::namespace::Creation;
use crate::vfs::super_block::ActiveSuperBlock;

/// Symbolic links, with what they contain.
const LINKS: [(&[u8], &[u8]); 5] = [
    (b"fd", b"/proc/self/fd"),
    (b"stdin", b"/proc/self/fd/0"),
    (b"stdout", b"/proc/self/fd/1"),
    (b"stderr", b"/proc/self/fd/2"),
    (b"ptmx", b"pts/ptmx"),
];

/// Directories for further file systems, with their permission bits.
const DIRECTORIES: [(&[u8], u32); 2] = [(b"pts", 0o755), (b"shm", 0o1777)];

/// Fills an instance.
///
/// # Errors
/// `ENOSPC` if it is too small; `ENOMEM`.
pub fn add_default_nodes(super_block: &ActiveSuperBlock) -> Result<()> {
    within(super_block, 0, |view| {
        let controlling: (&[u8], _) = (b"tty", CONTROLLING);
        for (name, device) in memory_devices::numbers().chain([controlling]) {
            let creation = Creation {
                kind: FileKind::CharacterDevice,
                permissions: 0o666,
                device,
                target: &[],
            };
            create(view, name, &creation)?;
        }
        for (name, target) in LINKS {
            let creation = Creation {
                kind: FileKind::SymbolicLink,
                permissions: 0o777,
                device: DeviceNumber::NONE,
                target,
            };
            create(view, name, &creation)?;
        }
        for (name, permissions) in DIRECTORIES {
            let creation = Creation::plain(FileKind::Directory, permissions);
            create(view, name, &creation)?;
        }
        Ok(())
    })
}
