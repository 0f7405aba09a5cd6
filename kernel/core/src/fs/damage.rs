//! Damaged volumes for the tests of file systems on disks: whatever is on one, calls succeed or fail, and come back.

use crate::Errno;
use crate::Result;
use crate::block::simulated::{Random, SimulatedDisk};
use crate::vfs::change;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::Inode;
use crate::vfs::kind::FileKind;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use crate::vfs::test_tree::TestTree;
use crate::vfs::transfer::{Destination, Source};
use crate::vfs::walk::{self, WalkFlags};
use std::collections::BTreeMap;
use std::format;
use std::io::Write;
use std::string::String;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};
use std::vec::Vec;

const SECTOR: usize = 512;
/// What files are filled with, so that their content isn't taken for structures.
pub const CONTENT: u8 = 0xdd;
/// A volume takes no longer to use than this, whatever is on it.
const LIMIT: Duration = Duration::from_secs(60);
/// Names that are looked at in a volume, and how deep.
const NAMES: usize = 200;
const DEPTH: usize = 6;
/// Bytes that are read of a file at either end.
const PIECE: usize = 20_000;

/// How many damaged volumes a test tries: fewer unless it is asked to try very many.
pub fn tries() -> u64 {
    let given = std::env::var("GANTRY_DAMAGED_VOLUMES").ok();
    given.map_or(300, |text: String| text.parse().unwrap())
}

/// A volume to be damaged.
struct Original {
    content: Arc<Vec<u8>>,
    /// The sectors that aren't content of files.
    structures: Vec<u64>,
}

impl Original {
    fn new(content: Vec<u8>) -> Self {
        let is_structure = |bytes: &[u8]| {
            let is_all = |value| bytes.iter().all(|&byte| byte == value);
            !is_all(0) && !is_all(CONTENT)
        };
        let sectors = (0..).zip(content.chunks(SECTOR));
        let structures = sectors.filter(|(_, bytes)| is_structure(bytes));
        Self {
            structures: structures.map(|(sector, _)| sector).collect(),
            content: Arc::new(content),
        }
    }

    fn sector(&self, sector: u64) -> [u8; SECTOR] {
        self.content[sector as usize * SECTOR..][..SECTOR]
            .try_into()
            .unwrap()
    }

    /// A sector with structures; the first ones, which tell of all others, more often than others.
    fn any(&self, random: &mut Random) -> u64 {
        let count = self.structures.len() as u64;
        let limit = [8, 64, count, count][random.below(4) as usize].min(count);
        self.structures[random.below(limit) as usize]
    }

    /// A disk with some damages.
    fn damaged(&self, random: &mut Random) -> Arc<SimulatedDisk> {
        let mut changed: BTreeMap<u64, [u8; SECTOR]> = BTreeMap::new();
        for _ in 0..=random.below(6) {
            let target = self.any(random);
            let source = self.sector(self.any(random));
            let bytes = changed.entry(target).or_insert_with(|| self.sector(target));
            damage(bytes, &source, random);
        }
        let changes: Vec<_> = changed.into_iter().collect();
        SimulatedDisk::over(&self.content, &changes)
    }
}

/// Damages a sector; some of it may become as it is in another.
fn damage(bytes: &mut [u8; SECTOR], other: &[u8; SECTOR], random: &mut Random) {
    // Rather where something is.
    let used: Vec<usize> = (0..SECTOR).filter(|&at| bytes[at] != 0).collect();
    let at = match used.get(random.below(used.len().max(1) as u64) as usize) {
        Some(&at) if random.below(4) > 0 => at,
        _ => random.below(SECTOR as u64) as usize,
    };
    let width = [1, 2, 4, 8][random.below(4) as usize];
    let aligned = at / width * width;
    match random.below(8) {
        0 | 1 => bytes[at] ^= 1 << random.below(8),
        2 => bytes[aligned..][..width].fill(random.next() as u8),
        3 => bytes[aligned..][..width].fill([0, 0xff][random.below(2) as usize]),
        // The sign, or the greatest number.
        4 => bytes[aligned + width - 1] = [0x7f, 0x80][random.below(2) as usize],
        5 => {
            let width = width.min(4);
            let aligned = at / width * width;
            let from = random.below((SECTOR / width) as u64) as usize * width;
            bytes[aligned..][..width].copy_from_slice(&other[from..][..width]);
        }
        6 => {
            // A little more or less.
            let mut number = [0; 8];
            number[..width].copy_from_slice(&bytes[aligned..][..width]);
            let near = u64::from_le_bytes(number)
                .wrapping_add(random.below(9))
                .wrapping_sub(4);
            bytes[aligned..][..width].copy_from_slice(&near.to_le_bytes()[..width]);
        }
        _ => {
            // An entry of a table, or all of it.
            let size = [32, 128, 256, SECTOR][random.below(4) as usize];
            let count = (SECTOR / size) as u64;
            let (from, to) = (random.below(count) as usize, random.below(count) as usize);
            bytes[to * size..][..size].copy_from_slice(&other[from * size..][..size]);
        }
    }
}

/// Aborts the tests if one volume takes too long, saying which.
struct Watch {
    seed: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Watch {
    fn new(name: &str) -> Self {
        let watch = Self {
            seed: Arc::new(AtomicU64::new(0)),
            done: Arc::new(AtomicBool::new(false)),
        };
        let (seed, done, name) = (watch.seed.clone(), watch.done.clone(), String::from(name));
        thread::spawn(move || {
            let mut last = (0, Instant::now());
            while !done.load(Relaxed) {
                thread::sleep(Duration::from_millis(200));
                let now = seed.load(Relaxed);
                if now != last.0 {
                    last = (now, Instant::now());
                }
                if last.1.elapsed() > LIMIT {
                    // Past what captures the output of tests.
                    let _ = writeln!(std::io::stderr(), "{name}, GANTRY_SEED={now}: hangs");
                    std::process::abort();
                }
            }
        });
        watch
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done.store(true, Relaxed);
    }
}

/// Damages a volume in many ways, and each time mounts it by `mount` at `/m` and uses all that is there. Files of the
/// volume should be filled with [`CONTENT`].
pub fn survive(
    name: &str,
    content: Vec<u8>,
    mount: impl Fn(Arc<SimulatedDisk>) -> Result<TestTree>,
) {
    let original = Original::new(content);
    let watch = Watch::new(name);
    let only = std::env::var("GANTRY_SEED").ok();
    let only: Option<u64> = only.map(|text: String| text.parse().unwrap());
    let (mut mounted, mut refused) = (0, 0);
    for seed in only.map_or(1..tries() + 1, |seed| seed..seed + 1) {
        watch.seed.store(seed, Relaxed);
        let mut random = Random(seed);
        let disk = original.damaged(&mut random);
        let run = std::panic::AssertUnwindSafe(|| {
            mount(disk.clone()).map(|tree| use_up(&tree, &mut random))
        });
        let result = std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            std::eprintln!("{name}, GANTRY_SEED={seed}");
            std::panic::resume_unwind(panic)
        });
        match result {
            Ok(()) => mounted += 1,
            Err(error) => {
                refused += 1;
                let expected = [
                    Errno::EINVAL,
                    Errno::EIO,
                    Errno::EUCLEAN,
                    Errno::EBADMSG,
                    Errno::EROFS,
                    Errno::EOPNOTSUPP,
                ];
                assert!(
                    expected.contains(&error),
                    "{name}, GANTRY_SEED={seed}: {error:?}"
                );
            }
        }
    }
    assert!(
        only.is_some() || mounted > refused / 4,
        "{name}: {mounted} of {refused} were mounted"
    );
}

/// Uses everything in a volume at `/m`, and unmounts it.
fn use_up(tree: &TestTree, random: &mut Random) {
    let mut left = NAMES;
    use_directory(tree, "/m", 0, &mut left, random);
    let _ = tree.write("/m/new", &[CONTENT; 9000]);
    let _ = tree.directory("/m/new directory");
    let location = tree.find("/m").unwrap();
    let _ = location.inode().super_block().operations().sync();
    let _ = location.inode().super_block().operations().statistics();
    drop(location);
    tree.unmount("/m").unwrap();
}

fn use_directory(tree: &TestTree, path: &str, depth: usize, left: &mut usize, random: &mut Random) {
    let Ok(file) = tree.open(path, OpenFlags::READ_ONLY) else {
        return;
    };
    let mut names: Vec<Vec<u8>> = Vec::new();
    let mut position = 2;
    let _ = file
        .operations()
        .read_directory(&file, &mut position, &mut |entry| {
            names.push(entry.name.to_vec());
            names.len() < NAMES
        });
    drop(file);
    for name in names {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let Ok(name) = String::from_utf8(name) else {
            continue;
        };
        let path = format!("{path}/{name}");
        let found = walk::resolve(&tree.view(), None, path.as_bytes(), WalkFlags::empty());
        let Ok(found) = found else { continue };
        let inode = found.inode().clone();
        drop(found);
        use_attributes(&inode);
        match inode.kind() {
            FileKind::Directory => {
                if depth < DEPTH {
                    use_directory(tree, &path, depth + 1, left, random);
                }
                if random.below(2) == 0 {
                    let _ = tree.remove(&path, Removal::Directory);
                }
            }
            FileKind::Regular => use_file(tree, &path, &inode, random),
            _ => {
                let _ = inode.operations().link_text(&inode);
                let _ = tree.remove(&path, Removal::File);
            }
        }
    }
    let _ = tree.write(&format!("{path}/another"), &[CONTENT; 3000]);
    let _ = tree.link(&format!("{path}/to another"), "another");
}

fn use_attributes(inode: &Arc<Inode>) {
    let operations = inode.operations();
    let mut names: Vec<Vec<u8>> = Vec::new();
    let _ = operations.list_extended(inode, &mut |name| {
        names.push(name.to_vec());
        Ok(())
    });
    for name in names {
        let _ = operations.get_extended(inode, &name);
    }
}

fn use_file(tree: &TestTree, path: &str, inode: &Arc<Inode>, random: &mut Random) {
    let Ok(file) = tree.open(path, OpenFlags::READ_WRITE) else {
        return;
    };
    let size = inode.size();
    let mut bytes = [0; PIECE];
    for start in [0, size / 2, size.saturating_sub(PIECE as u64)] {
        let mut position = start;
        let mut target = Destination::kernel(&mut bytes);
        let _ = file.operations().read(&file, &mut target, &mut position);
    }
    let offset = [0, size, size / 2, size.saturating_add(100_000)][random.below(4) as usize];
    let mut position = offset;
    let mut source = Source::kernel(&bytes);
    let _ = file.operations().write(&file, &mut source, &mut position);
    let _ = match random.below(6) {
        0 => file.operations().sync(&file, false),
        1 => tree.remove(path, Removal::File),
        2 => tree.rename(path, "/m/moved", Replacement::Allowed),
        3 => change::truncate(inode, size / 2),
        4 => change::truncate(inode, size.saturating_add(50_000)),
        _ => tree.hard_link(path, "/m/linked"),
    };
}
