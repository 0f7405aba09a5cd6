//! The files of an image layout (image-spec image-layout.md): a directory, or an archive of one.

use super::archive::{Archive, Kind};
use super::descriptor::Blob;
use super::stream;
use crate::config::value::Document;
use crate::error::{Error, cause_in_words};
use crate::system;
use flate2::bufread::MultiGzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Indexes, manifests and configurations are read whole: up to this many bytes, as everywhere.
const LARGEST_DOCUMENT: u64 = 4 << 20;
/// More files than a layout in an archive ever has.
const MOST_FILES: usize = 10_000;
/// How a gzip stream starts (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A layout, open for reading.
pub struct Store {
    path: PathBuf,
    source: Source,
}

enum Source {
    Directory,
    Archive {
        /// Where each file's content is in the archive: position and length.
        files: BTreeMap<Vec<u8>, (u64, u64)>,
        reader: Reader,
    },
}

impl Store {
    /// Opens a layout, and checks that it is one that we understand.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let explain = |error| Error::system(path.display(), &error);
        let source = if path.is_dir() {
            Source::Directory
        } else {
            let mut reader = Reader::open(path).map_err(explain)?;
            let files = index(&mut reader)
                .map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
            Source::Archive { files, reader }
        };
        let mut store = Self {
            path: path.to_owned(),
            source,
        };
        store.check_version()?;
        Ok(store)
    }

    /// `oci-layout` tells a layout from everything else.
    fn check_version(&mut self) -> Result<(), Error> {
        if !self.has("oci-layout") {
            let hint = if self.has("manifest.json") {
                "a Docker archive of an old form: `skopeo copy docker-archive:... oci:...` converts it"
            } else {
                "the file oci-layout is missing"
            };
            let path = self.path.display();
            return Err(Error::new(format!(
                "{path}: not an OCI image layout: {hint}"
            )));
        }
        let document = self.read_document("oci-layout", None)?;
        let version = document.root()?.required("imageLayoutVersion")?;
        match version.string()?.split('.').next() {
            Some("1") => Ok(()),
            _ => Err(version.error("version 1 of the layout is supported")),
        }
    }

    fn has(&self, name: &str) -> bool {
        match &self.source {
            Source::Directory => self.path.join(name).is_file(),
            Source::Archive { files, .. } => files.contains_key(name.as_bytes()),
        }
    }

    /// The index, where every search begins.
    pub fn read_index(&mut self) -> Result<Document, Error> {
        self.read_document("index.json", None)
    }

    /// A blob that is JSON text.
    pub fn read_blob(&mut self, blob: &Blob) -> Result<Document, Error> {
        self.read_document(&path(blob), Some(blob))
    }

    /// A blob of any size; the reader of it has to check it.
    pub fn open_blob(&mut self, blob: &Blob) -> Result<Box<dyn Read + '_>, Error> {
        let name = path(blob);
        let shown = format!("{}: {name}", self.path.display());
        let reader = self.open_file(&name);
        reader.map_err(|error| Error::system(shown, &error))
    }

    fn read_document(&mut self, name: &str, blob: Option<&Blob>) -> Result<Document, Error> {
        let path = self.path.join(name);
        if blob.is_some_and(|blob| blob.size > LARGEST_DOCUMENT) {
            let message = format!("{}: larger than {LARGEST_DOCUMENT} bytes", path.display());
            return Err(Error::new(message));
        }
        let file = self.open_file(name);
        let file = file.map_err(|error| Error::system(path.display(), &error))?;
        let bytes = match blob {
            Some(blob) => stream::read_small(file, blob)?,
            None => system::read_all(file, LARGEST_DOCUMENT)
                .map_err(|error| Error::system(path.display(), &error))?,
        };
        Document::parse(&path, &bytes)
    }

    fn open_file(&mut self, name: &str) -> io::Result<Box<dyn Read + '_>> {
        match &mut self.source {
            Source::Directory => Ok(Box::new(system::open_file(&self.path.join(name))?)),
            Source::Archive { files, reader } => {
                let place = files.get(name.as_bytes());
                let (position, length) = *place.ok_or(io::ErrorKind::NotFound)?;
                reader.go_to(position)?;
                Ok(Box::new(reader.take(length)))
            }
        }
    }
}

/// Finds the files of a layout in an archive of one.
fn index(reader: &mut Reader) -> Result<BTreeMap<Vec<u8>, (u64, u64)>, Error> {
    let mut files = BTreeMap::new();
    let mut archive = Archive::new(reader);
    while let Some(entry) = archive.next()? {
        if entry.kind != Kind::File {
            continue;
        }
        let name = entry.name.strip_prefix(b"./").unwrap_or(&entry.name);
        files.insert(name.to_vec(), (entry.position, entry.size));
        if files.len() > MOST_FILES {
            let message = format!("not an image layout: it holds more than {MOST_FILES} files");
            return Err(Error::new(message));
        }
    }
    Ok(files)
}

/// A file that may be compressed, at some position of its content. A compressed one is read from the start
/// again to go back: that costs time where keeping the content would cost memory.
enum Reader {
    Plain(File),
    Compressed {
        path: PathBuf,
        decoder: Box<MultiGzDecoder<BufReader<File>>>,
        position: u64,
    },
}

impl Reader {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = system::open_file(path)?;
        let mut start = Vec::new();
        file.by_ref().take(2).read_to_end(&mut start)?;
        file.seek(SeekFrom::Start(0))?;
        if start == GZIP_MAGIC {
            Ok(Self::Compressed {
                path: path.to_owned(),
                decoder: Box::new(MultiGzDecoder::new(BufReader::new(file))),
                position: 0,
            })
        } else {
            Ok(Self::Plain(file))
        }
    }

    fn go_to(&mut self, target: u64) -> io::Result<()> {
        if let Self::Plain(file) = self {
            return file.seek(SeekFrom::Start(target)).map(drop);
        }
        if let Self::Compressed { path, position, .. } = self
            && *position > target
        {
            *self = Self::open(&path.clone())?;
        }
        let Self::Compressed { position, .. } = self else {
            return Err(io::Error::other("it was replaced meanwhile"));
        };
        let distance = target - *position;
        let skipped = io::copy(&mut self.take(distance), &mut io::sink())?;
        if skipped == distance {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Read for &mut Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Reader::Plain(file) => file.read(buffer),
            Reader::Compressed {
                decoder, position, ..
            } => {
                let length = decoder.read(buffer).map_err(|error| {
                    io::Error::other(format!("gzip: {}", cause_in_words(&error)))
                })?;
                *position += length as u64;
                Ok(length)
            }
        }
    }
}

/// Where a layout keeps a blob.
fn path(blob: &Blob) -> String {
    format!("blobs/{}", blob.digest.path())
}
