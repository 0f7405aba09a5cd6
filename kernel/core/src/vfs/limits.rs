//! The caller's resource limits that concern files.

use crate::task::{Resource, Thread};

/// The caller's `RLIMIT_FSIZE` in bytes; the kernel's own writes have none.
pub fn file_size() -> u64 {
    limit(Resource::FileSize)
}

/// The caller's `RLIMIT_NOFILE`.
pub fn open_files() -> u64 {
    limit(Resource::OpenFiles)
}

fn limit(resource: Resource) -> u64 {
    hal::task::try_current::<Thread>().map_or(u64::MAX, |current| current.process().limit(resource))
}
