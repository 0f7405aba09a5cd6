//! Times of entries: local time in steps of two seconds for changes, days for accesses.

use super::options::Options;
use hadris_fat_raw::date;
use hadris_fs::DateTime;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
const MINUTE: i64 = 60;

/// Nanoseconds since 1970 of a date and a time; 0 for those that there aren't.
pub fn decode(options: &Options, date: u16, time: u16) -> i64 {
    let local = date::decode(date, time, 0, None).map_or(0, |local| local.unix_seconds());
    if local == 0 {
        return 0;
    }
    (local - i64::from(options.time_offset) * MINUTE) * SECOND
}

/// Date, time and hundredths of a second above it, for nanoseconds since 1970. What is out of range becomes the nearest
/// that isn't.
pub fn encode(options: &Options, time: i64) -> (u16, u16, u8) {
    let local = time.div_euclid(SECOND) + i64::from(options.time_offset) * MINUTE;
    let nanoseconds = time.rem_euclid(SECOND) as u32;
    match DateTime::new(local, nanoseconds) {
        Ok(local) => date::encode(local, None),
        Err(_) => date::MIN,
    }
}

/// The time of a change as it can be kept.
pub fn round_change(time: i64) -> i64 {
    time - time.rem_euclid(2 * SECOND)
}

/// The time of an access as it can be kept: midnight.
pub fn round_access(options: &Options, time: i64) -> i64 {
    let offset = i64::from(options.time_offset) * MINUTE * SECOND;
    time - (time + offset).rem_euclid(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_kept_as_local_ones() {
        let ahead = Options {
            time_offset: 120,
            ..Options::default()
        };
        // 2001-09-09 01:46:40 UTC.
        let time = 1_000_000_000 * SECOND;
        let (date, clock, _) = encode(&ahead, time);
        assert_eq!(clock, 3 << 11 | 46 << 5 | 20);
        assert_eq!(decode(&ahead, date, clock), time);
        assert_eq!(
            decode(&Options::default(), date, clock),
            time + 7200 * SECOND
        );
        let midnight = round_access(&ahead, time);
        assert_eq!(midnight, time - (3 * 3600 + 46 * 60 + 40) * SECOND);
        assert_eq!(decode(&ahead, 0, 0), 0);
        assert_eq!(encode(&ahead, -5), date::MIN);
        assert_eq!(encode(&ahead, i64::MAX), date::MAX);
    }
}
