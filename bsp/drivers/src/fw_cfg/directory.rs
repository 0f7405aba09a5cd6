//! The device's directory of files: their number, then for each its size, its key, two bytes of nothing, and its name.

/// Bytes of the number of files, and of a file's entry.
pub const COUNT: usize = 4;
pub const ENTRY: usize = 64;
/// Where an entry's key and name are.
const KEY: usize = 4;
const NAME: usize = 8;

/// How many files there are.
pub fn count(bytes: &[u8; COUNT]) -> u32 {
    u32::from_be_bytes(*bytes)
}

/// Size and key of an entry's file if that has a name.
pub fn find(entry: &[u8; ENTRY], name: &str) -> Option<(u32, u16)> {
    let (head, found) = entry.split_at(NAME);
    let end = found.iter().position(|&byte| byte == 0)?;
    if &found[..end] != name.as_bytes() {
        return None;
    }
    let size = u32::from_be_bytes(*head.first_chunk()?);
    let key = u16::from_be_bytes(*head[KEY..].first_chunk()?);
    Some((size, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_whole_names() {
        let mut entry = [0; ENTRY];
        entry[..NAME].copy_from_slice(&[0, 0, 0, 28, 0, 0x2a, 0, 0]);
        entry[NAME..NAME + 9].copy_from_slice(b"etc/ramfb");
        assert_eq!(find(&entry, "etc/ramfb"), Some((28, 0x2a)));
        assert_eq!(find(&entry, "etc/ram"), None);
        assert_eq!(find(&entry, "etc/ramfb2"), None);
        assert_eq!(
            find(&[b'x'; ENTRY], "etc/ramfb"),
            None,
            "a name without an end"
        );
        assert_eq!(count(&[0, 0, 1, 2]), 258);
    }
}
