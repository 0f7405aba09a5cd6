//! /proc/N/status and smaller texts: comm, limits, personality (proc(5)).

use core::sync::atomic::Ordering;

use super::super::text::Text;
use super::stat::{activity, dispositions};
use super::{Subject, numbers};
use crate::context::ProcessList;
use crate::memory::PAGE_SIZE;
use crate::task::{Capability, CommandName, Current, Resource, ThreadRef, limits, memory_score};
use crate::{Errno, Result};

/// The name of the program.
///
/// # Errors
/// None.
pub fn comm(subject: &Subject, _reader: &Current, text: &mut Text) -> Result<()> {
    let name = subject
        .any_thread()
        .map_or_else(|| subject.process.command_name(), |thread| thread.name());
    text.push(name.as_bytes());
    text.push(b"\n");
    Ok(())
}

/// Names a thread of the writer's own process.
///
/// # Errors
/// `EINVAL` for another process's.
pub fn set_comm(subject: &Subject, writer: &Current, value: &[u8]) -> Result<()> {
    if subject.process.host_pid() != writer.process().host_pid() {
        return Err(Errno::EINVAL);
    }
    subject
        .any_thread()
        .ok_or(Errno::ESRCH)?
        .set_name(CommandName::new(value));
    Ok(())
}

/// Writes the status.
///
/// # Errors
/// `ESRCH`.
pub fn status(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    let list = subject.check(reader)?;
    let process = &subject.process;
    let thread = subject.any_thread();
    let name = thread
        .as_ref()
        .map_or_else(|| process.command_name(), |thread| thread.name());
    text.push(b"Name:\t");
    text.push_escaped(name.as_bytes(), b"\n\\");
    text.push(b"\n");
    if let Some(directories) = thread.as_ref().and_then(|thread| thread.directories()) {
        text.add(format_args!("Umask:\t{:04o}\n", directories.umask()));
    }
    let activity = activity(subject);
    text.add(format_args!(
        "State:\t{} ({})\n",
        activity.letter, activity.word
    ));
    show_numbers(subject, &list, text);
    if let Some(thread) = &thread {
        show_users(thread, text);
        show_memory(thread, text);
    }
    text.add(format_args!("Threads:\t{}\n", process.thread_count()));
    show_signals(subject, thread.as_ref(), text);
    if let Some(thread) = &thread {
        show_capabilities(thread, text);
    }
    text.push(b"Seccomp:\t0\n");
    if let Some(thread) = &thread {
        show_scheduling(thread, text);
    }
    Ok(())
}

fn show_numbers(subject: &Subject, list: &ProcessList, text: &mut Text) {
    let process = &subject.process;
    let group = numbers::seen(process.number(), list);
    let number = subject
        .thread
        .as_ref()
        .map_or(group, |thread| numbers::seen(&thread.number(), list));
    text.add(format_args!(
        "Tgid:\t{group}\nNgid:\t0\nPid:\t{number}\nPPid:\t{}\nTracerPid:\t0\n",
        numbers::parent(process, list)
    ));
}

fn show_users(thread: &ThreadRef, text: &mut Text) {
    let credentials = thread.credentials();
    text.add(format_args!(
        "Uid:\t{}\t{}\t{}\t{}\n",
        credentials.uid, credentials.euid, credentials.suid, credentials.fsuid
    ));
    text.add(format_args!(
        "Gid:\t{}\t{}\t{}\t{}\n",
        credentials.gid, credentials.egid, credentials.sgid, credentials.fsgid
    ));
    let capacity = thread.open_files().map_or(0, |files| files.capacity());
    text.add(format_args!("FDSize:\t{capacity}\nGroups:\t"));
    for group in credentials.groups() {
        text.add(format_args!("{group} "));
    }
    text.push(b"\n");
}

fn show_memory(thread: &ThreadRef, text: &mut Text) {
    let Some(space) = thread.address_space() else {
        return;
    };
    let statistics = space.statistics();
    let usage = space.usage();
    let of_files = usage.resident - usage.anonymous - usage.shared_memory;
    for (name, pages) in [
        ("VmPeak", statistics.peak_total),
        ("VmSize", statistics.total),
        ("VmLck", statistics.locked),
        ("VmPin", 0),
        ("VmHWM", statistics.peak_resident),
        ("VmRSS", statistics.resident),
        ("RssAnon", usage.anonymous / PAGE_SIZE),
        ("RssFile", of_files / PAGE_SIZE),
        ("RssShmem", usage.shared_memory / PAGE_SIZE),
        ("VmData", statistics.data),
        ("VmStk", statistics.stack),
        ("VmExe", statistics.text),
        ("VmPTE", space.table_bytes() / PAGE_SIZE),
        ("VmSwap", 0),
    ] {
        text.add(format_args!(
            "{name}:\t{:>8} kB\n",
            pages * PAGE_SIZE / 1024
        ));
    }
}

fn show_signals(subject: &Subject, thread: Option<&ThreadRef>, text: &mut Text) {
    let process = &subject.process;
    let (ignored, caught) = dispositions(process);
    let queued = process.shared().lock().pending.queued();
    let (pending, blocked) = thread.map_or((0, 0), |thread| {
        (
            thread.signals().pending_set().0,
            thread.signals().blocked().0,
        )
    });
    text.add(format_args!(
        "SigQ:\t{queued}/{}\n",
        process.limit(Resource::PendingSignals)
    ));
    text.add(format_args!(
        "SigPnd:\t{pending:016x}\nShdPnd:\t{:016x}\nSigBlk:\t{blocked:016x}\nSigIgn:\t{:016x}\nSigCgt:\t{:016x}\n",
        process.pending_set().0,
        ignored.0,
        caught.0,
    ));
}

fn show_capabilities(thread: &ThreadRef, text: &mut Text) {
    let own = thread.credentials();
    for (name, set) in [
        ("CapInh", own.inheritable),
        ("CapPrm", own.permitted),
        ("CapEff", own.effective),
        ("CapBnd", own.bounding),
        ("CapAmb", own.ambient),
    ] {
        text.add(format_args!("{name}:\t{:016x}\n", set.bits()));
    }
    text.add(format_args!(
        "NoNewPrivs:\t{}\n",
        u32::from(own.no_new_privileges)
    ));
}

fn show_scheduling(thread: &ThreadRef, text: &mut Text) {
    let joined = crate::sched::cpu::joined();
    let allowed = thread.scheduling().affinity() & joined;
    text.add(format_args!(
        "Cpus_allowed:\t{allowed:x}\nCpus_allowed_list:\t"
    ));
    let mut cpu = 0;
    let mut separator = "";
    while cpu < 64 {
        let run = (allowed >> cpu).trailing_ones();
        if run > 0 {
            let last = cpu + run - 1;
            if run == 1 {
                text.add(format_args!("{separator}{cpu}"));
            } else {
                text.add(format_args!("{separator}{cpu}-{last}"));
            }
            separator = ",";
        }
        cpu += run.max(1);
    }
    let (voluntary, involuntary) = thread.scheduling().switches();
    text.add(format_args!(
        "\nvoluntary_ctxt_switches:\t{voluntary}\nnonvoluntary_ctxt_switches:\t{involuntary}\n"
    ));
}

/// The resource limits, as a table.
///
/// # Errors
/// None.
pub fn limits(subject: &Subject, _reader: &Current, text: &mut Text) -> Result<()> {
    const ROWS: [(Resource, &str, &str); 16] = [
        (Resource::CpuTime, "Max cpu time", "seconds"),
        (Resource::FileSize, "Max file size", "bytes"),
        (Resource::Data, "Max data size", "bytes"),
        (Resource::Stack, "Max stack size", "bytes"),
        (Resource::Core, "Max core file size", "bytes"),
        (Resource::Resident, "Max resident set", "bytes"),
        (Resource::Processes, "Max processes", "processes"),
        (Resource::OpenFiles, "Max open files", "files"),
        (Resource::LockedMemory, "Max locked memory", "bytes"),
        (Resource::AddressSpace, "Max address space", "bytes"),
        (Resource::FileLocks, "Max file locks", "locks"),
        (Resource::PendingSignals, "Max pending signals", "signals"),
        (Resource::MessageQueues, "Max msgqueue size", "bytes"),
        (Resource::Nice, "Max nice priority", ""),
        (Resource::RealTimePriority, "Max realtime priority", ""),
        (Resource::RealTimeCpu, "Max realtime timeout", "us"),
    ];
    text.add(format_args!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    ));
    let all = *subject.process.limits().lock();
    for (resource, name, unit) in ROWS {
        let limit = all.get(resource);
        text.add(format_args!("{name:<25} "));
        for value in [limit.soft, limit.hard] {
            if value == limits::INFINITY {
                text.add(format_args!("{:<20} ", "unlimited"));
            } else {
                text.add(format_args!("{value:<20} "));
            }
        }
        text.add(format_args!("{unit:<10}\n"));
    }
    Ok(())
}

/// The execution domain.
///
/// # Errors
/// `EACCES`.
pub fn personality(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    subject.check_inspection(reader)?;
    text.add(format_args!(
        "{:08x}\n",
        subject.process.personality().load(Ordering::Relaxed)
    ));
    Ok(())
}

/// What victims are chosen by when there is no memory left, on Linux's scale: 0 for never, two thirds of 1000 for a
/// small process without an adjustment.
///
/// # Errors
/// None.
pub fn oom_score(subject: &Subject, _reader: &Current, text: &mut Text) -> Result<()> {
    let total = (hal::frame::total() as i64).max(1);
    let score = memory_score::points(&subject.process)
        .map_or(0, |points| ((1000 + points * 1000 / total) * 2 / 3).max(0));
    text.add(format_args!("{score}\n"));
    Ok(())
}

/// What is added to the score.
///
/// # Errors
/// None.
pub fn oom_adjustment(subject: &Subject, _reader: &Current, text: &mut Text) -> Result<()> {
    let score = subject.process.memory_score();
    text.add(format_args!("{}\n", score.adjustment()));
    Ok(())
}

/// Sets what is added to the score.
///
/// # Errors
/// `EINVAL` for what isn't a number from -1000 to 1000; `EACCES` without CAP_SYS_RESOURCE below what was set with it.
pub fn set_oom_adjustment(subject: &Subject, writer: &Current, value: &[u8]) -> Result<()> {
    let text = core::str::from_utf8(value).map_err(|_| Errno::EINVAL)?;
    let adjustment = text.trim().parse().map_err(|_| Errno::EINVAL)?;
    subject
        .process
        .memory_score()
        .adjust(adjustment, writer.is_capable(Capability::SysResource))
}
