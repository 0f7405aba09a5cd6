//! Kinds of files and the mode bits that carry them (inode(7)).

/// Mask of the kind in a mode (`S_IFMT`).
pub const KIND_MASK: u32 = 0o170_000;
/// Permission bits with set-user-id, set-group-id and sticky.
pub const PERMISSION_MASK: u32 = 0o7777;
/// Set-user-id bit.
pub const SET_USER_ID: u32 = 0o4000;
/// Set-group-id bit.
pub const SET_GROUP_ID: u32 = 0o2000;
/// Sticky bit: in such a directory only the owner of a file may remove or rename it.
pub const STICKY: u32 = 0o1000;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FileKind {
    /// Bytes.
    Regular,
    /// Names.
    Directory,
    /// A path to go on with.
    SymbolicLink,
    /// A device read as a stream of bytes.
    CharacterDevice,
    /// A device of blocks.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket bound to a name.
    Socket,
}

impl FileKind {
    /// The kind's bits in a mode.
    pub const fn mode_bits(self) -> u32 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharacterDevice => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice => 0o060_000,
            Self::Regular => 0o100_000,
            Self::SymbolicLink => 0o120_000,
            Self::Socket => 0o140_000,
        }
    }

    /// The kind that a mode's bits name; `None` for bits that name none.
    pub const fn from_mode(mode: u32) -> Option<Self> {
        Some(match mode & KIND_MASK {
            0o010_000 => Self::Fifo,
            0o020_000 => Self::CharacterDevice,
            0o040_000 => Self::Directory,
            0o060_000 => Self::BlockDevice,
            0o100_000 => Self::Regular,
            0o120_000 => Self::SymbolicLink,
            0o140_000 => Self::Socket,
            _ => return None,
        })
    }

    /// The `d_type` of a directory entry (readdir(3)).
    pub const fn directory_entry_type(self) -> u8 {
        (self.mode_bits() >> 12) as u8
    }

    /// Whether this is a character or a block device.
    pub const fn is_device(self) -> bool {
        matches!(self, Self::CharacterDevice | Self::BlockDevice)
    }
}

/// A device's number as makedev(3) splits it: 12 bits of major, 20 of minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

impl DeviceNumber {
    /// No device.
    pub const NONE: Self = Self { major: 0, minor: 0 };

    /// The device of these numbers.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The form that `stat`, `mknod` and `statx` share (Linux's `new_encode_dev`).
    pub const fn encode(self) -> u32 {
        (self.minor & 0xff) | ((self.major & 0xfff) << 8) | ((self.minor & !0xff) << 12)
    }

    /// The reverse of [`Self::encode`].
    pub const fn decode(value: u32) -> Self {
        Self {
            major: (value >> 8) & 0xfff,
            minor: (value & 0xff) | ((value >> 12) & 0xf_ff00),
        }
    }
}
