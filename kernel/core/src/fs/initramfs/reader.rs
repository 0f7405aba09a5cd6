//! The bytes of an initramfs in order, whether they are compressed or not.

use super::gzip::Gzip;
use super::{Archive, UnpackError};
use hal::frame::Frame;

type Result<T> = core::result::Result<T, UnpackError>;

/// Bytes that are skipped or copied at once.
const PIECE: usize = 512;

/// Reads an archive from its start to its end.
pub struct Reader<A> {
    archive: A,
    /// How far the archive's own bytes are used.
    offset: usize,
    gzip: Option<Gzip>,
    /// A byte that was looked at.
    ahead: Option<u8>,
    /// Bytes since the start of this part: entries are aligned by it.
    position: usize,
}

impl<A: Archive> Reader<A> {
    /// A reader at the start.
    pub fn new(archive: A) -> Self {
        Self {
            archive,
            offset: 0,
            gzip: None,
            ahead: None,
            position: 0,
        }
    }

    /// The error for damage here.
    pub fn damaged(&self, what: &'static str) -> UnpackError {
        UnpackError::Damaged(what, self.offset)
    }

    /// Reads as much as there is of this part; 0 at its end.
    fn read(&mut self, target: &mut [u8]) -> Result<usize> {
        if let (Some(byte), Some(first)) = (self.ahead, target.first_mut()) {
            *first = byte;
            self.ahead = None;
            self.position += 1;
            return Ok(1);
        }
        let count = match &mut self.gzip {
            Some(gzip) => gzip.read(&self.archive, &mut self.offset, target)?,
            None => {
                let count = target.len().min(self.archive.length() - self.offset);
                if let Some(piece) = target.get_mut(..count)
                    && self.archive.read(self.offset, piece)
                {
                    self.offset += count;
                    count
                } else {
                    0
                }
            }
        };
        self.position += count;
        Ok(count)
    }

    /// Fills the whole target.
    pub fn read_exact(&mut self, target: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < target.len() {
            let count = self.read(target.get_mut(done..).unwrap_or(&mut []))?;
            if count == 0 {
                return Err(self.damaged("it ends too early"));
            }
            done += count;
        }
        Ok(())
    }

    /// Passes over bytes.
    pub fn skip(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        if self.gzip.is_none() && self.ahead.is_none() {
            if left > self.archive.length() - self.offset {
                return Err(self.damaged("it ends too early"));
            }
            self.offset += left;
            self.position += left;
            return Ok(());
        }
        let mut piece = [0; PIECE];
        while left > 0 {
            let length = left.min(PIECE);
            self.read_exact(piece.get_mut(..length).unwrap_or(&mut []))?;
            left -= length;
        }
        Ok(())
    }

    /// Passes over what fills a name or content up to a multiple of four. It may be missing at the very end.
    pub fn skip_padding(&mut self) -> Result<()> {
        let mut padding = [0; 3];
        let length = self.position.next_multiple_of(4) - self.position;
        let mut done = 0;
        while done < length {
            let count = self.read(padding.get_mut(done..length).unwrap_or(&mut []))?;
            if count == 0 {
                break;
            }
            done += count;
        }
        Ok(())
    }

    /// Passes over zeros to the next entry, entering compressed parts; its first byte, or `None` at the end.
    pub fn next_part(&mut self) -> Result<Option<u8>> {
        loop {
            let mut byte = [0];
            if self.read(&mut byte)? == 0 {
                if self.gzip.take().is_some() {
                    self.position = 0;
                    continue;
                }
                return Ok(None);
            }
            let [byte] = byte;
            if byte == 0 {
                continue;
            }
            if self.gzip.is_none() && byte == 0x1f {
                self.offset -= 1;
                self.gzip = Some(Gzip::begin(&self.archive, &mut self.offset)?);
                self.position = 0;
                continue;
            }
            self.ahead = Some(byte);
            self.position = 0;
            return Ok(Some(byte));
        }
    }

    /// Shares the next page of the archive, if it is not compressed and begins on a page; it counts as read.
    pub fn share_page(&mut self) -> Option<Frame> {
        if self.gzip.is_some() || self.ahead.is_some() {
            return None;
        }
        let frame = self.archive.page_at(self.offset)?;
        self.offset += crate::vfs::page_cache::PAGE_SIZE;
        self.position += crate::vfs::page_cache::PAGE_SIZE;
        Some(frame)
    }
}
