//! `sockaddr_un`: a path, an abstract name, or nothing (unix(7)).

use alloc::vec::Vec;

use hal::user::{self, UserAddr};

use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;

/// The family of these sockets.
pub const AF_UNIX: u16 = 1;

/// Bytes of a `sockaddr_un`.
const ADDRESS_BYTES: usize = 110;

/// Where the path begins in it.
const PATH_START: usize = 2;

/// The address of a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Address {
    /// Never bound.
    #[default]
    Unnamed,
    /// A path, without NUL.
    Path(Vec<u8>),
    /// A name outside of the file system: all bytes behind the first NUL.
    Abstract(Vec<u8>),
}

impl Address {
    /// Reads an address of `length` bytes. A length that ends before the path is the unnamed address.
    ///
    /// # Errors
    /// EINVAL: the length is wrong, or another family. EFAULT, ENOMEM.
    pub fn read(address: UserAddr, length: usize) -> Result<Address> {
        if !(PATH_START..=ADDRESS_BYTES).contains(&length) {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; ADDRESS_BYTES];
        let bytes = bytes.get_mut(..length).ok_or(Errno::EINVAL)?;
        user::copy_from_user(bytes, address)?;
        Address::parse(bytes)
    }

    /// From the bytes of a `sockaddr_un`.
    ///
    /// # Errors
    /// EINVAL: too short, or another family. ENOMEM.
    pub fn parse(bytes: &[u8]) -> Result<Address> {
        let (Some(family), Some(path)) =
            (bytes.first_chunk::<PATH_START>(), bytes.get(PATH_START..))
        else {
            return Err(Errno::EINVAL);
        };
        if u16::from_ne_bytes(*family) != AF_UNIX {
            return Err(Errno::EINVAL);
        }
        let copy = |bytes: &[u8]| -> Result<Vec<u8>> {
            let mut copy = Vec::new();
            copy.make_room_exact(bytes.len())?;
            copy.extend_from_slice(bytes);
            Ok(copy)
        };
        match path.split_first() {
            None => Ok(Address::Unnamed),
            Some((0, name)) => Ok(Address::Abstract(copy(name)?)),
            Some(_) => {
                let end = path
                    .iter()
                    .position(|byte| *byte == 0)
                    .unwrap_or(path.len());
                Ok(Address::Path(copy(path.get(..end).unwrap_or(path))?))
            }
        }
    }

    /// As the bytes of a `sockaddr_un`, and their number: a path is followed by its NUL.
    pub fn to_bytes(&self) -> ([u8; ADDRESS_BYTES + 1], usize) {
        let mut bytes = [0; ADDRESS_BYTES + 1];
        let mut put = |start: usize, part: &[u8]| {
            for (byte, value) in bytes.iter_mut().skip(start).zip(part) {
                *byte = *value;
            }
        };
        put(0, &AF_UNIX.to_ne_bytes());
        let length = match self {
            Address::Unnamed => PATH_START,
            Address::Path(path) => {
                put(PATH_START, path);
                PATH_START + path.len() + 1
            }
            Address::Abstract(name) => {
                put(PATH_START + 1, name);
                PATH_START + 1 + name.len()
            }
        };
        (bytes, length.min(ADDRESS_BYTES + 1))
    }

    /// Writes it to `target`, cut to the length at `length` (a `socklen_t`), where its real length goes.
    ///
    /// # Errors
    /// EFAULT; EINVAL: a negative length.
    pub fn write(&self, target: UserAddr, length: UserAddr) -> Result<()> {
        if target.0 == 0 {
            return Ok(());
        }
        let room = usize::try_from(user::read_value::<i32>(length)?).map_err(|_| Errno::EINVAL)?;
        let (bytes, size) = self.to_bytes();
        user::copy_to_user(target, bytes.get(..size.min(room)).unwrap_or(&[]))?;
        user::write_value(length, &(size as u32))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_there_and_back() {
        for address in [
            Address::Unnamed,
            Address::Path(b"/tmp/x".to_vec()),
            Address::Abstract(b"a\0b".to_vec()),
        ] {
            let (bytes, length) = address.to_bytes();
            assert_eq!(Address::parse(&bytes[..length]), Ok(address));
        }
    }

    #[test]
    fn other_families_and_short_ones_are_refused() {
        assert_eq!(Address::parse(&[1]), Err(Errno::EINVAL));
        assert_eq!(Address::parse(&[2, 0, b'x']), Err(Errno::EINVAL));
    }
}
