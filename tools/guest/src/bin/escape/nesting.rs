//! D13: containers in containers, entered in any order.

use crate::attack::{ALONE, Class, Result};
use crate::attempts::Attempts;
use gantry_abi::context::{ContextType, CopyMountFlags, EnterFlags, OpenFlags};
use gantry_abi::user::mount::{WORKING_DIRECTORY, copy_mount};
use gantry_abi::user::process::wait;
use gantry_abi::user::{ContextDescriptor, calls, fork};
use rustix::fs::{Mode, OFlags, mkdir, open, openat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use rustix::pipe::{PipeFlags, pipe_with};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};

pub const NESTING: Class = Class {
    name: "D13",
    title: "roots changed and contexts entered in any order",
    inside: wander,
    ..ALONE
};

/// Random walks, each in a process of its own.
const WALKS: u64 = 60;
/// Steps of a walk.
const STEPS: u32 = 60;

/// Numbers without rhyme, the same in each run.
pub struct Random(u64);

impl Random {
    /// Begins anywhere.
    pub fn new(seed: u64) -> Self {
        Random(0x2545_f491_4f6c_dd1d ^ (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The next one.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// The root's own mark, which is nowhere else.
const MARK: &str = "/mark";

fn wander(attempts: &mut Attempts) -> Result<()> {
    fs::write(MARK, "")?;
    for walk in 0..WALKS {
        let seed = walk * 2 + attempts.role.member as u64;
        // The walk's end is the end of this: a child that goes to another list can't be waited for.
        let (end, held) = pipe_with(PipeFlags::CLOEXEC)?;
        let (told, tell) = pipe_with(PipeFlags::CLOEXEC)?;
        let child = fork(|| {
            let _held = held;
            let mut reached = Attempts::default();
            let mut state = State::default();
            let mut random = Random::new(seed);
            for _ in 0..STEPS {
                // A step that fails is as good as another.
                let _ = step(&mut state, &mut random);
                look_around(&mut reached, &state);
            }
            let text = reached.successes.join(", ");
            i32::from(File::from(tell).write_all(text.as_bytes()).is_err())
        })?;
        File::from(end).read_to_end(&mut Vec::new())?;
        let mut successes = String::new();
        File::from(told).read_to_string(&mut successes)?;
        attempts.never(format!("{successes} on walk {seed}"), !successes.is_empty());
        let _ = wait(child);
    }
    Ok(())
}

/// What a walk has collected.
#[derive(Default)]
struct State {
    directories: Vec<OwnedFd>,
    contexts: Vec<ContextDescriptor>,
}

fn any<'a, T>(items: &'a [T], random: &mut Random) -> Result<&'a T> {
    let index = random.next() as usize % items.len().max(1);
    items.get(index).ok_or_else(|| "there is none".into())
}

fn step(state: &mut State, random: &mut Random) -> Result<()> {
    let paths = [
        "/",
        "..",
        ".",
        "/tmp",
        "/deep",
        "deep",
        "/shared",
        "/shown",
        "../..",
        "/proc/self/root",
    ];
    let path = paths[random.next() as usize % paths.len()];
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match random.next() % 18 {
        0 => mkdir("deep", Mode::from(0o755))?,
        1 => mkdir("/deep", Mode::from(0o755))?,
        2 => rustix::process::chroot(path)?,
        3 => rustix::process::chdir(path)?,
        4 => state.directories.push(open(path, flags, Mode::empty())?),
        5 => {
            let directory = openat(any(&state.directories, random)?, path, flags, Mode::empty())?;
            state.directories.push(directory);
        }
        6 | 7 => rustix::process::fchdir(any(&state.directories, random)?)?,
        8 => {
            let types = ContextType::ALL;
            let context = ContextDescriptor::open(
                types[random.next() as usize % types.len()],
                OpenFlags::empty(),
            )?;
            if let Ok(directory) = any(&state.directories, random) {
                let _ = context.attach_root(directory.as_raw_fd());
            }
            context.create()?;
            state.contexts.push(context);
        }
        9 => state
            .directories
            .push(OwnedFd::from(any(&state.contexts, random)?.open_root()?)),
        10 | 11 => any(&state.contexts, random)?.enter(EnterFlags::CURRENT_PROGRAM)?,
        12 => any(&state.contexts, random)?.enter(EnterFlags::AFTER_EXEC)?,
        13 => copy_mount(
            WORKING_DIRECTORY,
            c"/",
            any(&state.contexts, random)?,
            c"/deep",
            CopyMountFlags::empty(),
        )?,
        14 => mount_bind(path, "/deep")?,
        15 => mount("proc", "/deep", "proc", MountFlags::empty(), None)?,
        16 => unmount("/deep", UnmountFlags::DETACH)?,
        _ => {
            for descriptor in 0..8 {
                let _ = calls::unshare_reopen(2, 1 + descriptor);
            }
            calls::unshare_namespaces(0x0002_0000)?;
        }
    }
    Ok(())
}

/// Nothing of the host's is in reach, and no process but the container's.
fn look_around(reached: &mut Attempts, state: &State) {
    reached.secret_out_of_reach("on a walk");
    for directory in &state.directories {
        for path in [
            "etc/motd",
            "../etc/motd",
            "../../../../../etc/motd",
            "tmp/escape-host",
        ] {
            let found = openat(
                directory,
                path,
                OFlags::PATH | OFlags::CLOEXEC,
                Mode::empty(),
            );
            reached.refused(format!("{path} from a directory"), found);
        }
    }
    for place in ["/proc", "/deep"] {
        reached.process_out_of_sight(place);
    }
}
