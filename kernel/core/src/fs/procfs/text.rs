//! Files whose text is made when it is read.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::task::{self, Current};
use crate::vfs::{Destination, File, FileOperations, Positions, Source};
use crate::{Errno, Result};

/// A written value is at most this long.
const STORE_LIMIT: usize = 4096;

/// Text that grows fallibly. Formatting into it never fails; [`Text::finish`] tells of missing memory.
#[derive(Default)]
pub struct Text {
    bytes: Vec<u8>,
    failed: bool,
}

impl Text {
    /// Appends bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed || self.bytes.make_room(bytes.len()).is_err() {
            self.failed = true;
            return;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends formatted text.
    pub fn add(&mut self, arguments: fmt::Arguments<'_>) {
        // Missing memory is remembered in `failed`.
        let _ = fmt::Write::write_fmt(self, arguments);
    }

    /// Appends a name or path with blanks, newlines and backslashes in octal, as in /proc/mounts.
    pub fn push_escaped(&mut self, bytes: &[u8], special: &[u8]) {
        for &byte in bytes {
            if special.contains(&byte) {
                self.add(format_args!("\\{byte:03o}"));
            } else {
                self.push(&[byte]);
            }
        }
    }

    /// Bytes so far.
    pub fn position(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes.
    ///
    /// # Errors
    /// `ENOMEM` if some didn't fit into memory.
    pub fn finish(self) -> Result<Vec<u8>> {
        if self.failed {
            Err(Errno::ENOMEM)
        } else {
            Ok(self.bytes)
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// What makes the text of a file, and takes what is written to it.
pub trait TextSource: Send + Sync {
    /// Writes the text as the reader sees it.
    ///
    /// # Errors
    /// `ESRCH` when what it tells of is gone or out of the reader's sight; `ENOMEM`.
    fn show(&self, reader: &Current, text: &mut Text) -> Result<()>;

    /// Takes a value.
    ///
    /// # Errors
    /// `EACCES` for files that can't be written; the value's own.
    fn store(&self, _writer: &Current, _value: &[u8]) -> Result<()> {
        Err(Errno::EACCES)
    }
}

/// An open file of made text: it is made anew at each read from the start.
pub struct TextFile {
    source: Box<dyn TextSource>,
    made: Mutex<Vec<u8>>,
}

impl TextFile {
    /// Opens the text of `source`.
    pub fn open(source: Box<dyn TextSource>) -> Box<dyn FileOperations> {
        Box::new(TextFile {
            source,
            made: Mutex::new(Vec::new()),
        })
    }
}

impl FileOperations for TextFile {
    fn read(
        &self,
        _file: &File,
        destination: &mut Destination<'_>,
        position: &mut u64,
    ) -> Result<usize> {
        let mut made = self.made.lock();
        if *position == 0 {
            let mut text = Text::default();
            self.source.show(&task::current(), &mut text)?;
            *made = text.finish()?;
        }
        let start = usize::try_from(*position).unwrap_or(usize::MAX);
        let rest = made.get(start..).unwrap_or_default();
        let count = destination.write(rest)?;
        *position += count as u64;
        Ok(count)
    }

    fn write(&self, _file: &File, source: &mut Source<'_>, position: &mut u64) -> Result<usize> {
        let mut value = [0; STORE_LIMIT];
        let length = source.remaining();
        let value = value.get_mut(..length).ok_or(Errno::EINVAL)?;
        let count = source.read(value)?;
        let value = value.get(..count).unwrap_or_default();
        let stored = self
            .source
            .store(&task::current(), value.strip_suffix(b"\n").unwrap_or(value));
        if let Err(error) = stored {
            source.disown();
            return Err(error);
        }
        *position += count as u64;
        Ok(count)
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Makes a text for its reader.
pub type Show = fn(&Current, &mut Text) -> Result<()>;
/// Takes the value that a writer gives.
pub type Store = fn(&Current, &[u8]) -> Result<()>;

/// Text that depends on nothing but the reader.
pub struct Plain {
    /// Makes the text.
    pub show: Show,
    /// Takes a value, if it can be written.
    pub store: Option<Store>,
}

impl TextSource for Plain {
    fn show(&self, reader: &Current, text: &mut Text) -> Result<()> {
        (self.show)(reader, text)
    }

    fn store(&self, writer: &Current, value: &[u8]) -> Result<()> {
        match self.store {
            Some(store) => store(writer, value),
            None => Err(Errno::EACCES),
        }
    }
}
