//! Text for people: what comes from outside, made fit for one line of a terminal; tables, ages, sizes.

use std::time::Duration;

/// `text` with control characters escaped, so that a file's contents can't move the cursor or break lines.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `text` as a shell would have to be given it: bare if that is unambiguous, else in single quotes.
pub fn quoted(text: &str) -> String {
    let bare =
        |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    if !text.is_empty() && text.chars().all(bare) {
        return text.to_owned();
    }
    format!("'{}'", shown(text).replace('\'', r"'\''"))
}

/// A table: every column as wide as its widest cell, two spaces between columns.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How long ago something was, in the largest unit that says something.
pub fn age(age: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let seconds = age.as_secs();
    let unit = UNITS.iter().find(|(length, _)| seconds >= *length);
    match unit.map(|(length, name)| (seconds / length, name)) {
        None => "now".to_owned(),
        Some((1, name)) => format!("1 {name} ago"),
        Some((count, name)) => format!("{count} {name}s ago"),
    }
}

/// A size as people write it: a number of bytes, or with a suffix k, m or g for powers of 1024.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let (number, shift) = match lower.strip_suffix('b').unwrap_or(&lower) {
        text if text.ends_with('k') => (text.trim_end_matches('k'), 10),
        text if text.ends_with('m') => (text.trim_end_matches('m'), 20),
        text if text.ends_with('g') => (text.trim_end_matches('g'), 30),
        text => (text, 0),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .ok_or_else(|| "expected a size such as 4096, 512k, 64m or 1g".to_owned())
}

/// A length of time as people write it: 300ms, 5s, 1m30s, 2h; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a length of time such as 300ms, 5s or 1m30s".to_owned();
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let mut whole = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|character: char| !character.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, unit) = rest.split_at(digits);
        let length = unit
            .find(|character: char| character.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, after) = unit.split_at(length);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = match unit {
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => number.checked_mul(60).map(Duration::from_secs),
            "h" => number.checked_mul(3600).map(Duration::from_secs),
            _ => None,
        };
        whole = part
            .and_then(|part| whole.checked_add(part))
            .ok_or_else(wrong)?;
        rest = after;
    }
    if text.is_empty() {
        Err(wrong())
    } else {
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::{age, parse_duration, parse_size, quoted, shown, table};
    use std::time::Duration;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(shown("a\nb\u{1b}[2Jé"), r"a\nb\u{1b}[2Jé");
    }

    #[test]
    fn words_are_quoted_when_a_shell_would_need_it() {
        assert_eq!(quoted("/bin/sh"), "/bin/sh");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's a"), r"'it'\''s a'");
    }

    #[test]
    fn columns_are_aligned() {
        let rows =
            [["ID", "PID", "X"], ["é", "12345", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "ID  PID    X\né   12345\n");
    }

    #[test]
    fn ages_are_rounded_down() {
        for (seconds, text) in [
            (0, "now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (7_199, "1 hour ago"),
            (172_800, "2 days ago"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn sizes_and_lengths_of_time_are_read() {
        for (text, size) in [
            ("0", 0),
            ("4096", 4096),
            ("1k", 1024),
            ("64M", 64 << 20),
            ("2gb", 2 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(size), "{text}");
        }
        for text in ["", "k", "1.5m", "-1", "99999999999g", "1kk1"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
        for (text, milliseconds) in [
            ("5", 5_000),
            ("300ms", 300),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
        ] {
            let length = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(text), Ok(length), "{text}");
        }
        for text in ["", "s", "5x", "5s3", "99999999999999999999s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
