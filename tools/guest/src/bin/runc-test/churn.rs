//! Drives containers through their lives, several at a time, while runc and monitors are killed at random; in
//! the end nothing is left.

use crate::Result;
use crate::manager::{Manager, until};
use crate::memory::available;
use crate::random::Random;
use crate::test::Test;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

pub const TESTS: &[Test] = &[Test::own(
    "churn_leaves_nothing",
    || churn(200),
    "others have no monitor",
)];

/// Containers at a time.
const WORKERS: u32 = 8;
/// Containers that are driven before anything is measured: the kernel's caches, of inodes, slabs and stacks, grow to
/// what so many at a time need, and stay.
const FIRST: u32 = 3 * WORKERS;
/// What may be missing in the end, in KiB: less than a page for each of 200 containers, so that one that is lost for
/// each shows.
const TOLERANCE: u64 = 512;
/// How long a call of runc may take until it is killed, if it is, ms.
const LONGEST_CALL: f64 = 60.0;

/// Drives `count` containers.
pub fn churn(count: u32) -> Result<()> {
    let seed = u64::from(std::process::id());
    let runc = Manager::with_script("churn", "while :; do sleep 0.01; done")?;
    let (contexts, processes) = (contexts()?, processes()?);
    let is_alone = || Ok(self::contexts()? == contexts && self::processes()? <= processes);
    drive_many(&runc, "first", FIRST, seed ^ u64::MAX);
    remove(&runc, "first", FIRST)?;
    until("the first are gone", is_alone)?;
    let before = available()?;
    drive_many(&runc, "c", count, seed);
    let failed = |why: String| format!("seed {seed}: {why}");
    remove(&runc, "c", count).map_err(|error| failed(error.to_string()))?;
    let list = runc.output(&["list"])?;
    if list.lines().count() != 1 {
        return Err(failed(list).into());
    }
    if let Some(left) = fs::read_dir(runc.root())?.next() {
        return Err(failed(format!("{:?} is left of a container", left?.path())).into());
    }
    until("contexts and processes are gone", is_alone).map_err(|error| {
        failed(format!(
            "{error}: {:?} {:?}",
            self::contexts(),
            self::processes()
        ))
    })?;
    let is_free = until("memory is free again", || {
        Ok(available()? + TOLERANCE >= before)
    });
    let now = available()?;
    println!("   {count} containers: {before} KiB available before, {now} KiB afterwards");
    is_free.map_err(|error| failed(format!("{error}: {now} KiB instead of {before}")).into())
}

/// Drives containers with this name and a number, several at a time.
fn drive_many(runc: &Manager, name: &str, count: u32, seed: u64) {
    let next = Mutex::new(0..count);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let next = &next;
            let mut random = Random::new(seed.wrapping_add(u64::from(worker) + 1));
            scope.spawn(move || {
                while let Some(number) = next.lock().ok().and_then(|mut next| next.next()) {
                    drive(runc, &format!("{name}{number}"), &mut random);
                }
            });
        }
    });
}

/// Removes what is left of them: a `delete` may have been killed as well.
fn remove(runc: &Manager, name: &str, count: u32) -> Result<()> {
    for number in 0..count {
        runc.does(&["delete", "-f", &format!("{name}{number}")])?;
    }
    Ok(())
}

/// How many contexts there are.
fn contexts() -> Result<usize> {
    Ok(fs::read_to_string("/proc/contexts")?.lines().count())
}

/// How many processes there are.
fn processes() -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        count += usize::from(name.to_string_lossy().parse::<u32>().is_ok());
    }
    Ok(count)
}

/// One container's life. Any call may be killed, and any monitor: what then fails is no error here.
fn drive(runc: &Manager, id: &str, random: &mut Random) {
    const STEPS: [&[&str]; 8] = [
        &["create"],
        &["start"],
        &["exec"],
        &["pause"],
        &["resume"],
        &["kill"],
        &["wait"],
        &["delete"],
    ];
    for step in STEPS {
        let mut words = step.to_vec();
        words.push(id);
        match words.first() {
            Some(&"exec") => words.extend(["sh", "-c", "sleep 0.01"]),
            Some(&"kill") => words.extend(["KILL", "--all"]),
            // Whoever was not killed would not end.
            Some(&"wait")
                if runc
                    .state(id, "status")
                    .is_ok_and(|status| status != "stopped") =>
            {
                words = vec!["delete", "-f", id];
            }
            _ => {}
        }
        let is_killed = random.fraction() < 0.15;
        if random.fraction() < 0.08
            && let Ok(monitor) = runc.monitor(id)
            && let Some(monitor) = Pid::from_raw(monitor)
        {
            let _ = kill_process(monitor, Signal::KILL);
        }
        let Ok(mut call) = runc
            .command(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
        else {
            continue;
        };
        if is_killed {
            thread::sleep(Duration::from_secs_f64(
                random.fraction() * LONGEST_CALL / 1000.0,
            ));
            let _ = call.kill();
        }
        let _ = call.wait();
    }
}
