//! D17: every system call, with any arguments.

use crate::attack::{ALONE, Class, Result};
use crate::attempts::Attempts;
use crate::nesting::Random;
use gantry_abi::user::{arbitrary, calls, process};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

pub const ANY_CALL: Class = Class {
    name: "D17",
    title: "calls that nobody thought of",
    unjailed: false,
    inside: call_everything,
    ..ALONE
};

/// kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo: they would end the attack itself.
const SIGNALS: [usize; 5] = [129, 130, 131, 138, 240];
/// How often each number is called.
const TIMES: u64 = 3;
/// A call that waits for something is given up after this time, ns.
const PATIENCE: i64 = 10_000_000;

fn call_everything(attempts: &mut Attempts) -> Result<()> {
    let mut random = Random::new(attempts.role.member as u64);
    let memory = vec![0_u8; 4096];
    for call in (0..1024).chain(1024..1030) {
        if SIGNALS.contains(&call) {
            continue;
        }
        for _ in 0..TIMES {
            let arguments = std::array::from_fn(|_| argument(&mut random, &memory));
            call_in_time(call, arguments)?;
            attempts.count += 1;
        }
    }
    attempts.secret_out_of_reach("after all calls");
    Ok(())
}

fn argument(random: &mut Random, memory: &[u8]) -> usize {
    let value = random.next();
    let choice = value >> 32;
    match value % 8 {
        0 => 0,
        1 => usize::MAX,
        2 => choice as usize % 16,
        3 => choice as usize % 256,
        4 => memory.as_ptr().addr() + choice as usize % 4096,
        5 => 1 << (choice % 64),
        6 => (choice as usize) << 12,
        _ => choice as usize,
    }
}

/// Makes a call in a child, which is killed if it takes too long.
fn call_in_time(call: usize, arguments: [usize; 6]) -> Result<()> {
    let child = arbitrary::start_call(call, arguments)?;
    let number = Pid::from_raw(child).ok_or("a process number of 0")?;
    let descriptor = pidfd_open(number, PidfdFlags::empty())?;
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: PATIENCE,
    };
    let mut events = [PollFd::new(&descriptor, PollFlags::IN)];
    if poll(&mut events, Some(&patience))? == 0 {
        calls::kill(child, 9)?;
    }
    process::wait(child)?;
    Ok(())
}
