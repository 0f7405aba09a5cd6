//! Resource limits (getrlimit(2)), and what else a manager sets for a process: scheduling, I/O priority, personality and
//! the score by which processes end for want of memory.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{Child, End, Gate, run};
use crate::container;
use crate::files::Place;
use crate::harness::Case;
use crate::users::become_user;
use gantry_abi::user::attributes::{
    Scheduling, io_priority, set_io_priority, set_personality, set_scheduling,
};
use gantry_abi::user::signal::{self, SignalSet};
use gantry_abi::user::{Errno, fork};
use rustix::process::{
    Resource, Rlimit, Signal, WaitOptions, getrlimit, setpriority_process, setrlimit, waitpid,
};
use std::fs;
use std::hint::black_box;
use std::io::Write;
use std::process::Command;

pub const CASES: &[Case] = &[
    Case {
        name: "limits_are_set_and_inherited",
        test: all_kinds,
    },
    Case {
        name: "limit_of_processes",
        test: processes,
    },
    Case {
        name: "limit_of_processes_at_exec",
        test: processes_at_exec,
    },
    Case {
        name: "limit_of_cpu_time",
        test: cpu_time,
    },
    Case {
        name: "limit_of_file_size",
        test: file_size,
    },
    Case {
        name: "limit_of_address_space_and_open_files",
        test: memory_and_files,
    },
    Case {
        name: "limit_of_nice_levels",
        test: nice,
    },
    Case {
        name: "scheduling_is_set_and_inherited",
        test: scheduling,
    },
    Case {
        name: "io_priority_is_set_and_inherited",
        test: input_output,
    },
    Case {
        name: "personality_without_random_addresses",
        test: personality,
    },
    Case {
        name: "the_memory_score_is_adjusted_by_rights",
        test: memory_score,
    },
    Case {
        name: "the_highest_memory_score_ends_first",
        test: victim,
    },
];

const USER: u32 = 1000;

fn limit(soft: u64, hard: u64) -> Rlimit {
    Rlimit {
        current: Some(soft),
        maximum: Some(hard),
    }
}

fn set(resource: Resource, soft: u64, hard: u64) -> Check {
    ok("setrlimit", setrlimit(resource, limit(soft, hard)))
}

fn all_kinds() -> Check {
    use Resource::*;
    let kinds = [
        Cpu, Fsize, Data, Stack, Core, Rss, Nproc, Nofile, Memlock, As, Locks, Sigpending,
        Msgqueue, Nice, Rtprio, Rttime,
    ];
    run(|| {
        for (resource, more) in kinds.into_iter().zip(0u64..) {
            // Large enough to live on, small enough for the kinds that have little.
            let value = match resource {
                Nofile => 100,
                Nice | Rtprio => 0,
                _ => (1 << 32) + more,
            };
            set(resource, value, value).or_else(|_| set(resource, 50, 60))?;
            let expected = getrlimit(resource);
            run(|| equal("a child's", getrlimit(resource), expected))?;
            fails(
                "soft above hard",
                setrlimit(resource, limit(20, 10)),
                Errno::EINVAL,
            )?;
        }
        let text = ok("read", fs::read_to_string("/proc/self/limits"))?;
        equal("/proc/self/limits", text.lines().count(), 17)
    })
}

/// How a fork went; a child ends at once.
fn try_fork() -> std::io::Result<i32> {
    fork(|| 0)
}

fn processes() -> Check {
    run(|| {
        set(Resource::Nproc, 1, 1)?;
        run(|| Ok(())).map_err(|why| format!("user 0 is not limited: {why}"))?;
        become_user(USER)?;
        fails("the second", try_fork(), Errno::EAGAIN)?;
        fails(
            "a thread",
            std::thread::Builder::new().spawn(|| ()),
            Errno::EAGAIN,
        )
    })?;
    run(|| {
        set(Resource::Nproc, 2, 2)?;
        become_user(USER)?;
        let child = ok("the second", try_fork())?;
        let pid = rustix::process::Pid::from_raw(child);
        // Dead or not, it counts until it is waited for.
        ok(
            "wait without reaping",
            rustix::process::waitid(
                rustix::process::WaitId::Pid(pid.ok_or("no number")?),
                rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT,
            ),
        )?;
        fails("beside a zombie", try_fork(), Errno::EAGAIN)?;
        ok("wait", waitpid(pid, WaitOptions::empty()))?;
        let child = ok("after it", try_fork())?;
        let pid = rustix::process::Pid::from_raw(child);
        ok("wait", waitpid(pid, WaitOptions::empty())).map(drop)
    })
}

fn processes_at_exec() -> Check {
    use std::os::unix::process::CommandExt;
    run(|| {
        set(Resource::Nproc, 0, 10)?;
        become_user(USER)?;
        let error = Command::new(container::program()?)
            .args([crate::script::FLAG, "exit:0"])
            .exec();
        equal("exec", error.raw_os_error(), Some(Errno::EAGAIN.number()))?;
        set(Resource::Nproc, 10, 10)?;
        let error = Command::new(container::program()?)
            .args([crate::script::FLAG, "exit:0"])
            .exec();
        Err(format!("exec with room: {error}"))
    })
}

fn spin() -> Check {
    loop {
        std::hint::spin_loop();
    }
}

fn cpu_time() -> Check {
    let mut child = Child::start(|| {
        set(Resource::Cpu, 1, 3)?;
        spin()
    })?;
    equal(
        "at the soft limit",
        child.wait()?,
        End::Signal(Signal::XCPU.as_raw()),
    )?;
    let mut child = Child::start(|| {
        ok("block", signal::block(SignalSet::ALL))?;
        set(Resource::Cpu, 1, 2)?;
        run(spin)?;
        spin()
    })?;
    // The child's child inherits the limit, not what was used of it; the child itself only waits.
    ensure(
        "the inherited limit was not observed",
        child.wait()? == End::Status(1),
    )?;
    let mut child = Child::start(|| {
        ok("block", signal::block(SignalSet::ALL))?;
        set(Resource::Cpu, 1, 2)?;
        spin()
    })?;
    equal(
        "at the hard limit",
        child.wait()?,
        End::Signal(Signal::KILL.as_raw()),
    )
}

fn file_size() -> Check {
    let place = Place::new("file-size")?;
    let path = place.file("f", "")?;
    let mut child = Child::start(|| {
        set(Resource::Fsize, 10, 10)?;
        let mut file = ok("open", fs::OpenOptions::new().append(true).open(&path))?;
        equal("the part that fits", ok("write", file.write(&[0; 20]))?, 10)?;
        let _ = file.write(&[0]);
        Err("nothing happened beyond the limit".to_owned())
    })?;
    equal("the end", child.wait()?, End::Signal(Signal::XFSZ.as_raw()))?;
    run(|| {
        ok("block", signal::block(SignalSet::ALL))?;
        set(Resource::Fsize, 10, 10)?;
        let mut file = ok("open", fs::OpenOptions::new().append(true).open(&path))?;
        fails("blocked", file.write(&[0]), Errno::EFBIG)
    })
}

fn memory_and_files() -> Check {
    run(|| {
        set(Resource::As, 256 << 20, 256 << 20)?;
        let mut memory: Vec<u8> = Vec::new();
        ensure(
            "a mapping beyond RLIMIT_AS",
            black_box(&mut memory).try_reserve_exact(512 << 20).is_err(),
        )?;
        ensure(
            "a mapping below it",
            black_box(&mut memory).try_reserve_exact(16 << 20).is_ok(),
        )?;
        set(Resource::Nofile, 20, 20)?;
        let mut files = Vec::new();
        let error = loop {
            match fs::File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => break error,
            }
        };
        equal("open", error.raw_os_error(), Some(Errno::EMFILE.number()))
    })
}

fn nice() -> Check {
    run(|| {
        // Down to 20 - 25.
        set(Resource::Nice, 25, 25)?;
        become_user(USER)?;
        ok("higher", setpriority_process(None, 5))?;
        ok("lower", setpriority_process(None, -5))?;
        fails("too low", setpriority_process(None, -6), Errno::EACCES)
    })
}

/// Nice level and policy in /proc/self/stat: fields 19 and 41.
fn own_scheduling() -> Check<(i32, u32)> {
    let text = ok("stat", fs::read_to_string("/proc/thread-self/stat"))?;
    let rest = text.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<&str> = rest.split(' ').collect();
    let nice = ok("nice", fields.get(16).unwrap_or(&"").parse())?;
    let policy = ok("policy", fields.get(38).unwrap_or(&"").parse())?;
    Ok((nice, policy))
}

fn scheduling() -> Check {
    const OTHER: u32 = 0;
    const BATCH: u32 = 3;
    const IDLE: u32 = 5;
    const RESET_ON_FORK: u64 = 1;
    run(|| {
        ok("batch", set_scheduling(Scheduling::new(BATCH, 7, 0)))?;
        equal("batch", own_scheduling()?, (7, BATCH))?;
        run(|| equal("a child's", own_scheduling()?, (7, BATCH)))?;
        let reset = Scheduling::new(OTHER, -3, RESET_ON_FORK);
        ok("reset on fork", set_scheduling(reset))?;
        run(|| equal("after it", own_scheduling()?, (0, OTHER)))?;
        fails(
            "an unknown policy",
            set_scheduling(Scheduling::new(99, 0, 0)),
            Errno::EINVAL,
        )?;
        fails(
            "an unknown flag",
            set_scheduling(Scheduling::new(OTHER, 0, 1 << 40)),
            Errno::EINVAL,
        )
    })?;
    run(|| {
        become_user(USER)?;
        ok("idle", set_scheduling(Scheduling::new(IDLE, 0, 0)))?;
        equal("idle", own_scheduling()?.1, IDLE)?;
        fails(
            "back without the right",
            set_scheduling(Scheduling::new(OTHER, 0, 0)),
            Errno::EPERM,
        )?;
        fails(
            "a lower nice level",
            set_scheduling(Scheduling::new(IDLE, -1, 0)),
            Errno::EPERM,
        )
    })
}

fn input_output() -> Check {
    let priority = |class: u32, level: u32| class << 13 | level;
    run(|| {
        for value in [priority(1, 7), priority(2, 0), priority(3, 0)] {
            ok("set", set_io_priority(value))?;
            equal("get", ok("get", io_priority())?, value)?;
            run(|| equal("a child's", ok("get", io_priority())?, value))?;
        }
        fails("level", set_io_priority(priority(2, 8)), Errno::EINVAL)?;
        fails("class", set_io_priority(priority(4, 0)), Errno::EINVAL)?;
        become_user(USER)?;
        fails("real-time", set_io_priority(priority(1, 0)), Errno::EPERM)
    })
}

fn personality() -> Check {
    const QUERY: u32 = u32::MAX;
    const LINUX_32: u32 = 8;
    const FIXED_ADDRESSES: u32 = 0x0004_0000;
    run(|| {
        equal("at first", ok("query", set_personality(QUERY))?, 0)?;
        ok("set", set_personality(FIXED_ADDRESSES))?;
        equal("set", ok("query", set_personality(QUERY))?, FIXED_ADDRESSES)?;
        let stack = || -> Check<String> {
            let output = Command::new(container::program()?)
                .args([crate::script::FLAG, "read:/proc/self/maps"])
                .output();
            let text = String::from_utf8_lossy(&ok("spawn", output)?.stdout).into_owned();
            let line = text.split('|').find(|line| line.contains("[vdso]"));
            line.map(str::to_owned)
                .ok_or_else(|| format!("no vDSO: {text}"))
        };
        equal("where the vDSO is", stack()?, stack()?)
    })?;
    // Linux takes it where the processor runs such programs.
    match set_personality(LINUX_32) {
        Err(Errno::EINVAL) => Ok(()),
        other => Err(format!("32-bit programs: {other:?}")),
    }
}

const ADJUSTMENT: &str = "/proc/self/oom_score_adj";

fn adjust(value: &str) -> std::io::Result<()> {
    fs::write(ADJUSTMENT, value)
}

fn memory_score() -> Check {
    let read = || ok("read", fs::read_to_string(ADJUSTMENT));
    run(|| {
        equal("at first", read()?, "0\n".to_owned())?;
        ok("lower", adjust("-500"))?;
        equal("lower", read()?, "-500\n".to_owned())?;
        run(|| equal("a child's", read()?, "-500\n".to_owned()))?;
        for value in ["1001", "-1001", "x"] {
            fails(value, adjust(value), Errno::EINVAL)?;
        }
        become_user(USER)?;
        let program = container::program()?;
        let inside = |steps: &[&str]| -> Check<String> {
            let output = Command::new(&program)
                .arg(crate::script::FLAG)
                .args(steps)
                .output();
            Ok(String::from_utf8_lossy(&ok("spawn", output)?.stdout).into_owned())
        };
        // After exec the file is the user's.
        equal(
            "raised and back, but no further",
            inside(&["adjust:100", "adjust:-500", "adjust:-501"])?,
            "done\ndone\nEACCES\n".to_owned(),
        )
    })
}

fn victim() -> Check {
    let mut gate = Gate::new()?;
    let mut first = Child::start(|| {
        ok("the first to go", adjust("1000"))?;
        // Enough for the other to go on with afterwards.
        let memory = vec![1u8; 64 << 20];
        gate.wait()?;
        ensure("the memory is there", memory.iter().all(|&byte| byte == 1))
    })?;
    let taker = Child::start(|| {
        ok("one of the last", adjust("-900"))?;
        let mut taken: Vec<Vec<u8>> = Vec::new();
        loop {
            // Its report ends when it does.
            let mut ready = [rustix::event::PollFd::new(
                first.report(),
                rustix::event::PollFlags::IN,
            )];
            let now = rustix::event::Timespec::default();
            if ok("poll", rustix::event::poll(&mut ready, Some(&now)))? > 0 {
                return Ok(());
            }
            taken.push(vec![1; 4 << 20]);
        }
    })?;
    let end = first.wait()?;
    taker.finish()?;
    gate.open();
    equal("the first", end, End::Signal(Signal::KILL.as_raw()))
}
