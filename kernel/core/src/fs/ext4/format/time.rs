//! Times: 32 bits of seconds, and 32 more for nanoseconds and the years after 2038.

use zerocopy::little_endian::U32;

const SECOND: i64 = 1_000_000_000;
/// Bits of the extra word that count epochs of 2^32 seconds.
const EPOCH_BITS: u32 = 2;

/// Nanoseconds since 1970; what is beyond their range is the end of it.
pub fn decode_time(seconds: U32, extra: U32) -> i64 {
    let epoch = i64::from(extra.get() & 3) << 32;
    let nanoseconds = i64::from(extra.get() >> EPOCH_BITS).min(SECOND - 1);
    (i64::from(seconds.get() as i32) + epoch)
        .saturating_mul(SECOND)
        .saturating_add(nanoseconds)
}

/// The two words of a time. Without the second, times are whole seconds between 1901 and 2038.
pub fn encode_time(time: i64, extended: bool) -> (U32, U32) {
    let seconds = time.div_euclid(SECOND);
    if !extended {
        let seconds = seconds.clamp(i32::MIN.into(), i32::MAX.into());
        return (U32::new(seconds as u32), U32::new(0));
    }
    let low = seconds as i32;
    let epoch = ((seconds - i64::from(low)) >> 32) as u32 & 3;
    let nanoseconds = time.rem_euclid(SECOND) as u32;
    (
        U32::new(low as u32),
        U32::new(nanoseconds << EPOCH_BITS | epoch),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        // 1901, 1969, 1970, 2038, 2106 and the last that nanoseconds in 64 bits can say.
        for seconds in [
            -0x8000_0000,
            -1,
            0,
            0x7fff_ffff,
            0x8000_0000,
            0x1_0000_0000,
            9_223_372_035,
        ] {
            let time = seconds * SECOND + 123_456_789;
            let (low, extra) = encode_time(time, true);
            assert_eq!(decode_time(low, extra), time);
        }
        // Linux's table of the epochs (Documentation/filesystems/ext4/inodes.rst).
        let (low, extra) = encode_time(0x8000_0000 * SECOND, true);
        assert_eq!((low.get(), extra.get()), (0x8000_0000, 1));
        let (low, extra) = encode_time(SECOND * 0x8000_0000, false);
        assert_eq!((low.get(), extra.get()), (0x7fff_ffff, 0));
    }
}
