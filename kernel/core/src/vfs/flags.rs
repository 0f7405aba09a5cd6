//! Flags of opened files, with arm64 Linux's numbers (asm-generic/fcntl.h and arch/arm64's fcntl.h).

use bitflags::bitflags;

bitflags! {
    /// What open(2) was given. The access mode is in the two lowest bits: see [`OpenFlags::can_read`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Write only.
        const WRITE_ONLY = 0o1;
        /// Read and write.
        const READ_WRITE = 0o2;
        /// Create the file if it does not exist.
        const CREATE = 0o100;
        /// With `CREATE`: fail if it exists.
        const EXCLUSIVE = 0o200;
        /// A terminal does not become the controlling one.
        const NO_CONTROLLING_TERMINAL = 0o400;
        /// Cut the file to nothing.
        const TRUNCATE = 0o1000;
        /// Each write goes to the end.
        const APPEND = 0o2000;
        /// Calls that would wait return `EAGAIN`.
        const NON_BLOCKING = 0o4000;
        /// Writes return when the data is on the device.
        const DATA_SYNC = 0o10000;
        /// `SIGIO` when the file is ready.
        const ASYNC = 0o20000;
        /// Fail unless it is a directory.
        const DIRECTORY = 0o40000;
        /// Fail if the last component is a symbolic link.
        const NO_FOLLOW = 0o100_000;
        /// No caching.
        const DIRECT = 0o200_000;
        /// Accept files beyond 2 GiB.
        const LARGE_FILE = 0o400_000;
        /// Don't move the access time.
        const NO_ACCESS_TIME = 0o1_000_000;
        /// The descriptor closes at exec.
        const CLOSE_ON_EXEC = 0o2_000_000;
        /// Like `DATA_SYNC`, attributes too (with its bit).
        const SYNC = 0o4_000_000;
        /// Only the place: no reading or writing.
        const PATH = 0o10_000_000;
        /// A file without a name (with `DIRECTORY`).
        const TEMPORARY = 0o20_000_000;
    }
}

/// Mask of the access mode.
const ACCESS_MODE: u32 = 0o3;

impl OpenFlags {
    /// Read only.
    pub const READ_ONLY: Self = Self::empty();

    /// What fcntl's `F_SETFL` changes.
    pub const CHANGEABLE: Self = Self::APPEND
        .union(Self::NON_BLOCKING)
        .union(Self::ASYNC)
        .union(Self::DIRECT)
        .union(Self::NO_ACCESS_TIME);

    /// Whether the access mode lets read. Mode 3 (a device opened for ioctl alone) reads and writes nothing.
    #[inline]
    pub const fn can_read(self) -> bool {
        matches!(self.bits() & ACCESS_MODE, 0 | 2) && !self.contains(Self::PATH)
    }

    /// Whether the access mode lets write.
    #[inline]
    pub const fn can_write(self) -> bool {
        matches!(self.bits() & ACCESS_MODE, 1 | 2) && !self.contains(Self::PATH)
    }

    /// The permissions that opening asks for, as a mask of access(2): mode 3 asks for both.
    pub const fn wanted_access(self) -> u32 {
        match self.bits() & ACCESS_MODE {
            0 => 4,
            1 => 2,
            _ => 6,
        }
    }
}
