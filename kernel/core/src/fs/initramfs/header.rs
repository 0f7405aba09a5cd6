//! The header of an entry in the "newc" format (cpio(5)): a magic and thirteen numbers of eight hexadecimal digits.

/// Bytes of a header.
pub const HEADER_SIZE: usize = 110;

/// Which file an entry is, for hard links: device and inode.
pub type Identity = (u32, u32, u32);

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Device and inode.
    pub identity: Identity,
    /// Kind and permissions.
    pub mode: u32,
    /// Owner.
    pub owner: u32,
    /// Group.
    pub group: u32,
    /// Number of names of the file in the archive.
    pub links: u32,
    /// Time of the last change in seconds since 1970.
    pub modified: u32,
    /// Bytes of content.
    pub size: u32,
    /// Major and minor of a device node.
    pub device: (u32, u32),
    /// Bytes of the name with its NUL.
    pub name_length: u32,
    /// Sum of the content's bytes, in the variety that has one.
    pub checksum: Option<u32>,
}

impl Header {
    /// The header in these bytes; `None` if they are none.
    pub fn parse(raw: &[u8; HEADER_SIZE]) -> Option<Self> {
        let has_checksum = match raw.get(..6)? {
            b"070701" => false,
            b"070702" => true,
            _ => return None,
        };
        let mut numbers = [0u32; 13];
        for (number, digits) in numbers.iter_mut().zip(raw.get(6..)?.chunks_exact(8)) {
            for &digit in digits {
                *number = *number << 4 | char::from(digit).to_digit(16)?;
            }
        }
        let [
            inode,
            mode,
            owner,
            group,
            links,
            modified,
            size,
            major,
            minor,
            device_major,
            device_minor,
            name_length,
            sum,
        ] = numbers;
        Some(Self {
            identity: (major, minor, inode),
            mode,
            owner,
            group,
            links,
            modified,
            size,
            device: (device_major, device_minor),
            name_length,
            checksum: has_checksum.then_some(sum),
        })
    }
}
