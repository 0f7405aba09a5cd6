//! The file that keeps a container's output.
//!
//! Each line is one of Kubernetes' log format: the time, the stream, F for a whole line or P for a part of one
//! that goes on in the next entry of that stream, and the text. A file that has grown enough gets the number 1
//! added to its name, one with a number the next number, and the last one is removed.

use crate::system::folder::Folder;
use crate::time;
use std::fs::File;
use std::io::{self, Write};

/// The file's name in the container's folder.
pub const NAME: &str = "output.log";

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a file.
    pub size: u64,
    /// Files.
    pub files: u32,
}

/// The name of a file by its age: 0 is the one that is written.
pub fn name(age: u32) -> String {
    if age == 0 {
        NAME.to_owned()
    } else {
        format!("{NAME}.{age}")
    }
}

/// The open file.
pub struct LogFile {
    file: File,
    size: u64,
    limits: Limits,
}

impl LogFile {
    /// A new file in the container's folder.
    pub fn create(folder: &Folder, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            file: folder.create_file(NAME)?,
            size: 0,
            limits,
        })
    }

    /// Adds what a stream has brought.
    pub fn add(&mut self, folder: &Folder, stream: &str, bytes: &[u8]) -> io::Result<()> {
        let text = entries(&time::now_in_text(), stream, bytes);
        if self.size > 0 && self.size + text.len() as u64 > self.limits.size {
            self.rotate(folder)?;
        }
        self.size += text.len() as u64;
        self.file.write_all(&text)
    }

    fn rotate(&mut self, folder: &Folder) -> io::Result<()> {
        for age in (1..self.limits.files).rev() {
            match folder.rename(&name(age - 1), &name(age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = folder.create_file(NAME)?;
        self.size = 0;
        Ok(())
    }
}

fn entries(time: &str, stream: &str, bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + 64);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (line, tag) = match line.strip_suffix(b"\n") {
            Some(line) => (line, 'F'),
            None => (line, 'P'),
        };
        text.extend_from_slice(format!("{time} {stream} {tag} ").as_bytes());
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text
}

/// An entry of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When it was written.
    pub time: &'a str,
    /// It came from standard error.
    pub is_error: bool,
    /// It ends a line.
    pub ends: bool,
    /// The text.
    pub text: &'a [u8],
}

/// The entry that a line without its end is; `None`: it is none.
pub fn entry(line: &[u8]) -> Option<Entry<'_>> {
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    let time = std::str::from_utf8(parts.next()?).ok()?;
    let is_error = match parts.next()? {
        b"stdout" => false,
        b"stderr" => true,
        _ => return None,
    };
    let ends = match parts.next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    Some(Entry {
        time,
        is_error,
        ends,
        text: parts.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Entry, entries, entry};

    #[test]
    fn output_becomes_entries_and_back() {
        let text = entries("T", "stderr", b"a b\n\nrest");
        assert_eq!(text, b"T stderr F a b\nT stderr F \nT stderr P rest\n");
        let found: Vec<_> = text
            .split(|byte| *byte == b'\n')
            .filter_map(entry)
            .map(
                |Entry {
                     time,
                     is_error,
                     ends,
                     text,
                 }| (time, is_error, ends, text),
            )
            .collect();
        let expected: [(&str, bool, bool, &[u8]); 3] = [
            ("T", true, true, b"a b"),
            ("T", true, true, b""),
            ("T", true, false, b"rest"),
        ];
        assert_eq!(found, expected);
        assert_eq!(entry(b"T stdout X a"), None);
        assert_eq!(entry(b"T stdout F"), None);
    }
}
