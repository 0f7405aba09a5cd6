//! Writer of initramfs archives in the "newc" cpio format.
//!
//! Same input, same bytes: entries are sorted by path, owned by root and have time 0. The data of files of a page and more
//! starts on a page boundary, so that a kernel that was given the archive in memory can use its pages as they are. Format:
//! Linux's Documentation/driver-api/early-userspace/buffer-format.rst; that a name may be followed by more NULs than one
//! is what makes alignment possible.
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

const HEADER: usize = 110;
const PAGE: usize = 4096;

const REGULAR: u32 = 0o100000;
const DIRECTORY: u32 = 0o040000;
const LINK: u32 = 0o120000;
const CHARACTER_DEVICE: u32 = 0o020000;

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Directory { mode: u32 },
    File { mode: u32, content: Vec<u8> },
    Link { target: String },
    Device { mode: u32, major: u32, minor: u32 },
}

/// An archive's files by their path, which has no leading slash.
#[derive(Default, Clone)]
pub struct Archive {
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry and the directories above it that are not there yet; a later entry replaces an earlier one.
    pub fn add(&mut self, path: &str, entry: Entry) {
        let path = path.trim_matches('/');
        for (end, _) in path.match_indices('/') {
            self.entries
                .entry(path[..end].to_string())
                .or_insert(Entry::Directory { mode: 0o755 });
        }
        self.entries.insert(path.to_string(), entry);
    }

    pub fn add_directory(&mut self, path: &str, mode: u32) {
        self.add(path, Entry::Directory { mode });
    }

    pub fn add_file(&mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) {
        self.add(
            path,
            Entry::File {
                mode,
                content: content.into(),
            },
        );
    }

    pub fn add_link(&mut self, path: &str, target: &str) {
        self.add(
            path,
            Entry::Link {
                target: target.to_string(),
            },
        );
    }

    /// Adds what is below `folder` of this machine with modes and links kept, owned by root.
    pub fn add_tree(&mut self, folder: &Path) -> Result<()> {
        self.add_tree_at(folder, "")
    }

    /// The same with `prefix`, which ends with a slash, in front of each name.
    pub fn add_tree_at(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        let cannot_read = || format!("cannot read {}", folder.display());
        for item in fs::read_dir(folder).with_context(cannot_read)? {
            let item = item.with_context(cannot_read)?;
            let source = item.path();
            let Ok(name) = item.file_name().into_string() else {
                bail!("{} has a name that is not UTF-8", source.display());
            };
            let path = format!("{prefix}{name}");
            let metadata = item
                .metadata()
                .with_context(|| format!("cannot read {}", source.display()))?;
            let mode = metadata.mode() & 0o7777;
            let kind = metadata.file_type();
            if kind.is_dir() {
                self.add_directory(&path, mode);
                self.add_tree_at(&source, &format!("{path}/"))?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&source)
                    .with_context(|| format!("cannot read {}", source.display()))?;
                self.add_link(&path, &target.to_string_lossy());
            } else if kind.is_file() {
                let content = fs::read(&source)
                    .with_context(|| format!("cannot read {}", source.display()))?;
                self.add_file(&path, mode, content);
            } else if kind.is_char_device() {
                let (major, minor) = device_numbers(metadata.rdev());
                self.add(&path, Entry::Device { mode, major, minor });
            } else {
                bail!(
                    "{} is neither file, directory, link nor character device",
                    source.display()
                );
            }
        }
        Ok(())
    }

    /// The archive's bytes, ending on a page boundary so that another archive may follow.
    pub fn into_bytes(self) -> Vec<u8> {
        let mut writer = Writer {
            bytes: Vec::new(),
            number: 0,
        };
        for (path, entry) in &self.entries {
            writer.entry(path, entry);
        }
        writer.finish()
    }
}

/// Splits a device number the way the C library's `makedev` joins it.
fn device_numbers(device: u64) -> (u32, u32) {
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    (major as u32, minor as u32)
}

struct Writer {
    bytes: Vec<u8>,
    number: u32,
}

/// The fields of a header that differ between entries.
struct Header {
    mode: u32,
    links: u32,
    size: usize,
    device: (u32, u32),
}

impl Writer {
    fn entry(&mut self, path: &str, entry: &Entry) {
        match entry {
            Entry::Directory { mode } => self.simple(path, DIRECTORY | mode, 2, &[], (0, 0)),
            Entry::Link { target } => self.simple(path, LINK | 0o777, 1, target.as_bytes(), (0, 0)),
            Entry::Device { mode, major, minor } => {
                self.simple(path, CHARACTER_DEVICE | mode, 1, &[], (*major, *minor));
            }
            Entry::File { mode, content } if content.len() < PAGE => {
                self.simple(path, REGULAR | mode, 1, content, (0, 0));
            }
            Entry::File { mode, content } => self.aligned(path, REGULAR | mode, content),
        }
    }

    fn simple(&mut self, path: &str, mode: u32, links: u32, data: &[u8], device: (u32, u32)) {
        self.write(
            path,
            path.len() + 1,
            &Header {
                mode,
                links,
                size: data.len(),
                device,
            },
            data,
        );
    }

    /// Writes a file whose data starts on a page boundary.
    fn aligned(&mut self, path: &str, mode: u32, data: &[u8]) {
        // Where the name does not fit before the next boundary, naming the root directory again, which changes nothing,
        // moves the boundary away: one more page would make the name field longer than Linux accepts.
        while self.name_field_to_page() <= path.len() {
            self.simple(".", DIRECTORY | 0o755, 2, &[], (0, 0));
        }
        let field = self.name_field_to_page();
        self.write(
            path,
            field,
            &Header {
                mode,
                links: 1,
                size: data.len(),
                device: (0, 0),
            },
            data,
        );
    }

    /// The size of the name field that makes the next entry's data start on a page boundary.
    fn name_field_to_page(&self) -> usize {
        let name = self.bytes.len() + HEADER;
        name.next_multiple_of(PAGE) - name
    }

    fn write(&mut self, path: &str, name_field: usize, header: &Header, data: &[u8]) {
        self.number += 1;
        let number = if path == TRAILER { 0 } else { self.number };
        self.bytes.extend_from_slice(b"070701");
        let (major, minor) = header.device;
        let fields = [
            number,
            header.mode,
            0,
            0,
            header.links,
            0,
            header.size as u32,
            0,
            0,
            major,
            minor,
            name_field as u32,
            0,
        ];
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        let name = self.bytes.len();
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes
            .resize((name + name_field).next_multiple_of(4), 0);
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        self.simple(TRAILER, 0, 1, &[], (0, 0));
        self.bytes
            .resize(self.bytes.len().next_multiple_of(PAGE), 0);
        self.bytes
    }
}

const TRAILER: &str = "TRAILER!!!";

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, mode, offset and size of data for every entry, read the way the format's description says.
    fn parse(bytes: &[u8]) -> Vec<(String, u32, usize, usize)> {
        let mut at = 0;
        let mut entries = Vec::new();
        loop {
            assert_eq!(&bytes[at..at + 6], b"070701");
            let field = |index: usize| {
                let start = at + 6 + index * 8;
                u32::from_str_radix(std::str::from_utf8(&bytes[start..start + 8]).unwrap(), 16)
                    .unwrap()
            };
            let (mode, size, name_size) = (field(1), field(6) as usize, field(11) as usize);
            assert!(name_size <= PAGE, "Linux refuses longer names");
            let name = &bytes[at + HEADER..at + HEADER + name_size];
            assert_eq!(name.last(), Some(&0));
            let name = name.split(|&byte| byte == 0).next().unwrap();
            let name = String::from_utf8(name.to_vec()).unwrap();
            let data = (at + HEADER + name_size).next_multiple_of(4);
            if name == TRAILER {
                assert!(bytes[data..].iter().all(|&byte| byte == 0));
                return entries;
            }
            entries.push((name, mode, data, size));
            at = (data + size).next_multiple_of(4);
        }
    }

    #[test]
    fn writes_sorted_entries_with_their_parents() {
        let mut archive = Archive::new();
        archive.add_file("/etc/passwd", 0o644, "root");
        archive.add_link("bin/sh", "busybox");
        let bytes = archive.into_bytes();
        let names: Vec<_> = parse(&bytes)
            .into_iter()
            .map(|(name, mode, ..)| (name, mode))
            .collect();
        let expected = [
            ("bin", 0o040755),
            ("bin/sh", 0o120777),
            ("etc", 0o040755),
            ("etc/passwd", 0o100644),
        ];
        assert_eq!(names, expected.map(|(name, mode)| (name.to_string(), mode)));
        assert_eq!(bytes.len() % PAGE, 0);
    }

    #[test]
    fn aligns_the_data_of_large_files_wherever_they_fall() {
        for shift in 0..PAGE / 4 + 40 {
            let mut archive = Archive::new();
            archive.add_file("a", 0o644, vec![b'x'; shift % (PAGE - 1)]);
            archive.add_file(
                "directory/with-a-rather-long-name/large",
                0o755,
                vec![7; PAGE + 1],
            );
            let bytes = archive.into_bytes();
            let entries = parse(&bytes);
            let (_, _, data, size) = entries
                .iter()
                .find(|entry| entry.0.ends_with("large"))
                .unwrap();
            assert_eq!(
                (data % PAGE, *size),
                (0, PAGE + 1),
                "with {shift} bytes before"
            );
            assert!(bytes[*data..data + size].iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn the_same_files_make_the_same_bytes() {
        let make = |names: &[&str]| {
            let mut archive = Archive::new();
            names
                .iter()
                .for_each(|name| archive.add_file(name, 0o600, *name));
            archive.into_bytes()
        };
        assert_eq!(make(&["b", "a/c"]), make(&["a/c", "b"]));
    }

    #[test]
    fn a_later_entry_replaces_an_earlier_one() {
        let mut archive = Archive::new();
        archive.add_file("x", 0o644, "first");
        archive.add_file("x", 0o755, "second");
        let bytes = archive.into_bytes();
        let entries = parse(&bytes);
        assert_eq!(entries.len(), 1);
        assert_eq!(
            (entries[0].1, &bytes[entries[0].2..][..6]),
            (0o100755, b"second".as_slice())
        );
    }

    #[test]
    fn splits_device_numbers() {
        assert_eq!(device_numbers(0x0501), (5, 1));
        assert_eq!(device_numbers(0x10_0103), (1, 0x103));
    }
}
