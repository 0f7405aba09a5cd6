//! Contexts: their types, states and the flags of the calls that handle them.

use bitflags::bitflags;

/// The type of a context. The numbers are the first argument of `unshare_open`.
///
/// 4 (network) and 5 (resources) are reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i32)]
pub enum ContextType {
    /// Which processes a member sees, and their numbers.
    ProcessList = 1,
    /// The file tree: a root directory and a private mount table.
    VfsRoot = 2,
    /// The name that `uname` and `gethostname` report.
    Hostname = 3,
}

impl ContextType {
    /// Every type, in the order of the numbers.
    pub const ALL: [Self; 3] = [Self::ProcessList, Self::VfsRoot, Self::Hostname];

    /// The type with this number; `None` for a number that no type has.
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            1 => Some(Self::ProcessList),
            2 => Some(Self::VfsRoot),
            3 => Some(Self::Hostname),
            _ => None,
        }
    }

    /// The number of this type.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The name of this type under `/proc/N/ns/` (namespaces(7)).
    pub const fn namespace_name(self) -> &'static str {
        match self {
            Self::ProcessList => "pid",
            Self::VfsRoot => "mnt",
            Self::Hostname => "uts",
        }
    }
}

/// The state of a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ContextState {
    /// Opened, being configured; it has no id yet.
    Described = 0,
    /// Created; it has had no member.
    Created = 1,
    /// It has members.
    Running = 2,
    /// It had members and has none. A process list never leaves this state; the other types may run again.
    Empty = 3,
    /// Gone.
    Destroyed = 4,
}

impl ContextState {
    /// The state with this number.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Described),
            1 => Some(Self::Created),
            2 => Some(Self::Running),
            3 => Some(Self::Empty),
            4 => Some(Self::Destroyed),
            _ => None,
        }
    }

    /// The state's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Described => "described",
            Self::Created => "created",
            Self::Running => "running",
            Self::Empty => "empty",
            Self::Destroyed => "destroyed",
        }
    }
}

/// What becomes of a path of a VFS root context. It can't be undone, and it holds for what is at the path when the
/// request is made: under whatever name that is reached later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum PathRestriction {
    /// It can't be written, nor what is mounted below it.
    ReadOnly = 1,
    /// It can't be seen: a directory is empty, any other file reads as an empty one; neither can be written. What is
    /// shown instead is the kernel's own, of the file system type `mask` in mountinfo.
    Masked = 2,
}

impl PathRestriction {
    /// The restriction with this number.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::ReadOnly),
            2 => Some(Self::Masked),
            _ => None,
        }
    }

    /// The number of this restriction.
    pub const fn number(self) -> u64 {
        self as u64
    }
}

bitflags! {
    /// Flags of `unshare_open`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Process lists only: when the last descriptor of this opening closes, every member gets SIGKILL.
        const KILL_ON_CLOSE = 1;
    }

    /// Flags of `unshare_enter`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct EnterFlags: u32 {
        /// Replace the caller's context now.
        const CURRENT_PROGRAM = 1;
        /// Replace it at the caller's next successful exec.
        const AFTER_EXEC = 2;
        /// Alone: drop what is pending for the descriptor's type.
        const CANCEL = 4;
    }

    /// Flags of `copy_mount`: restrictions added to those of the source. The numbers are those of
    /// Linux's `MOUNT_ATTR_*` and `MS_*` flags of the same names.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct CopyMountFlags: u32 {
        /// No writing.
        const READ_ONLY = 1;
        /// Set-user-id and set-group-id bits have no effect.
        const NO_SETUID = 2;
        /// Device nodes can't be opened.
        const NO_DEVICES = 4;
        /// Programs can't be executed.
        const NO_EXECUTE = 8;
    }
}

impl EnterFlags {
    /// Whether the kernel accepts this combination: one or both of the replacing flags, or `CANCEL` alone.
    pub const fn is_valid(self) -> bool {
        matches!(self.bits(), 1..=4)
    }
}
