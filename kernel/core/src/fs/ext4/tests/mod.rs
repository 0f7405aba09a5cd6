//! ext4 on images that mke2fs makes; after everything that is done to one, e2fsck finds nothing wrong.

mod attributes;
mod damage;
mod directories;
mod files;
mod foreign;
mod power;

use super::super_block::mount;
use crate::Result;
use crate::block::simulated::SimulatedDisk;
use crate::vfs::test_tree::TestTree;
use std::format;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::string::String;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::vec::Vec;

/// The features of the Raspberry Pi's card.
const CARD: &[&str] = &[
    "-b",
    "4096",
    "-I",
    "256",
    "-O",
    "none,has_journal,extent,filetype,sparse_super,large_file",
];

/// What old and other versions of mke2fs make: small blocks, small inodes, 64-bit numbers, no journal.
const VARIANTS: [&[&str]; 4] = [
    CARD,
    &[
        "-b",
        "1024",
        "-O",
        "none,has_journal,extent,filetype,sparse_super,dir_nlink,extra_isize",
    ],
    &[
        "-b",
        "2048",
        "-I",
        "128",
        "-O",
        "none,extent,filetype,large_file,huge_file",
    ],
    &[
        "-b",
        "1024",
        "-g",
        "1024",
        "-O",
        "none,has_journal,extent,filetype,sparse_super,64bit,flex_bg,dir_index,large_file,resize_inode",
    ],
];

/// A tool of e2fsprogs.
fn tool(name: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/sbin", "/usr/sbin"]);
    let found = folders
        .map(|folder| PathBuf::from(folder).join(name))
        .find(|path| path.exists());
    found
        .unwrap_or_else(|| panic!("{name} of e2fsprogs isn't there: cargo xtask setup installs it"))
}

/// A file for an image, which goes with this.
struct ImageFile(PathBuf);

impl ImageFile {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let name = format!("ext4-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn run(&self, name: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(tool(name));
        let output = command
            .env("MKE2FS_CONFIG", "/dev/null")
            .args(arguments)
            .arg(&self.0);
        let output = output.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }
}

impl Drop for ImageFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An empty volume of so many KiB.
fn image(kibibytes: u64, options: &[&str]) -> Vec<u8> {
    let file = ImageFile::new();
    fs::File::create(&file.0)
        .unwrap()
        .set_len(kibibytes * 1024)
        .unwrap();
    let mut arguments = std::vec!["-q", "-F", "-E", "lazy_itable_init=0,nodiscard"];
    arguments.extend(options);
    let (done, text) = file.run("mke2fs", &arguments);
    assert!(done, "mke2fs {arguments:?}: {text}");
    fs::read(&file.0).unwrap()
}

/// What e2fsck finds wrong with a volume that nobody has mounted.
fn check(medium: &[u8]) {
    let file = ImageFile::new();
    fs::write(&file.0, medium).unwrap();
    let (clean, text) = file.run("e2fsck", &["-f", "-n"]);
    assert!(clean, "{text}");
}

/// The output of debugfs.
fn debugfs(medium: &[u8], request: &str) -> String {
    let file = ImageFile::new();
    fs::write(&file.0, medium).unwrap();
    file.run("debugfs", &["-R", request]).1
}

/// A tree of files with a volume at `/m`.
struct Mounted {
    disk: Arc<SimulatedDisk>,
    tree: TestTree,
}

impl Mounted {
    fn new(kibibytes: u64, options: &[&str]) -> Self {
        Self::of(SimulatedDisk::new(image(kibibytes, options))).unwrap()
    }

    fn of(disk: Arc<SimulatedDisk>) -> Result<Self> {
        let tree = TestTree::new();
        tree.directory("/m")?;
        let super_block = mount(disk.volume(), b"/dev/vda", false)?;
        let target = tree.find("/m")?;
        tree.attach(super_block, &target)?;
        Ok(Self { disk, tree })
    }

    /// Has everything written, without an unmounting.
    fn sync(&self) {
        let location = self.tree.find("/m").unwrap();
        location.inode().super_block().operations().sync().unwrap();
    }

    /// Unmounts the volume, which must be without faults, and gives its content.
    fn unmount(self) -> Vec<u8> {
        self.tree.unmount("/m").unwrap();
        let medium = self.disk.after_power_loss(|| false);
        check(&medium);
        medium
    }

    /// Unmounts and mounts again: nothing is in memory any more.
    fn again(self) -> Self {
        Self::of(SimulatedDisk::new(self.unmount())).unwrap()
    }
}

/// Bytes that differ from place to place.
fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    core::iter::repeat_with(next).take(length).collect()
}
