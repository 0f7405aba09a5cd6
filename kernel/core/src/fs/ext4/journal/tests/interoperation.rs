//! Logs of e2fsprogs are replayed, and e2fsprogs replays ours.

use super::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::string::{String, ToString};

/// A folder for an image, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = std::format!("journal-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn image(&self) -> PathBuf {
        self.0.join("image")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a tool of e2fsprogs, whose status must be at most `worst`; its output.
fn run(tool: &str, arguments: &[&str], worst: i32) -> String {
    let sbin = Path::new("/usr/sbin").join(tool);
    let output = Command::new(sbin).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let good = output.status.code().is_some_and(|code| code <= worst);
    assert!(good, "{tool} {arguments:?}: {text}");
    text
}

/// Makes a file system; the blocks of its journal.
fn make(image: &Path, block_size: usize, features: &str) -> Vec<Range<u64>> {
    let name = image.to_str().unwrap();
    let size = block_size.to_string();
    let count = (16 << 20) / block_size;
    run(
        "mke2fs",
        &[
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            &size,
            "-O",
            features,
            "-J",
            "size=4",
            name,
            &count.to_string(),
        ],
        0,
    );
    let text = run("debugfs", &["-R", "blocks <8>", name], 0);
    let line = text.lines().next().unwrap();
    let numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    let mut place: Vec<Range<u64>> = Vec::new();
    for number in numbers {
        match place.last_mut() {
            Some(range) if range.end == number => range.end += 1,
            _ => place.push(number..number + 1),
        }
    }
    place
}

/// Blocks that no file has.
const FREE: [u64; 3] = [3000, 3001, 3500];

fn variants() -> impl Iterator<Item = (usize, &'static str)> {
    [1024, 2048, 4096].into_iter().flat_map(|size| {
        ["^metadata_csum,^64bit", "metadata_csum,64bit"].map(|features| (size, features))
    })
}

#[test]
fn logs_of_debugfs_are_replayed() {
    for (index, (size, features)) in variants().enumerate() {
        for version in ["", "-c -v 2", "-c -v 3"] {
            let folder = Folder::new(&std::format!("debugfs-{index}"));
            let image = folder.image();
            let place = make(&image, size, features);
            let content = folder.0.join("content");
            let mut bytes: Vec<u8> = (0..3 * size).map(|index| (index / 7) as u8).collect();
            // The second looks like a block of the journal's own.
            bytes[size..size + 4].copy_from_slice(&MAGIC.to_be_bytes());
            fs::write(&content, &bytes).unwrap();
            let commands = folder.0.join("commands");
            let [one, two, three] = FREE;
            let text = std::format!(
                "jo {version}\njw -b {one},{two},{three} {}\njc\njo {version}\njw -r {three}\njc\n",
                content.display()
            );
            fs::write(&commands, text).unwrap();
            let name = image.to_str().unwrap();
            run(
                "debugfs",
                &["-w", "-f", commands.to_str().unwrap(), name],
                0,
            );
            let medium = fs::read(&image).unwrap();
            let disk = SimulatedDisk::new(medium);
            let journal = Journal::open(disk.volume(), size, place, false).unwrap();
            assert!(journal.replayed());
            let medium = disk.after_power_loss(|| false);
            let block = |number: u64| &medium[number as usize * size..][..size];
            let context = std::format!("{size} {features} {version}");
            assert!(block(one) == &bytes[..size], "{context}");
            assert!(block(two) == &bytes[size..2 * size], "{context}");
            assert!(block(three).iter().all(|&byte| byte == 0), "{context}");
        }
    }
}

#[test]
fn e2fsck_replays_our_logs() {
    for (index, (size, features)) in variants().enumerate() {
        for version in [0, 2, 3] {
            let folder = Folder::new(&std::format!("e2fsck-{index}"));
            let image = folder.image();
            let place = make(&image, size, features);
            let name = image.to_str().unwrap();
            if version > 0 {
                // Opening and closing leaves the feature.
                let commands = folder.0.join("commands");
                fs::write(
                    &commands,
                    std::format!("jo -c -v {version}\njw -r 3999\njc\n"),
                )
                .unwrap();
                run(
                    "debugfs",
                    &["-w", "-f", commands.to_str().unwrap(), name],
                    0,
                );
                run("e2fsck", &["-fy", name], 1);
            }
            run("debugfs", &["-w", "-R", "feature needs_recovery", name], 0);
            let disk = SimulatedDisk::new(fs::read(&image).unwrap());
            let journal = Journal::open(disk.volume(), size, place.clone(), false).unwrap();
            let change = |number: u64, head: [u8; 4]| {
                let block = journal.block(number).unwrap();
                let handle = journal.begin(1).unwrap();
                let change = |bytes: &mut [u8]| {
                    bytes.fill(0x33);
                    *bytes.first_chunk_mut().unwrap() = head;
                };
                handle.modify(&block, change).unwrap();
                drop(handle);
                journal.commit().unwrap();
            };
            let [one, two, three] = FREE;
            change(three, [1; 4]);
            change(one, [1; 4]);
            change(one, [2; 4]);
            journal.begin(0).unwrap().forget(three).unwrap();
            change(two, MAGIC.to_be_bytes());
            let crashed = disk.after_power_loss(|| false);
            let ours = SimulatedDisk::new(crashed.clone());
            Journal::open(ours.volume(), size, place, false).unwrap();
            let ours = ours.after_power_loss(|| false);
            fs::write(&image, crashed).unwrap();
            let text = run("e2fsck", &["-fy", name], 1);
            assert!(text.contains("recovering journal"), "{text}");
            assert!(!text.contains("checksum error"), "{text}");
            let theirs = fs::read(&image).unwrap();
            for number in FREE {
                let block = |medium: &[u8]| medium[number as usize * size..][..size].to_vec();
                assert!(block(&ours) == block(&theirs), "{size} {features} {number}");
            }
            let head = |number: u64| *ours[number as usize * size..].first_chunk::<4>().unwrap();
            assert_eq!(FREE.map(head), [[2; 4], MAGIC.to_be_bytes(), [0; 4]]);
        }
    }
}
