//! The names of the applets in a BusyBox binary.
//!
//! BusyBox keeps them as one table of sorted, NUL-terminated names whose first are `[` and `[[`.
use std::str;

/// The applets of `binary`, none when it is not a BusyBox.
pub fn names(binary: &[u8]) -> Vec<String> {
    const START: &[u8] = b"[\0[[\0";
    let mut best = Vec::new();
    let mut from = 0;
    while let Some(found) = binary[from..]
        .windows(START.len())
        .position(|window| window == START)
    {
        let table = from + found;
        let names = sorted_names(&binary[table..]);
        if names.len() > best.len() {
            best = names;
        }
        from = table + 1;
    }
    best
}

fn sorted_names(table: &[u8]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in table.split(|&byte| byte == 0) {
        let Ok(name) = str::from_utf8(name) else {
            break;
        };
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"[_-.+".contains(&byte));
        if !is_name || names.last().is_some_and(|last| last.as_str() >= name) {
            break;
        }
        names.push(name.to_string());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_table_and_stops_at_its_end() {
        let binary = b"\x7fELF\0[\0[[\0other\0\0junk[\0[[\0ash\0cat\0ls\0\0\0zz\0";
        assert_eq!(names(binary), ["[", "[[", "ash", "cat", "ls"]);
    }

    #[test]
    fn finds_none_elsewhere() {
        assert!(names(b"nothing of the kind").is_empty());
    }
}
