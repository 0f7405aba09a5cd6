//! Statements 43 to 52: process lists.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{Child, End, Gate, run};
use crate::container::{
    self, Running, add_proc, create, enter_after_exec, enter_now, vfs_root_with_program,
};
use crate::harness::Case;
use gantry_abi::context::{ContextState, ContextType};
use gantry_abi::user::{ContextDescriptor, Errno};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Resource, Signal, WaitOptions, getpgid, getsid, kill_process, pidfd_open,
    setpgid, test_kill_process, waitpid,
};
use std::fs;
use std::os::fd::AsFd;

pub const CASES: &[Case] = &[
    Case {
        name: "s43_members_count_from_one",
        test: count_from_one,
    },
    Case {
        name: "s44_the_host_uses_its_own_numbers",
        test: host_numbers,
    },
    Case {
        name: "s45_two_lists_do_not_see_each_other",
        test: isolated,
    },
    Case {
        name: "s46_kill_everybody_reaches_members_only",
        test: kill_everybody,
    },
    Case {
        name: "s47_proc_shows_members_only",
        test: proc_shows_members,
    },
    Case {
        name: "s48_the_end_of_number_one_ends_the_list",
        test: number_one_ends,
    },
    Case {
        name: "s49_orphans_go_to_number_one",
        test: orphans,
    },
    Case {
        name: "s50_a_signal_ends_a_fork_bomb",
        test: fork_bomb,
    },
    Case {
        name: "s51_freeze_stops_all_and_thaw_continues",
        test: freezer,
    },
    Case {
        name: "s52_a_dead_list_cannot_be_joined",
        test: dead_list,
    },
];

/// A container with /proc in a list of its own.
fn isolated_container() -> Check<(ContextDescriptor, ContextDescriptor)> {
    let root = vfs_root_with_program()?;
    add_proc(&root)?;
    Ok((root, create(ContextType::ProcessList)?))
}

fn enter_both(root: &ContextDescriptor, list: &ContextDescriptor) -> Check {
    enter_after_exec(root)?;
    enter_after_exec(list)
}

fn pid(number: i32) -> Check<Pid> {
    Pid::from_raw(number).ok_or_else(|| "a process number of 0".to_owned())
}

fn count_from_one() -> Check {
    let (root, list) = isolated_container()?;
    let lines = container::run(
        &[
            "pid",
            "ppid",
            "children:3",
            "link:/proc/self",
            "read:/proc/self/comm",
        ],
        || enter_both(&root, &list),
    )?;
    equal("getpid", &lines[0], &"1".to_owned())?;
    equal("getppid", &lines[1], &"0".to_owned())?;
    equal(
        "fork's result and the child's getpid and getppid",
        &lines[2],
        &"2=2:1 3=3:1 4=4:1".to_owned(),
    )?;
    equal("/proc/self", &lines[3], &"1".to_owned())?;
    equal("/proc/self/comm", &lines[4], &"guest-tests".to_owned())?;
    let now = create(ContextType::ProcessList)?;
    run(|| {
        enter_now(&now)?;
        equal("getpid after entering now", std::process::id(), 1)?;
        ensure(
            "getppid after entering now",
            rustix::process::getppid().is_none(),
        )
    })
}

fn pausing(root: &ContextDescriptor, list: &ContextDescriptor) -> Check<Running> {
    let mut running = container::start(&["pid", "pause"], || enter_both(root, list))?;
    let _number = running.line()?;
    equal("the script", running.line()?, "pausing".to_owned())?;
    Ok(running)
}

fn host_numbers() -> Check {
    let (root, list) = isolated_container()?;
    let mut running = pausing(&root, &list)?;
    let number = running.process();
    ensure("the host's number isn't the inside one", number > 1)?;
    equal(
        "LIST_PIDS",
        ok("LIST_PIDS", list.list_pids())?,
        vec![number as u32],
    )?;
    let name = ok("/proc", fs::read_to_string(format!("/proc/{number}/comm")))?;
    equal("/proc/N/comm", name.trim_end(), "guest-tests")?;
    let namespace = ok(
        "/proc/N/ns/pid",
        fs::read_link(format!("/proc/{number}/ns/pid")),
    )?;
    let id = ok("GET_INFO", list.info())?.id;
    equal(
        "/proc/N/ns/pid",
        namespace.to_string_lossy().into_owned(),
        format!("pid:[{id}]"),
    )?;
    ok("signal", kill_process(pid(number)?, Signal::TERM))?;
    equal(
        "wait",
        running.child().wait()?,
        End::Signal(Signal::TERM.as_raw()),
    )
}

fn isolated() -> Check {
    let (list, other) = (
        create(ContextType::ProcessList)?,
        create(ContextType::ProcessList)?,
    );
    let (root, inner) = (vfs_root_with_program()?, create(ContextType::ProcessList)?);
    add_proc(&root)?;
    let mut begun = Gate::new()?;
    let (read, write) = ok("pipe", rustix::pipe::pipe())?;
    // A member of the other list that lives until the gate opens.
    let _neighbour = Child::start(|| {
        enter_now(&other)?;
        drop(read);
        let first = Child::start(|| begun.wait())?;
        drop(write);
        first.finish()
    })?;
    let host = std::process::id() as i32;
    let mut outsider_gate = Gate::new()?;
    let outsider = far_child(&mut outsider_gate)?;
    run(|| {
        enter_now(&list)?;
        equal("the only member", std::process::id(), 1)?;
        // 2 and 3 are numbers of the other list, the last is the host's.
        for number in [2, 3, host] {
            let target = pid(number)?;
            fails("kill", test_kill_process(target), Errno::ESRCH)?;
            fails("getpgid", getpgid(Some(target)), Errno::ESRCH)?;
            fails("getsid", getsid(Some(target)), Errno::ESRCH)?;
            fails("setpgid", setpgid(Some(target), None), Errno::ESRCH)?;
            fails(
                "pidfd_open",
                pidfd_open(target, PidfdFlags::empty()),
                Errno::ESRCH,
            )?;
            fails(
                "sched_getaffinity",
                rustix::thread::sched_getaffinity(Some(target)),
                Errno::ESRCH,
            )?;
            let limit = rustix::process::Rlimit {
                current: None,
                maximum: None,
            };
            fails(
                "prlimit",
                rustix::process::prlimit(Some(target), Resource::Core, limit),
                Errno::ESRCH,
            )?;
            fails(
                "getpriority",
                rustix::process::getpriority_process(Some(target)),
                Errno::ESRCH,
            )?;
            fails(
                "wait",
                waitpid(Some(target), WaitOptions::NOHANG),
                Errno::ECHILD,
            )?;
            fails(
                "/proc/N",
                fs::metadata(format!("/proc/{number}/stat")),
                Errno::ENOENT,
            )?;
        }
        other_calls(outsider.process())
    })?;
    outsider_gate.open();
    outsider.finish()?;
    left_child()?;
    let steps = [
        "numbers",
        &format!("exists:/proc/{host}"),
        &format!("kill:{host}"),
    ];
    let lines = container::run(&steps, || enter_both(&root, &inner))?;
    equal(
        "by a program inside",
        lines,
        ["1", "ENOENT", "ESRCH"].map(str::to_owned).to_vec(),
    )
}

/// A child whose number is larger than any that a new list gives out soon.
fn far_child(gate: &mut Gate) -> Check<Child> {
    loop {
        let child = Child::start(|| gate.wait())?;
        if child.process() > 200 {
            return Ok(child);
        }
    }
}

/// Calls without a wrapper, by their numbers: each takes a process's first.
fn other_calls(number: i32) -> Check {
    use gantry_abi::user::arbitrary::call_apart;
    let calls = [
        ("sched_getscheduler", 120),
        ("sched_getparam", 121),
        ("sched_setaffinity", 122),
        ("sched_rr_get_interval", 127),
        ("tgkill", 131),
        ("rt_sigqueueinfo", 138),
        ("get_robust_list", 100),
    ];
    for (name, call) in calls {
        let arguments = [number as usize, 8, 0, 0, 0, 0];
        let error = call_apart(call, arguments).err();
        ensure(
            &format!("{name} of a process out of sight: {error:?}"),
            // Bad arguments may be found first.
            [Some(Errno::ESRCH), Some(Errno::EFAULT), Some(Errno::EINVAL)].contains(&error),
        )?;
    }
    // There is no ptrace to use.
    fails(
        "ptrace",
        call_apart(117, [16, number as usize, 0, 0, 0, 0]),
        Errno::ENOSYS,
    )
}

/// A parent inside a list that waits for a child gives up when that goes to another list.
fn left_child() -> Check {
    let (list, other) = (
        create(ContextType::ProcessList)?,
        create(ContextType::ProcessList)?,
    );
    run(|| {
        enter_now(&list)?;
        let child = gantry_abi::user::fork(|| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            i32::from(enter_now(&other).is_err())
        });
        let child = pid(ok("fork", child)?)?;
        fails(
            "waiting for a child that left",
            waitpid(Some(child), WaitOptions::empty()),
            Errno::ECHILD,
        )
    })
}

fn kill_everybody() -> Check {
    let list = create(ContextType::ProcessList)?;
    let mut bystander_gate = Gate::new()?;
    let mut bystander = Child::start(|| bystander_gate.wait())?;
    run(|| {
        enter_now(&list)?;
        let mut gate = Gate::new()?;
        let mut members = Vec::new();
        for _ in 0..3 {
            members.push(Child::start(|| gate.wait())?);
        }
        ok("kill(-1)", kill_everyone(Signal::TERM))?;
        for member in &mut members {
            equal(
                "a member",
                member.wait()?,
                End::Signal(Signal::TERM.as_raw()),
            )?;
        }
        gate.open();
        fails("kill(-1) alone", kill_everyone(Signal::TERM), Errno::ESRCH)
    })?;
    bystander_gate.open();
    equal("a process outside", bystander.wait()?, End::Status(0))
}

/// kill(-1): everybody but the caller. The standard `kill` applet does it by the same call.
fn kill_everyone(signal: Signal) -> std::io::Result<()> {
    crate::raw::kill(-1, signal.as_raw())
}

fn proc_shows_members() -> Check {
    let (root, list) = isolated_container()?;
    let mut first = pausing(&root, &list)?;
    let outcome = container::run(
        &[
            "numbers",
            "pid",
            "read:/proc/1/comm",
            "exists:/proc/contexts",
            "exists:/proc/device-tree",
        ],
        || enter_both(&root, &list),
    )?;
    equal(
        "a second member",
        outcome,
        ["1 2", "2", "guest-tests", "ENOENT", "ENOENT"]
            .map(str::to_owned)
            .to_vec(),
    )?;
    let shown = ok("/proc", fs::read_dir("/proc"))?;
    let host: Vec<i32> = shown
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    ensure("the host sees the member", host.contains(&first.process()))?;
    ensure("and itself", host.contains(&(std::process::id() as i32)))?;
    first.child().signal(Signal::KILL)
}

/// Whether a context's descriptor is readable within ten seconds.
fn becomes_readable(context: &ContextDescriptor) -> Check<bool> {
    let mut events = [PollFd::from_borrowed_fd(context.as_fd(), PollFlags::IN)];
    let limit = Timespec {
        tv_sec: 10,
        tv_nsec: 0,
    };
    Ok(ok("poll", poll(&mut events, Some(&limit)))? == 1
        && events[0].revents().contains(PollFlags::IN))
}

fn number_one_ends() -> Check {
    let (root, list) = isolated_container()?;
    let mut events = [PollFd::from_borrowed_fd(list.as_fd(), PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    equal(
        "before the first member",
        ok("poll", poll(&mut events, Some(&now)))?,
        0,
    )?;
    let mut first = pausing(&root, &list)?;
    let mut second = pausing(&root, &list)?;
    equal(
        "while it runs",
        ok("poll", poll(&mut events, Some(&now)))?,
        0,
    )?;
    equal(
        "attached",
        ok("GET_INFO", list.info())?.attached_processes,
        2,
    )?;
    first.child().signal(Signal::KILL)?;
    equal(
        "number 1",
        first.child().wait()?,
        End::Signal(Signal::KILL.as_raw()),
    )?;
    equal(
        "the other member",
        second.child().wait()?,
        End::Signal(Signal::KILL.as_raw()),
    )?;
    ensure("the descriptor becomes readable", becomes_readable(&list)?)?;
    let info = ok("GET_INFO", list.info())?;
    equal(
        "the state",
        (info.state(), info.attached_processes),
        (Some(ContextState::Empty), 0),
    )?;
    // Number 1's own children die with it before anybody hears of its end.
    let list = create(ContextType::ProcessList)?;
    let child = Child::start(|| {
        enter_now(&list)?;
        let mut gate = Gate::new()?;
        for _ in 0..5 {
            std::mem::forget(Child::start(|| gate.wait())?);
        }
        Ok(())
    })?;
    child.finish()?;
    equal(
        "members after number 1's end",
        ok("GET_INFO", list.info())?.attached_processes,
        0,
    )
}

fn orphans() -> Check {
    let list = create(ContextType::ProcessList)?;
    run(|| {
        enter_now(&list)?;
        let mut gate = Gate::new()?;
        let (read, write) = ok("pipe", rustix::pipe::pipe())?;
        // The child makes a grandchild and ends; number 1 must be able to wait for the grandchild.
        let mut child = Child::start(|| {
            let grandchild = Child::start(|| {
                gate.wait()?;
                while rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get())
                    != Some(1)
                {
                    std::thread::yield_now();
                }
                ok("write", rustix::io::write(&write, b"1")).map(drop)
            })?;
            std::mem::forget(grandchild);
            Ok(())
        })?;
        equal("the child", child.wait()?, End::Status(0))?;
        gate.open();
        let mut byte = [0];
        ok(
            "the orphan's parent is number 1",
            rustix::io::read(&read, &mut byte),
        )?;
        let waited = ok("wait for the orphan", waitpid(None, WaitOptions::empty()))?;
        equal(
            "the orphan's number",
            waited.map(|(number, _)| number.as_raw_nonzero().get()),
            Some(3),
        )
    })
}

fn fork_bomb() -> Check {
    let list = create(ContextType::ProcessList)?;
    let mut bomb = Child::start(|| {
        ok(
            "limit",
            rustix::process::setrlimit(
                Resource::Nproc,
                rustix::process::Rlimit {
                    current: Some(200),
                    maximum: Some(200),
                },
            ),
        )?;
        enter_now(&list)?;
        loop {
            // The limit makes some of them fail.
            if let Ok(child) = Child::start(explode) {
                std::mem::forget(child);
            }
        }
    })?;
    while ok("GET_INFO", list.info())?.attached_processes < 20 {
        std::thread::yield_now();
    }
    ok("SIGNAL", list.signal(Signal::KILL.as_raw()))?;
    equal(
        "the first of them",
        bomb.wait()?,
        End::Signal(Signal::KILL.as_raw()),
    )?;
    equal(
        "members left",
        ok("GET_INFO", list.info())?.attached_processes,
        0,
    )?;
    fails("an unknown signal", list.signal(65), Errno::EINVAL)?;
    fails("a negative signal", list.signal(-1), Errno::EINVAL)
}

fn explode() -> Check {
    for _ in 0..100 {
        if let Ok(child) = Child::start(explode) {
            std::mem::forget(child);
        }
    }
    Ok(())
}

fn freezer() -> Check {
    let list = create(ContextType::ProcessList)?;
    let counter = crate::raw::SharedCounter::new()?;
    let mut children = Vec::new();
    let mut first = Child::start(|| {
        enter_now(&list)?;
        for _ in 0..3 {
            children.push(Child::start(|| {
                loop {
                    counter.add();
                }
            })?);
        }
        loop {
            counter.add();
        }
    })?;
    while ok("GET_INFO", list.info())?.attached_processes < 4 || counter.get() < 1000 {
        std::thread::yield_now();
    }
    ok("FREEZE", list.freeze())?;
    let stopped = counter.get();
    for _ in 0..1000 {
        std::thread::yield_now();
    }
    std::thread::sleep(std::time::Duration::from_millis(50));
    equal("steps while frozen", counter.get(), stopped)?;
    ok("THAW", list.thaw())?;
    while counter.get() < stopped + 1000 {
        std::thread::yield_now();
    }
    ok("FREEZE", list.freeze())?;
    ok("SIGNAL a frozen list", list.signal(Signal::KILL.as_raw()))?;
    equal(
        "a frozen member can be killed",
        first.wait()?,
        End::Signal(Signal::KILL.as_raw()),
    )
}

fn dead_list() -> Check {
    let list = create(ContextType::ProcessList)?;
    run(|| enter_now(&list))?;
    equal(
        "the state",
        ok("GET_INFO", list.info())?.state(),
        Some(ContextState::Empty),
    )?;
    run(|| {
        let now = list.enter(gantry_abi::context::EnterFlags::CURRENT_PROGRAM);
        fails("entering now", now, Errno::EAGAIN)?;
        ensure("it is where it was", std::process::id() > 1)?;
        enter_after_exec(&list)?;
        let program = container::program()?;
        let error = std::os::unix::process::CommandExt::exec(&mut container::script_command_at(
            &program,
            &["pid"],
        ));
        equal(
            "exec with it pending",
            error.raw_os_error(),
            Some(Errno::EAGAIN.number()),
        )?;
        equal(
            "still pending",
            ok("GET_INFO", list.info())?.pending_slots,
            1,
        )
    })
}
