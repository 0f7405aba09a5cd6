//! /proc/N/stat: 52 fields on a line (proc_pid_stat(5)).

use super::super::text::Text;
use super::Subject;
use super::numbers;
use crate::sched::State;
use crate::signal::state::JobState;
use crate::signal::{Signal, SignalSet};
use crate::task::usage::{self, ticks};
use crate::task::{Current, Process, Resource, ThreadRef, family};
use crate::{Result, memory};

/// One letter for what a process or thread does, and the word in status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// The letter.
    pub letter: char,
    /// The word.
    pub word: &'static str,
}

/// What a subject does.
pub fn activity(subject: &Subject) -> Activity {
    let Some(thread) = subject.any_thread() else {
        return Activity {
            letter: 'Z',
            word: "zombie",
        };
    };
    let job = subject.process.shared().lock().job;
    if matches!(job, JobState::Stopped(_)) {
        return Activity {
            letter: 'T',
            word: "stopped",
        };
    }
    match thread.scheduling().state() {
        State::RUNNABLE => Activity {
            letter: 'R',
            word: "running",
        },
        State::INTERRUPTIBLE => Activity {
            letter: 'S',
            word: "sleeping",
        },
        State::STOPPED => Activity {
            letter: 'T',
            word: "stopped",
        },
        State::DEAD => Activity {
            letter: 'X',
            word: "dead",
        },
        _ => Activity {
            letter: 'D',
            word: "disk sleep",
        },
    }
}

/// The signals that a process ignores and those that it handles.
pub fn dispositions(process: &Process) -> (SignalSet, SignalSet) {
    let shared = process.shared().lock();
    let (mut ignored, mut caught) = (SignalSet::EMPTY, SignalSet::EMPTY);
    for signal in (1..=i32::from(Signal::LAST)).filter_map(Signal::new) {
        let action = shared.actions.get(signal);
        if action.is_ignore() {
            ignored.insert(signal);
        } else if !action.is_default() {
            caught.insert(signal);
        }
    }
    (ignored, caught)
}

/// The times and the sizes that only a living subject has.
struct Living {
    blocked: SignalSet,
    pending: SignalSet,
    nice: i32,
    policy: u32,
    cpu: usize,
    statistics: memory::Statistics,
    layout: memory::Layout,
}

impl Living {
    fn of(thread: &ThreadRef) -> Self {
        let space = thread.address_space();
        Living {
            blocked: thread.signals().blocked(),
            pending: thread.signals().pending_set(),
            nice: thread.scheduling().nice(),
            policy: thread.scheduling().policy(),
            cpu: thread.scheduling().cpu(),
            statistics: space
                .as_ref()
                .map(|space| space.statistics())
                .unwrap_or_default(),
            layout: space
                .as_ref()
                .map(|space| space.layout())
                .unwrap_or_default(),
        }
    }
}

/// Linux's stat shows only the first 31 signals of each set.
fn low(set: SignalSet) -> u64 {
    set.0 & 0x7fff_ffff
}

/// Writes the line.
///
/// # Errors
/// `ESRCH`.
pub fn stat(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    let list = subject.check(reader)?;
    let process = &subject.process;
    let thread = subject.any_thread();
    let living = thread.as_ref().map(Living::of);
    let (used, children) = match &subject.thread {
        Some(thread) => (usage::of_thread(thread), usage::Usage::default()),
        None => (
            usage::of_process(process),
            process.accounts().lock().children,
        ),
    };
    let (ignored, caught) = dispositions(process);
    let name = thread
        .as_ref()
        .map_or_else(|| process.command_name(), |thread| thread.name());
    let number = match &subject.thread {
        Some(thread) => numbers::seen(&thread.number(), &list),
        None => numbers::seen(process.number(), &list),
    };
    let terminal = family::group(process).session().terminal();
    let terminal_number = terminal
        .as_ref()
        .map_or(0, |terminal| terminal.number().encode());
    let foreground = terminal
        .as_ref()
        .and_then(|terminal| terminal.foreground())
        .map_or(-1, |group| i64::from(numbers::seen(group.number(), &list)));
    text.add(format_args!("{number} ("));
    text.push(name.as_bytes());
    text.add(format_args!(
        ") {} {} {} {} {terminal_number} {foreground} 0 0 0 0 0 {} {} {} {} ",
        activity(subject).letter,
        numbers::parent(process, &list),
        numbers::group(process, &list),
        numbers::session(process, &list),
        ticks(used.user),
        ticks(used.system),
        ticks(children.user),
        ticks(children.system),
    ));
    let nice = living.as_ref().map_or(0, |living| living.nice);
    let statistics = living
        .as_ref()
        .map(|living| living.statistics)
        .unwrap_or_default();
    // The layout of memory is for those who may look into it.
    let may_look = subject.check_inspection(reader).is_ok();
    let layout = living
        .as_ref()
        .map(|living| living.layout)
        .filter(|_| may_look)
        .unwrap_or_default();
    let started = subject
        .thread
        .as_ref()
        .map_or_else(|| process.start_time(), |thread| thread.start_time());
    text.add(format_args!(
        "{} {nice} {} 0 {} {} {} {} {} {} {} 0 0 ",
        20 + nice,
        process.thread_count().max(usize::from(living.is_none())),
        ticks(started),
        statistics.total * memory::PAGE_SIZE,
        statistics.resident,
        process.limit(Resource::Resident),
        layout.code_start,
        layout.code_end,
        layout.stack_start,
    ));
    let pending = living.as_ref().map_or(SignalSet::EMPTY, |living| {
        living.pending.union(process.pending_set())
    });
    let blocked = living
        .as_ref()
        .map_or(SignalSet::EMPTY, |living| living.blocked);
    text.add(format_args!(
        "{} {} {} {} 0 0 0 17 {} 0 {} 0 0 0 {} {} {} {} {} {} {} {}\n",
        low(pending),
        low(blocked),
        low(ignored),
        low(caught),
        living.as_ref().map_or(0, |living| living.cpu),
        living.as_ref().map_or(0, |living| living.policy),
        layout.data_start,
        layout.data_end,
        layout.heap_start,
        layout.arguments_start,
        layout.arguments_end,
        layout.environment_start,
        layout.environment_end,
        if may_look { process.exit_status() } else { 0 },
    ));
    Ok(())
}
