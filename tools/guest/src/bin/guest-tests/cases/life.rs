//! Statements 57, 58 and 60 to 62: nothing is left, whatever happens.

use crate::check::{Check, ensure, equal, ok};
use crate::child::{Child, End, Gate, run};
use crate::container::{
    self, add_proc, create, enter_after_exec, enter_now, vfs_root_with_program,
};
use crate::harness::Case;
use gantry_abi::context::{ContextType, OpenFlags};
use gantry_abi::user::{ContextDescriptor, Errno, calls};
use rustix::process::{Signal, WaitOptions, waitpid};
use std::fs;
use std::os::unix::process::CommandExt;
use std::thread;

pub const CASES: &[Case] = &[
    Case {
        name: "s57_a_thousand_containers_leave_nothing",
        test: thousand,
    },
    Case {
        name: "s58_killed_creators_leave_nothing",
        test: killed_creators,
    },
    Case {
        name: "s60_a_context_never_entered_goes_with_its_descriptor",
        test: never_entered,
    },
    Case {
        name: "s61_kill_on_close",
        test: kill_on_close,
    },
    Case {
        name: "s62_random_arguments_do_no_harm",
        test: random_arguments,
    },
];

/// What there is of contexts, mounts and memory.
pub struct Stock {
    contexts: Vec<String>,
    mounts: usize,
    free: u64,
}

impl Stock {
    /// What there is now.
    pub fn take() -> Check<Self> {
        let contexts = ok("/proc/contexts", fs::read_to_string("/proc/contexts"))?;
        // Type and id: the counts change while the tests run.
        let name = |line: &str| {
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let memory = ok("/proc/meminfo", fs::read_to_string("/proc/meminfo"))?;
        let free = memory.lines().find_map(|line| {
            line.strip_prefix("MemFree:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        });
        Ok(Stock {
            contexts: contexts.lines().skip(1).map(name).collect(),
            mounts: ok("/proc/mounts", fs::read_to_string("/proc/mounts"))?
                .lines()
                .count(),
            free: free.ok_or("no MemFree in /proc/meminfo")?,
        })
    }

    /// Everything is as it was; memory may differ by what caches keep, in KiB.
    pub fn check(&self, allowance: u64) -> Check {
        let now = Stock::take()?;
        equal("the contexts", now.contexts, self.contexts.clone())?;
        equal("the host's mounts", now.mounts, self.mounts)?;
        ensure(
            &format!("free memory: {} KiB, {} KiB before", now.free, self.free),
            now.free + allowance >= self.free,
        )
    }
}

/// One container from its making to its end, in a child.
fn round() -> Check {
    run(|| {
        let root = vfs_root_with_program()?;
        add_proc(&root)?;
        let (list, name) = (
            create(ContextType::ProcessList)?,
            create(ContextType::Hostname)?,
        );
        let lines = container::run(&["pid"], || {
            for context in [&root, &list, &name] {
                enter_after_exec(context)?;
            }
            Ok(())
        })?;
        equal("the program inside", lines, vec!["1".to_owned()])
    })
}

/// What the caches of every CPU may keep, KiB.
pub const CACHES: u64 = 2048;

fn thousand() -> Check {
    // The first rounds fill caches.
    for _ in 0..20 {
        round()?;
    }
    let before = Stock::take()?;
    for _ in 0..1000 {
        round()?;
    }
    before.check(CACHES)
}

fn killed_creators() -> Check {
    for _ in 0..20 {
        round()?;
    }
    let before = Stock::take()?;
    let mut seed = 0x9e37_79b9_u32;
    for _ in 0..200 {
        let mut creator = Child::start(|| {
            loop {
                let root = vfs_root_with_program()?;
                let list =
                    ContextDescriptor::new(ContextType::ProcessList, OpenFlags::KILL_ON_CLOSE);
                let list = ok("create a list", list)?;
                let _lines = container::run(&["pid", "children:2"], || {
                    enter_after_exec(&root)?;
                    enter_after_exec(&list)
                })?;
            }
        })?;
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let wait = std::time::Duration::from_micros(u64::from(seed >> 16) % 5000);
        thread::sleep(wait);
        creator.signal(Signal::KILL)?;
        equal(
            "the creator's end",
            creator.wait()?,
            End::Signal(Signal::KILL.as_raw()),
        )?;
    }
    // The last member of a killed creator's container may still be on its way out.
    for _ in 0..500 {
        if before.check(CACHES).is_ok() {
            break;
        }
        thread::sleep(std::time::Duration::from_millis(10));
    }
    before.check(CACHES)
}

fn never_entered() -> Check {
    let before = Stock::take()?;
    for context_type in ContextType::ALL {
        let context = create(context_type)?;
        let id = ok("GET_INFO", context.info())?.id;
        let contexts = Stock::take()?.contexts;
        equal(
            "one context more",
            contexts.len(),
            before.contexts.len() + 1,
        )?;
        drop(context);
        let found = calls::unshare_reopen(context_type.number(), id);
        equal("reopen afterwards", found.err(), Some(Errno::ESRCH))?;
    }
    before.check(CACHES)
}

/// A list that ends with its descriptor.
fn guarded_list() -> Check<Option<ContextDescriptor>> {
    let list = ContextDescriptor::new(ContextType::ProcessList, OpenFlags::KILL_ON_CLOSE);
    Ok(Some(ok("create", list)?))
}

/// A member of the list that has closed its own copy of the descriptor, and waits to be killed.
fn member(list: &mut Option<ContextDescriptor>) -> Check<Child> {
    let (read, write) = ok("pipe", rustix::pipe::pipe())?;
    let child = Child::start(|| {
        // The child's own copy of it: the parent keeps what it has.
        let own = list.take().ok_or("no list")?;
        enter_now(&own)?;
        drop(own);
        ok("tell", rustix::io::write(&write, b"1"))?;
        loop {
            thread::park();
        }
    })?;
    let mut byte = [0];
    ok("wait for the member", rustix::io::read(&read, &mut byte))?;
    Ok(child)
}

/// Whether a child has not ended.
fn is_alive(child: &Child) -> Check<bool> {
    let process = rustix::process::Pid::from_raw(child.process());
    Ok(ok("wait", waitpid(process, WaitOptions::NOHANG))?.is_none())
}

fn kill_on_close() -> Check {
    let killed = End::Signal(Signal::KILL.as_raw());
    let mut list = guarded_list()?;
    let mut first = member(&mut list)?;
    let copy = ok("dup", rustix::io::dup(list.as_ref().ok_or("no list")?))?;
    drop(list);
    ensure("a copy keeps it alive", is_alive(&first)?)?;
    drop(copy);
    equal("the last close kills it", first.wait()?, killed)?;
    // A second opening of the same list isn't one that kills.
    let mut list = guarded_list()?;
    let id = ok("GET_INFO", list.as_ref().ok_or("no list")?.info())?.id;
    let again = ok(
        "reopen",
        ContextDescriptor::reopen(ContextType::ProcessList, id),
    )?;
    let mut second = member(&mut list)?;
    drop(again);
    ensure("another opening's close kills nobody", is_alive(&second)?)?;
    // A descriptor in a child is a copy too.
    let mut gate = Gate::new()?;
    let holder = Child::start(|| gate.wait())?;
    drop(list);
    ensure("a child's copy keeps it alive", is_alive(&second)?)?;
    gate.open();
    holder.finish()?;
    equal("the last close kills it", second.wait()?, killed)?;
    // Nobody joins a list that its manager has closed.
    let mut list = guarded_list()?;
    let mut gate = Gate::new()?;
    let late = Child::start(|| {
        enter_after_exec(list.as_ref().ok_or("no list")?)?;
        drop(list.take());
        gate.wait()?;
        let program = container::program()?;
        let error = container::script_command_at(&program, &["pid"]).exec();
        equal(
            "exec into a closed list",
            error.raw_os_error(),
            Some(Errno::EAGAIN.number()),
        )
    })?;
    drop(list);
    gate.open();
    late.finish()
}

fn random_arguments() -> Check {
    let before = Stock::take()?;
    let children: Vec<_> = (0..4u64)
        .map(|who| Child::start(move || throw(who)))
        .collect::<Check<_>>()?;
    for child in children {
        child.finish()?;
    }
    before.check(CACHES)
}

/// A quarter of a million random calls.
fn throw(who: u64) -> Check {
    let mut state = 0x2545_f491_4f6c_dd1d ^ (who + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let limit = rustix::process::Rlimit {
        current: Some(64),
        maximum: Some(64),
    };
    ok(
        "limit",
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limit),
    )?;
    let mut kept: Vec<gantry_abi::user::OwnedDescriptor> = Vec::new();
    for _ in 0..250_000 {
        let number = |value: u64| match value % 8 {
            0 => -1,
            1 => i32::MIN,
            2 => value as i32 >> 8,
            _ => (value >> 8) as i32 % 64,
        };
        let (a, b, c) = (next(), next(), next());
        match a % 7 {
            0 | 1 => {
                if let Ok(descriptor) = calls::unshare_open(number(b) % 5, c as u32 % 3) {
                    kept.push(descriptor);
                }
            }
            2 => drop(calls::unshare_create(number(b))),
            // Entering now would take the test out of its own files and numbers.
            3 => drop(calls::unshare_enter(
                number(b),
                [0, 2, 4, 8, 5, 6][c as usize % 6],
            )),
            4 => {
                if let Ok(descriptor) = calls::unshare_reopen(number(b) % 5, c % 8) {
                    kept.push(descriptor);
                }
            }
            5 => drop(calls::copy_mount(
                number(b),
                c"/",
                number(c),
                c"/none",
                c as u32 % 32,
            )),
            _ => {
                let request = u32::from(b'u') << 8 | (c as u32 % 12);
                // Not SIGNAL and FREEZE: the boot list is in reach.
                if ![5, 7].contains(&(request & 0xff)) {
                    // Whatever it says, it must do no harm.
                    let _ = calls::context_request(number(b), request, number(next()));
                }
            }
        }
        if kept.len() > 40 {
            kept.clear();
        }
    }
    Ok(())
}
