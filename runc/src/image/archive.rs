//! Tar archives, read as a stream: entry after entry with its content. PAX records and GNU long names are
//! applied to the entry that they belong to, within limits; checksums are verified.

use crate::error::{Error, cause_in_words};
use std::io::{self, Read};
use tar_core::parse::{Limits, ParseEvent, ParsedEntry, Parser};
use tar_core::{EntryType, PaxExtensions};

/// Names up to this length are taken, so that a file can still be reached from the root of its layer.
const LONGEST_NAME: u32 = 4000;
/// The most that PAX records and long names of one entry may take, in bytes.
const LARGEST_METADATA: u32 = 1 << 20;
/// Archives are made of blocks of this many bytes.
const BLOCK: u64 = 512;

/// An archive, at some entry.
pub struct Archive<R> {
    source: R,
    parser: Parser,
    /// What the parser was given so far of the next header.
    header: Vec<u8>,
    /// How much of the entry's content was not read yet, and of the padding behind it.
    content: u64,
    padding: u64,
    position: u64,
}

/// An entry, without its content.
#[derive(Debug)]
pub struct Entry {
    /// Its name as it stands in the archive.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions and set-id bits.
    pub mode: u32,
    /// User id.
    pub owner: u64,
    /// Group id.
    pub group: u64,
    /// When it was modified: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    /// Extended attributes.
    pub extended: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where its content starts in the archive.
    pub position: u64,
    /// The length of its content.
    pub size: u64,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Directory,
    /// A symbolic link, with what it contains.
    SymbolicLink(Vec<u8>),
    /// A further name of the file that has this one.
    HardLink(Vec<u8>),
    Pipe,
    /// A block or character device.
    Device,
    /// A file that is stored without its holes.
    Sparse,
    /// A type that tar(5) does not define, by its letter.
    Other(u8),
}

impl<R: Read> Archive<R> {
    /// Reads an archive from its start.
    pub fn new(source: R) -> Self {
        let limits = Limits {
            max_metadata_size: LARGEST_METADATA,
            max_path_len: Some(LONGEST_NAME),
            ..Limits::default()
        };
        Self {
            source,
            parser: Parser::new(limits),
            header: Vec::new(),
            content: 0,
            padding: 0,
            position: 0,
        }
    }

    /// The next entry. What was not read of the last one's content is skipped.
    pub fn next(&mut self) -> Result<Option<Entry>, Error> {
        self.skip(self.content + self.padding)?;
        (self.content, self.padding) = (0, 0);
        self.header.clear();
        loop {
            let needed = match self.parser.parse(&self.header) {
                Ok(ParseEvent::NeedData { min_bytes }) => min_bytes,
                Ok(ParseEvent::Entry { entry, .. }) => {
                    let entry = Entry::new(&entry, self.position)?;
                    self.content = entry.size;
                    self.padding = entry.size.next_multiple_of(BLOCK) - entry.size;
                    return Ok(Some(entry));
                }
                Ok(ParseEvent::SparseEntry { entry, .. }) => {
                    let mut sparse = Entry::new(&entry, self.position)?;
                    sparse.kind = Kind::Sparse;
                    self.content = sparse.size;
                    self.padding = sparse.size.next_multiple_of(BLOCK) - sparse.size;
                    return Ok(Some(sparse));
                }
                // Defaults for all entries that follow: comments in practice, and ignored everywhere.
                Ok(ParseEvent::GlobalExtensions { .. }) => {
                    self.header.clear();
                    continue;
                }
                Ok(ParseEvent::End { .. }) => return Ok(None),
                Err(error) => return Err(Error::new(format!("not a valid archive: {error}"))),
            };
            if !self.read_header(needed)? {
                // Some writers leave the blocks out that mark the end.
                return Ok(None);
            }
        }
    }

    /// Reads on until the parser has `needed` bytes. False: the archive ends before a header.
    fn read_header(&mut self, needed: usize) -> Result<bool, Error> {
        let have = self.header.len();
        let missing = needed.saturating_sub(have) as u64;
        let read = self
            .source
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.header)
            .map_err(|error| Error::new(cause_in_words(&error)))?;
        self.position += read as u64;
        match read as u64 {
            0 if have == 0 => Ok(false),
            length if length == missing => Ok(true),
            _ => Err(Error::new("the archive ends inside a header")),
        }
    }

    fn skip(&mut self, length: u64) -> Result<(), Error> {
        let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())
            .map_err(|error| Error::new(cause_in_words(&error)))?;
        self.position += skipped;
        if skipped == length {
            Ok(())
        } else {
            Err(Error::new("the archive ends inside a file"))
        }
    }
}

/// The content of the current entry.
impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer
            .len()
            .min(usize::try_from(self.content).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(0);
        }
        let read = self.source.read(&mut buffer[..length])?;
        if read == 0 {
            return Err(io::Error::other("the archive ends inside a file"));
        }
        self.content -= read as u64;
        self.position += read as u64;
        Ok(read)
    }
}

impl Entry {
    fn new(entry: &ParsedEntry<'_>, position: u64) -> Result<Self, Error> {
        let target = || {
            entry
                .link_target
                .as_ref()
                .map_or(Vec::new(), |target| target.to_vec())
        };
        let kind = match entry.entry_type {
            // Before there was a type for directories, a slash at the end told them.
            EntryType::Regular if entry.path.ends_with(b"/") => Kind::Directory,
            EntryType::Regular | EntryType::Continuous => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::SymbolicLink(target()),
            EntryType::Link => Kind::HardLink(target()),
            EntryType::Fifo => Kind::Pipe,
            EntryType::Char | EntryType::Block => Kind::Device,
            EntryType::GnuSparse => Kind::Sparse,
            other => Kind::Other(other.to_byte()),
        };
        // Only files have content. Some writers set a size on links all the same, without any.
        let size = match kind {
            Kind::SymbolicLink(_) | Kind::HardLink(_) | Kind::Directory => 0,
            _ => entry.size,
        };
        if size > i64::MAX as u64 {
            return Err(Error::new("not a valid archive: a size out of range"));
        }
        let extended = entry.xattrs.iter();
        Ok(Self {
            name: entry.path.to_vec(),
            kind,
            mode: entry.mode & 0o7777,
            owner: entry.uid,
            group: entry.gid,
            modified: modified(entry),
            extended: extended
                .map(|(name, value)| (name.to_vec(), value.to_vec()))
                .collect(),
            position,
            size,
        })
    }
}

/// The time of modification: a PAX record has fractions of a second.
fn modified(entry: &ParsedEntry<'_>) -> (i64, u32) {
    let seconds = (i64::try_from(entry.mtime).unwrap_or(0), 0);
    let Some(records) = entry.pax else {
        return seconds;
    };
    let record = PaxExtensions::new(records)
        .filter_map(Result::ok)
        .find(|record| record.key_bytes() == b"mtime");
    record
        .and_then(|record| parse_time(record.value().ok()?))
        .unwrap_or(seconds)
}

/// Parses `SECONDS[.FRACTION]`; digits beyond nanoseconds are dropped.
fn parse_time(text: &str) -> Option<(i64, u32)> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: u32 = seconds.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some((i64::from(seconds), nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn times_have_fractions() {
        assert_eq!(parse_time("12"), Some((12, 0)));
        assert_eq!(parse_time("12.5"), Some((12, 500_000_000)));
        assert_eq!(parse_time("12.0000000019"), Some((12, 1)));
        for text in ["", ".5", "-1", "1.x", "1e9"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
