//! A layer on its way: counted, hashed, decompressed, counted and hashed again. Nothing is believed before
//! both digests are known to be right; until then what comes out is kept where it can be removed.

use super::archive::Archive;
use super::descriptor::Blob;
use super::digest::{Digest, Hasher};
use super::plan::{Compression, Layer};
use crate::error::Error;
use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, BufReader, Read};

/// Bytes are read and decompressed in pieces of this many.
const BUFFER: usize = 64 << 10;

/// Reads a blob of text, whole: it has the right length and digest.
pub fn read_small(source: impl Read, blob: &Blob) -> Result<Vec<u8>, Error> {
    let mut checked = Checked::blob(source, blob);
    let mut bytes = Vec::new();
    // A failure of the check itself is told better by finish.
    let read = checked.read_to_end(&mut bytes);
    checked.finish()?;
    read.map_err(|error| Error::system(&blob.digest, &error))?;
    Ok(bytes)
}

/// Hands a layer's archive to `use_archive`, and believes the outcome if the blob and its content are what
/// they should be.
pub fn read<T>(
    source: impl Read,
    layer: &Layer,
    use_archive: impl FnOnce(&mut Archive<&mut dyn Read>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut blob = Checked::blob(source, &layer.blob);
    let outcome = read_content(
        BufReader::with_capacity(BUFFER, &mut blob),
        layer,
        use_archive,
    );
    // A blob that isn't the right one explains everything else that may have gone wrong.
    blob.finish()?;
    outcome
}

fn read_content<T>(
    blob: impl BufRead,
    layer: &Layer,
    use_archive: impl FnOnce(&mut Archive<&mut dyn Read>) -> Result<T, Error>,
) -> Result<T, Error> {
    let decompressed: Box<dyn Read + '_> = match layer.compression {
        Compression::None => Box::new(blob),
        Compression::Gzip => Box::new(MultiGzDecoder::new(blob)),
        Compression::Zstandard => Box::new(ZstandardReader::new(blob)),
    };
    let mut content = Checked::content(decompressed, layer);
    let outcome = use_archive(&mut Archive::new(&mut content as &mut dyn Read));
    match outcome {
        Ok(result) => content.finish().map(|()| result),
        // When the limit ended the stream, that is what happened.
        Err(error) => Err(content.failure().unwrap_or(error)),
    }
}

/// A reader that counts and hashes what goes through it.
struct Checked<'a, R> {
    source: R,
    hasher: Hasher,
    digest: &'a Digest,
    count: u64,
    limit: u64,
    /// What is wrong when there is more than `limit`.
    excess: Excess,
    exceeded: bool,
}

/// Why there is a limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Excess {
    /// The descriptor says the exact size.
    Blob,
    /// What a blob decompresses to is bounded.
    Content,
}

impl<'a, R: Read> Checked<'a, R> {
    fn blob(source: R, blob: &'a Blob) -> Self {
        Self::new(source, &blob.digest, blob.size, Excess::Blob)
    }

    fn content(source: R, layer: &'a Layer) -> Self {
        Self::new(source, &layer.content, layer.largest, Excess::Content)
    }

    fn new(source: R, digest: &'a Digest, limit: u64, excess: Excess) -> Self {
        Self {
            source,
            hasher: digest.hasher(),
            digest,
            count: 0,
            limit,
            excess,
            exceeded: false,
        }
    }

    fn failure(&self) -> Option<Error> {
        let message = match self.excess {
            _ if !self.exceeded => return None,
            Excess::Blob => format!(
                "{}: the blob is longer than the {} bytes that its descriptor says",
                self.digest, self.limit
            ),
            Excess::Content => format!(
                "it decompresses to more than {} bytes, which may be an attack: --max-size allows more",
                self.limit
            ),
        };
        Some(Error::new(message))
    }

    /// Reads what is left, and compares.
    fn finish(mut self) -> Result<(), Error> {
        let rest = io::copy(&mut self, &mut io::sink());
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        rest.map_err(|error| Error::system(self.digest, &error))?;
        if self.excess == Excess::Blob && self.count != self.limit {
            return Err(Error::new(format!(
                "{}: the blob has {} bytes, and {} according to its descriptor",
                self.digest, self.count, self.limit
            )));
        }
        let found = self.hasher.finish();
        if found == *self.digest {
            return Ok(());
        }
        let what = match self.excess {
            Excess::Blob => "the blob",
            Excess::Content => "its decompressed content",
        };
        Err(Error::new(format!(
            "{}: {what} is damaged or was tampered with: its digest is {found}",
            self.digest
        )))
    }
}

impl<R: Read> Read for Checked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        let bytes = buffer.get(..length).unwrap_or_default();
        if self.exceeded || length as u64 > self.limit - self.count {
            self.exceeded = true;
            return Err(io::Error::other("too long"));
        }
        self.count += length as u64;
        self.hasher.update(bytes);
        Ok(length)
    }
}

/// Zstandard (RFC 8878): any number of frames, some of which may hold no content.
struct ZstandardReader<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstandardReader<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            decoder: FrameDecoder::new(),
            in_frame: false,
        }
    }

    /// Begins the next frame with content. False: there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut frame = self.source.by_ref().take(u64::from(length));
                    io::copy(&mut frame, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstandardReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if buffer.is_empty() || !self.next_frame()? {
                    return Ok(0);
                }
                self.in_frame = true;
            }
            if self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let strategy = BlockDecodingStrategy::UptoBytes(buffer.len().max(BUFFER));
                self.decoder
                    .decode_blocks(&mut self.source, strategy)
                    .map_err(io::Error::other)?;
            }
            let length = self.decoder.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            if self.decoder.is_finished() {
                let stored = self.decoder.get_checksum_from_data();
                if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
                    return Err(io::Error::other("a frame's checksum is wrong"));
                }
                self.in_frame = false;
            }
        }
    }
}
