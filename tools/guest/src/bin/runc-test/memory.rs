//! What a container costs that does nothing.

use crate::Result;
use crate::manager::{IDLE, Manager};
use crate::test::Test;
use std::time::Duration;
use std::{fs, thread};

pub const TESTS: &[Test] = &[Test::own(
    "an_idle_container_costs_little",
    idle,
    "the figure is of our kernel; others' are in BENCHMARKS.md",
)];

/// Containers that are made for the measurement.
const COUNT: u64 = 50;
/// The largest cost of one, in KiB: its program, its files' tree, its contexts and its monitor.
const LARGEST: u64 = 400;

/// Memory that is free or can be made free, in KiB.
pub fn available() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .ok_or("no MemAvailable")?;
    let number = line.split_whitespace().next().ok_or("no number")?;
    Ok(number.parse()?)
}

/// Takes memory until there is none, for tests that run it in a container; never returns.
pub fn eat() -> ! {
    const PIECE: usize = 16 << 20;
    const PAGE: usize = 4096;
    let mut pieces = Vec::new();
    loop {
        let mut piece = vec![0u8; PIECE];
        for byte in piece.iter_mut().step_by(PAGE) {
            *byte = 1;
        }
        pieces.push(std::hint::black_box(piece));
    }
}

fn idle() -> Result<()> {
    let runc = Manager::with_script("idle", IDLE)?;
    runc.does(&["run", "-d", "first", "/bin/sleep", "1000"])?;
    let before = available()?;
    for number in 0..COUNT {
        runc.does(&["run", "-d", &format!("c{number}"), "/bin/sleep", "1000"])?;
    }
    thread::sleep(Duration::from_millis(200));
    let cost = before.saturating_sub(available()?) / COUNT;
    println!("   an idle container costs {cost} KiB");
    if cost > LARGEST {
        return Err(format!("{cost} KiB instead of {LARGEST} at most").into());
    }
    Ok(())
}
