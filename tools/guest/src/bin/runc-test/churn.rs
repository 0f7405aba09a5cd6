//! Drives containers through their lives, several at a time, while runc and monitors are killed at random; in
//! the end nothing is left.

use crate::Result;
use crate::manager::{Manager, until};
use crate::memory::available;
use crate::random::Random;
use crate::test::Test;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

pub const TESTS: &[Test] = &[Test::own(
    "churn_leaves_nothing",
    || churn(24),
    "others have no monitor",
)];

/// Containers at a time.
const WORKERS: u32 = 8;
/// What may be missing in the end, in KiB: caches of the kernel that have grown.
const TOLERANCE: u64 = 2048;
/// How long a call of runc may take until it is killed, if it is, ms.
const LONGEST_CALL: f64 = 60.0;

/// Drives `count` containers.
pub fn churn(count: u32) -> Result<()> {
    let seed = u64::from(std::process::id());
    let runc = Manager::with_script("churn", "while :; do sleep 0.01; done")?;
    // A round before, so that what is kept for ever is there already.
    drive(&runc, "warm", &mut Random::new(seed));
    runc.does(&["delete", "-f", "warm"])?;
    let before = available()?;
    let contexts = contexts()?;
    let next = Mutex::new(0..count);
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (runc, next) = (&runc, &next);
            let mut random = Random::new(seed + u64::from(worker) + 1);
            scope.spawn(move || {
                while let Some(number) = next.lock().ok().and_then(|mut next| next.next()) {
                    drive(runc, &format!("c{number}"), &mut random);
                }
            });
        }
    });
    let failed = |why: String| format!("seed {seed}: {why}");
    for number in 0..count {
        runc.does(&["delete", "-f", &format!("c{number}")])
            .map_err(|error| failed(error.to_string()))?;
    }
    let list = runc.output(&["list"])?;
    if list.lines().count() != 1 {
        return Err(failed(list).into());
    }
    until(
        "the contexts are gone",
        || Ok(self::contexts()? == contexts),
    )
    .map_err(|error| failed(format!("{error}: {:?}", self::contexts())))?;
    until("memory is free again", || {
        Ok(available()? + TOLERANCE >= before)
    })
    .map_err(|error| {
        let now = available().unwrap_or_default();
        failed(format!("{error}: {now} KiB instead of {before}")).into()
    })
}

/// The lines of /proc/contexts, without how many processes there are.
fn contexts() -> Result<usize> {
    Ok(std::fs::read_to_string("/proc/contexts")?.lines().count())
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
