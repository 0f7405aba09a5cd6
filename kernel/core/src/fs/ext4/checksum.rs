//! The checksum of ext4's metadata and of its journal: CRC32C.

use crc::{Algorithm, CRC_32_ISCSI, Crc, Table};

/// CRC32C without the final inversion, as sums are continued.
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&Algorithm {
    xorout: 0,
    ..CRC_32_ISCSI
});

/// The sum of bytes that follow others, whose sum is `before`; `u32::MAX` if they are the first. It isn't inverted at the
/// end.
pub fn crc32c(before: u32, bytes: &[u8]) -> u32 {
    // The crate wants the start as the polynomial is written, not as sums are kept.
    let mut digest = CRC32C.digest_with_initial(before.reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn sums_are_crc32c_and_go_on() {
        // The check value of CRC-32C for "123456789" is its inversion.
        assert_eq!(crc32c(u32::MAX, b"123456789"), !0xe306_9283);
        assert_eq!(crc32c(crc32c(u32::MAX, b"12345"), b"6789"), !0xe306_9283);
    }
}
