//! The boot contexts: id 1 of each type, held for ever.

use alloc::sync::Arc;

use hal::sync::Once;

use super::hostname::{Name, Names};
use super::life::Attachment;
use super::{Context, ContextSet, HostnameContext, Opened, ProcessList, VfsRootContext};
use crate::Result;
use crate::vfs::MountTable;

/// The host's name until somebody sets another, as Linux's default.
const FIRST_HOST_NAME: &[u8] = b"(none)";

/// The id of each of them.
pub const ID: u64 = 1;

static LIST: Once<Opened<ProcessList>> = Once::new();
static REST: Once<(Opened<VfsRootContext>, Opened<HostnameContext>)> = Once::new();

/// The boot list: its members see everyone.
pub fn process_list() -> &'static Arc<ProcessList> {
    LIST.call_once(
        || match ProcessList::registry().create(|id| Ok(ProcessList::new(id, true))) {
            Ok(hold) => hold,
            Err(error) => panic!("the boot process list could not be made: {error}"),
        },
    )
    .context()
}

/// The contexts of the first process: the boot list, a VFS root made straight from the initial file
/// system, and a hostname context. Called once, before any other context is made.
///
/// # Errors
/// `ENOMEM`.
pub fn first_set(root: Arc<MountTable>) -> Result<ContextSet> {
    let list = Arc::clone(process_list());
    let vfs_root = VfsRootContext::registry().create(|id| Ok(VfsRootContext::new(id, root)))?;
    let name = Name::new(FIRST_HOST_NAME)?;
    let names = Names {
        host: name,
        domain: name,
    };
    let hostname = HostnameContext::registry().create(|id| Ok(HostnameContext::new(id, names)))?;
    let set = ContextSet {
        process_list: Attachment::new(list)?,
        vfs_root: Attachment::new(Arc::clone(vfs_root.context()))?,
        hostname: Attachment::new(Arc::clone(hostname.context()))?,
    };
    REST.call_once(|| (vfs_root, hostname));
    Ok(set)
}
