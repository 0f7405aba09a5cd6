//! D15: a container that takes all it can get.

use crate::attack::{ALONE, Class, Result, Role, Scene};
use crate::attempts::Attempts;
use crate::container::{Container, HELPERS};
use gantry_abi::user::{calls, fork};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mount::{MountFlags, mount};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

pub const EXHAUSTION: Class = Class {
    name: "D15",
    title: "what a container takes hinders the host, or stays taken",
    inside: take_all,
    outside: watch,
    ..ALONE
};

/// The attacker that takes all it can get.
const GREEDY: usize = HELPERS;
/// What caches may keep of a container that is gone, in KiB.
const ALLOWANCE: u64 = 4096;

fn take_all(attempts: &mut Attempts) -> Result<()> {
    attempts.count += 1;
    if attempts.role.member != GREEDY {
        return Ok(());
    }
    let most = |count| Rlimit {
        current: Some(count),
        maximum: Some(count),
    };
    // There are no limits of a container as a whole: those of a process have to do.
    setrlimit(Resource::Nproc, most(120))?;
    setrlimit(Resource::Nofile, most(512))?;
    println!("greedy");
    if !attempts.role.jailed {
        for index in 0..200 {
            let path = format!("/tmp/m{index}");
            fs::create_dir(&path)?;
            mount("tmpfs", path.as_str(), "tmpfs", MountFlags::empty(), None)?;
        }
    }
    loop {
        take();
        if fork(|| {
            loop {
                take();
            }
        })
        .is_err()
        {
            std::thread::yield_now();
        }
    }
}

/// Takes descriptors, pipes full of bytes, and files in memory, until there is no more of one of them.
fn take() {
    let mut held = Vec::new();
    for _ in 0..40 {
        if let Ok((read, write)) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC) {
            let _ = rustix::io::write(&write, &[0; 65_536]);
            held.push(read);
            held.push(write);
        }
    }
    while let Ok(file) = memfd_create("greed", MemfdFlags::CLOEXEC) {
        let mut file = File::from(file);
        let _ = file.write_all(&[1; 4096]);
        held.push(file.into());
    }
}

fn free_memory() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let free = text.lines().find_map(|line| {
        line.strip_prefix("MemFree:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    });
    free.ok_or_else(|| "no MemFree in /proc/meminfo".into())
}

/// Lets a greedy container run for a while, ends it, and counts what is left.
fn run_greedy(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let role = Role {
        member: GREEDY,
        members: scene.containers.len(),
        jailed: scene.jailed,
    };
    let mut greedy = Vec::new();
    for _ in scene.containers {
        let container = Container::new(scene.canaries)?;
        greedy.push((container.start("D15", &role, scene.canaries)?, container));
    }
    let end = Instant::now() + Duration::from_millis(500);
    let mut slowest = Duration::ZERO;
    while Instant::now() < end {
        let begin = Instant::now();
        fs::metadata("/etc/motd")?;
        calls::kill(scene.canaries.process(), 0)?;
        slowest = slowest.max(begin.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    attempts.never(
        format!("a call of the host's took {slowest:?}"),
        slowest > Duration::from_secs(2),
    );
    for (_, container) in &greedy {
        container.list.signal(9)?;
    }
    for (running, container) in greedy {
        running.text()?;
        attempts.never("members are left", !container.list.list_pids()?.is_empty());
    }
    Ok(())
}

fn watch(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    // The first fills caches.
    run_greedy(scene, attempts)?;
    let before = free_memory()?;
    for _ in 0..3 {
        run_greedy(scene, attempts)?;
    }
    let mut after = free_memory()?;
    for _ in 0..100 {
        if after + ALLOWANCE >= before {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
        after = free_memory()?;
    }
    attempts.never(
        format!("{} KiB are gone", before.saturating_sub(after)),
        after + ALLOWANCE < before,
    );
    Ok(())
}
