//! The time that everything on a card bears, so that the same input gives the same bytes.
use anyhow::{Result, bail};
use fatfs::{Date, DateTime, Time, TimeProvider};

/// Without SOURCE_DATE_EPOCH: the start of 2025.
const FIXED: u64 = 1_735_689_600;
/// What FAT can say: from the start of 1980 to the end of 2107.
const FAT_YEARS: std::ops::Range<u64> = 315_532_800..4_354_819_200;

/// Seconds since 1970, from the variable that reproducible builds agree on.
pub fn source_date() -> Result<u64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => match text.parse() {
            Ok(seconds) if FAT_YEARS.contains(&seconds) => Ok(seconds),
            _ => bail!(
                "SOURCE_DATE_EPOCH={text}: not a number of seconds that gives a year from 1980 to 2107"
            ),
        },
        Err(_) => Ok(FIXED),
    }
}

/// A clock that stands still.
#[derive(Debug)]
pub struct FixedTime(DateTime);

impl FixedTime {
    /// The clock at `seconds` since 1970, UTC, a time that FAT can say.
    pub fn at(seconds: u64) -> Self {
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Years that start in March: a leap day is the last of one (Howard Hinnant, chrono-compatible date algorithms).
        let day = days + 719_468;
        let (era, day) = (day / 146_097, day % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = (era * 400 + year, month + 3);
        let (year, month) = (year + month / 13, (month - 1) % 12 + 1);
        Self(DateTime {
            date: Date {
                year: year as u16,
                month: month as u16,
                day: day as u16,
            },
            time: Time {
                hour: (second / 3_600) as u16,
                min: (second / 60 % 60) as u16,
                sec: (second % 60) as u16,
                millis: 0,
            },
        })
    }
}

impl TimeProvider for FixedTime {
    fn get_current_date(&self) -> Date {
        self.0.date
    }

    fn get_current_date_time(&self) -> DateTime {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_calendar() {
        for (seconds, date, time) in [
            (FIXED, (2025, 1, 1), (0, 0, 0)),
            (FAT_YEARS.start, (1980, 1, 1), (0, 0, 0)),
            (FAT_YEARS.end - 1, (2107, 12, 31), (23, 59, 59)),
            (1_709_210_096, (2024, 2, 29), (12, 34, 56)),
            (4_107_542_400, (2100, 3, 1), (0, 0, 0)),
        ] {
            let DateTime { date: d, time: t } = FixedTime::at(seconds).0;
            assert_eq!((d.year, d.month, d.day), date);
            assert_eq!((t.hour, t.min, t.sec), time);
        }
    }
}
