//! Numbers of the private system calls. They lie outside Linux's table, whose numbers stay Linux's.

/// `unshare_open(type, flags)`: a new context descriptor, always close-on-exec.
pub const UNSHARE_OPEN: usize = 1024;
/// `unshare_create(fd)`: creates what the descriptor describes and returns its id.
pub const UNSHARE_CREATE: usize = 1025;
/// `unshare_enter(fd, flags)`: replaces the caller's context of that type.
pub const UNSHARE_ENTER: usize = 1026;
/// `unshare_reopen(type, id)`: a new descriptor of an existing context.
pub const UNSHARE_REOPEN: usize = 1027;
/// `copy_mount(from_dirfd, from_path, context_fd, to_path, flags)`: adds a mount to a context.
pub const COPY_MOUNT: usize = 1028;

/// The first and the last of the private numbers.
pub const PRIVATE_RANGE: core::ops::RangeInclusive<usize> = UNSHARE_OPEN..=COPY_MOUNT;
