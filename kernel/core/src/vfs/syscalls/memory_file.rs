//! memfd_create (memfd_create(2)).

use super::open::install;
use super::read_text;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::file::File;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::NewInode;
use crate::vfs::internal;
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::location::Location;
use crate::vfs::path_node::PathNode;
use crate::{Errno, Result};
use hal::user::UserAddr;

/// Longest name: NAME_MAX without the "memfd:" before it.
const NAME_LIMIT: usize = 249;
/// `MFD_CLOEXEC`, and `MFD_NOEXEC_SEAL`'s counterpart `MFD_EXEC`, which is the default.
const CLOSE_ON_EXEC: u32 = 1;
const EXECUTABLE: u32 = 0x10;

/// memfd_create(name, flags): a file without a name. Sealing and huge pages are not there: `EINVAL`.
pub fn memfd_create(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(1);
    if flags & !(CLOSE_ON_EXEC | EXECUTABLE) != 0 {
        return Err(Errno::EINVAL);
    }
    let name = read_text(UserAddr(arguments.u64(0)))?;
    if name.len() > NAME_LIMIT {
        return Err(Errno::EINVAL);
    }
    let mount = internal::file_mount()?;
    let credentials = current.credentials();
    let new = NewInode {
        kind: FileKind::Regular,
        permissions: 0o777,
        owner: credentials.fsuid,
        group: credentials.fsgid,
        device: DeviceNumber::NONE,
        target: &[],
    };
    let directory = mount.root().inode();
    let inode = directory.operations().create(directory, &name, &new)?;
    inode.attributes.set_links(0);
    let mut label = b"memfd:".to_vec();
    label.extend_from_slice(&name);
    let location = Location {
        node: PathNode::new_root(inode, &label),
        mount,
    };
    let open_flags = OpenFlags::READ_WRITE | OpenFlags::LARGE_FILE;
    let operations = location
        .inode()
        .operations()
        .open(location.inode(), &location, open_flags)?;
    install(
        current,
        File::new(location, operations, open_flags),
        flags & CLOSE_ON_EXEC != 0,
    )
}
