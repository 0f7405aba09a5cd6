//! Volumes that mkfs.vfat made, on a simulated disk, looked at by mtools and fsck.vfat afterwards.

mod attributes;
mod contents;
mod damage;
mod model;
mod names;
mod power;

use super::options::Options;
use super::super_block;
use crate::Result;
use crate::block::simulated::SimulatedDisk;
use crate::vfs::test_tree::TestTree;
use alloc::string::String;
use alloc::vec::Vec;
use std::format;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What mkfs.vfat is told, and the size in KiB: FAT12 with small and FAT16 with larger clusters, FAT32 with those of a
/// sector and of more than a page.
pub const LAYOUTS: [(&str, usize); 4] = [
    ("-F 12 -s 1", 1440),
    ("-F 16 -s 4", 16 << 10),
    ("-F 32 -s 1", 3 << 10),
    ("-F 32 -s 16", 20 << 10),
];

/// As [`LAYOUTS`], but for what mtools takes for FAT32: more clusters than FAT16 can have.
pub const FOR_OTHERS: [(&str, usize); 3] = [LAYOUTS[0], LAYOUTS[1], ("-F 32 -s 1", 36 << 10)];

/// A file that is gone after the test.
pub struct ImageFile(PathBuf);

impl ImageFile {
    pub fn new(content: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fat-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    pub fn content(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }

    /// Runs a program; `FILE` among its arguments is this file. Returns its output, or panics with it.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        self.run_to(program, arguments, 0)
    }

    /// The same with a status of at most `worst`.
    pub fn run_to(&self, program: &str, arguments: &[&str], worst: i32) -> Vec<u8> {
        let path = self.0.to_str().unwrap();
        let output = Command::new(program)
            .args(
                arguments
                    .iter()
                    .map(|&word| if word == "FILE" { path } else { word }),
            )
            .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("MTOOLS_SKIP_CHECK", "1")
            .output()
            .unwrap_or_else(|error| {
                panic!("{program}, of the packages dosfstools and mtools: {error}")
            });
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let status = output.status.code();
        assert!(
            status.is_some_and(|status| status <= worst),
            "{program} {arguments:?}: {status:?} {text}{errors}"
        );
        output.stdout
    }

    /// Panics if fsck.vfat finds anything.
    pub fn check(&self) {
        let output = self.run("fsck.vfat", &["-n", "-v", "FILE"]);
        let text = String::from_utf8_lossy(&output);
        for complaint in ["Dirty bit", "differ", "Reclaim", "wrong", "Bad"] {
            assert!(!text.contains(complaint), "{text}");
        }
    }
}

impl Drop for ImageFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A new volume.
pub fn made((arguments, kibibytes): (&str, usize)) -> Vec<u8> {
    let file = ImageFile::new(&std::vec![0; kibibytes << 10]);
    let mut words: Vec<&str> = arguments.split(' ').collect();
    words.extend(["-i", "12345678", "FILE"]);
    file.run("mkfs.vfat", &words);
    file.content()
}

/// A disk that is mounted on /m of a tree.
pub struct Mounted {
    pub disk: Arc<SimulatedDisk>,
    pub tree: TestTree,
}

impl Mounted {
    pub fn new(image: Vec<u8>) -> Result<Self> {
        Self::with(image, Options::default())
    }

    pub fn with(image: Vec<u8>, options: Options) -> Result<Self> {
        Self::of(SimulatedDisk::new(image), options)
    }

    pub fn of(disk: Arc<SimulatedDisk>, options: Options) -> Result<Self> {
        let made = super_block::mount(&disk.volume(), options, false, b"/dev/vda")?;
        let tree = TestTree::new();
        tree.directory("/m")?;
        tree.attach(made, &tree.find("/m")?)?;
        Ok(Self { disk, tree })
    }

    /// Unmounts it and returns what is on the disk.
    pub fn finish(self) -> Vec<u8> {
        self.tree.unmount("/m").unwrap();
        self.disk
            .after_power_loss(|| panic!("something wasn't flushed"))
    }

    /// As [`Self::finish`], for a check.
    pub fn into_file(self) -> ImageFile {
        ImageFile::new(&self.finish())
    }
}

/// Bytes that differ from place to place.
pub fn pattern(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
