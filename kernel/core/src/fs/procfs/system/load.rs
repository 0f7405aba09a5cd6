//! /proc/{loadavg,stat,uptime}: what the processors do (proc(5)).

use super::super::text::Text;
use crate::sched::cpu::{self, CpuTimes};
use crate::system::load;
use crate::task::usage::ticks;
use crate::task::{Current, registry};
use crate::time;
use crate::{Errno, Result};

const SECOND: u64 = 1_000_000_000;

/// Averages, runnable and all threads, the newest number.
///
/// # Errors
/// None.
pub fn loadavg(reader: &Current, text: &mut Text) -> Result<()> {
    for average in load::averages() {
        // Two decimals, rounded.
        let hundredths = (average * 100 + load::ONE / 2) / load::ONE;
        text.add(format_args!(
            "{}.{:02} ",
            hundredths / 100,
            hundredths % 100
        ));
    }
    let (threads, newest) = match reader
        .process()
        .contexts()
        .list()
        .ok_or(Errno::ESRCH)?
        .host_numbers()?
    {
        Some(numbers) => (numbers.len(), numbers.len() as u32),
        None => (registry::counts().1, registry::newest()),
    };
    text.add(format_args!("{}/{threads} {newest}\n", cpu::runnable()));
    Ok(())
}

/// Seconds since boot, and seconds that all processors together were idle.
///
/// # Errors
/// None.
pub fn uptime(_reader: &Current, text: &mut Text) -> Result<()> {
    let idle: u64 = (0..64)
        .filter(|&cpu| cpu::joined() >> cpu & 1 != 0)
        .map(|cpu| cpu::times(cpu).idle)
        .sum();
    for (value, end) in [(hal::time::now(), ' '), (idle, '\n')] {
        text.add(format_args!(
            "{}.{:02}{end}",
            value / SECOND,
            value % SECOND / (SECOND / 100)
        ));
    }
    Ok(())
}

/// Times in ticks, for all processors and each; switches, boot time, threads made and runnable.
///
/// # Errors
/// None.
pub fn stat(_reader: &Current, text: &mut Text) -> Result<()> {
    let cpus = (0..64).filter(|&cpu| cpu::joined() >> cpu & 1 != 0);
    let all = cpus
        .clone()
        .map(cpu::times)
        .fold(CpuTimes::default(), |mut sum, times| {
            sum.user += times.user;
            sum.system += times.system;
            sum.idle += times.idle;
            sum.switches += times.switches;
            sum
        });
    text.push(b"cpu  ");
    push_times(&all, text);
    for cpu in cpus {
        text.add(format_args!("cpu{cpu} "));
        push_times(&cpu::times(cpu), text);
    }
    let booted = time::realtime().saturating_sub(hal::time::now()) / SECOND;
    text.add(format_args!(
        "ctxt {}\nbtime {booted}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\n",
        all.switches,
        registry::newest(),
        cpu::runnable()
    ));
    Ok(())
}

/// user, nice, system, idle, iowait, irq, softirq, steal, guest, guest_nice. Interrupts count as what they interrupted.
fn push_times(times: &CpuTimes, text: &mut Text) {
    text.add(format_args!(
        "{} 0 {} {} 0 0 0 0 0 0\n",
        ticks(times.user),
        ticks(times.system),
        ticks(times.idle)
    ));
}
