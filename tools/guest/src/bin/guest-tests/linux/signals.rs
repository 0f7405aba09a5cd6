//! Signals: masks, taking them, interrupted calls, timers.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{Child, End, Gate, run};
use crate::harness::Case;
use gantry_abi::user::Errno;
use gantry_abi::user::signal::{SignalSet, block, set_mask, wait};
use rustix::process::{Pid, Signal, getpid, kill_current_process_group, kill_process, setpgid};
use std::time::Instant;

pub const CASES: &[Case] = &[
    Case {
        name: "a_blocked_signal_waits",
        test: blocked,
    },
    Case {
        name: "standard_signals_are_pending_once",
        test: once,
    },
    Case {
        name: "a_signal_tells_its_sender",
        test: sender,
    },
    Case {
        name: "an_ignored_signal_does_nothing",
        test: ignored,
    },
    Case {
        name: "a_group_is_signalled_as_a_whole",
        test: group,
    },
    Case {
        name: "an_ordinary_user_signals_only_its_own",
        test: permission,
    },
    Case {
        name: "waiting_for_a_signal_ends_in_time",
        test: timed,
    },
    Case {
        name: "a_broken_pipe_signals_the_writer",
        test: broken_pipe,
    },
    Case {
        name: "the_parents_death_can_signal_a_child",
        test: parent_death,
    },
    Case {
        name: "bad_memory_ends_a_process_by_the_right_signal",
        test: faults,
    },
];

const USER: i32 = 10;

fn own() -> Pid {
    getpid()
}

fn blocked() -> Check {
    let before = ok("block", block(SignalSet::EMPTY.with(USER)))?;
    ok("kill", kill_process(own(), Signal::USR1))?;
    let taken =
        ok("wait", wait(SignalSet::EMPTY.with(USER), Some(0)))?.ok_or("nothing was pending")?;
    equal("the signal", taken.signal, USER)?;
    equal(
        "nothing else",
        ok("wait", wait(SignalSet::EMPTY.with(USER), Some(0)))?,
        None,
    )?;
    ok("restore", set_mask(before))?;
    let mut child = Child::start(|| {
        ok("block", block(SignalSet::EMPTY.with(USER)))?;
        ok("kill", kill_process(own(), Signal::USR1))?;
        ok("unblock", set_mask(SignalSet::EMPTY))?;
        Err("a pending signal with its default action didn't end the process".to_owned())
    })?;
    equal("unblocking delivers it", child.wait()?, End::Signal(USER))
}

fn once() -> Check {
    ok("block", block(SignalSet::EMPTY.with(USER)))?;
    for _ in 0..5 {
        ok("kill", kill_process(own(), Signal::USR1))?;
    }
    ensure(
        "one is pending",
        ok("wait", wait(SignalSet::EMPTY.with(USER), Some(0)))?.is_some(),
    )?;
    equal(
        "and only one",
        ok("wait", wait(SignalSet::EMPTY.with(USER), Some(0)))?,
        None,
    )
}

fn sender() -> Check {
    ok("block", block(SignalSet::EMPTY.with(USER)))?;
    let parent = own();
    let mut child = Child::start(|| ok("kill", kill_process(parent, Signal::USR1)))?;
    let taken = ok("wait", wait(SignalSet::EMPTY.with(USER), None))?.ok_or("nothing")?;
    equal("the sender", taken.sender, Some(child.process()))?;
    equal("the child", child.wait()?, End::Status(0))
}

fn ignored() -> Check {
    // SIGCHLD, SIGURG, SIGWINCH and SIGCONT do nothing by default.
    for signal in [Signal::CHILD, Signal::URG, Signal::WINCH, Signal::CONT] {
        ok("kill", kill_process(own(), signal))?;
    }
    fails(
        "an unknown signal",
        crate::raw::kill(own().as_raw_nonzero().get(), 65),
        Errno::EINVAL,
    )
}

fn group() -> Check {
    run(|| {
        ok("setpgid", setpgid(None, None))?;
        let mut gate = Gate::new()?;
        let mut members: Vec<Child> = (0..4)
            .map(|_| Child::start(|| gate.wait()))
            .collect::<Check<_>>()?;
        ok("block", block(SignalSet::EMPTY.with(Signal::TERM.as_raw())))?;
        ok("kill the group", kill_current_process_group(Signal::TERM))?;
        for member in &mut members {
            equal(
                "a member",
                member.wait()?,
                End::Signal(Signal::TERM.as_raw()),
            )?;
        }
        gate.open();
        ensure(
            "the caller too",
            ok(
                "wait",
                wait(SignalSet::EMPTY.with(Signal::TERM.as_raw()), Some(0)),
            )?
            .is_some(),
        )
    })
}

fn permission() -> Check {
    let parent = own();
    crate::users::as_user(1000, || {
        fails(
            "kill of root's process",
            kill_process(parent, Signal::TERM),
            Errno::EPERM,
        )?;
        let mut gate = Gate::new()?;
        let mut child = Child::start(|| gate.wait())?;
        child.signal(Signal::TERM)?;
        equal(
            "its own child",
            child.wait()?,
            End::Signal(Signal::TERM.as_raw()),
        )
    })
}

fn timed() -> Check {
    ok("block", block(SignalSet::EMPTY.with(USER)))?;
    let begun = Instant::now();
    equal(
        "nothing comes",
        ok("wait", wait(SignalSet::EMPTY.with(USER), Some(20_000_000)))?,
        None,
    )?;
    ensure(
        "it took as long as asked",
        begun.elapsed().as_millis() >= 20,
    )
}

fn broken_pipe() -> Check {
    let mut child = Child::start(|| {
        let (read, write) = ok("pipe", rustix::pipe::pipe())?;
        drop(read);
        ok("unblock", set_mask(SignalSet::EMPTY))?;
        crate::raw::default_action(Signal::PIPE)?;
        fails("write", rustix::io::write(&write, b"x"), Errno::EPIPE)?;
        Err("SIGPIPE didn't end the process".to_owned())
    })?;
    equal(
        "the writer",
        child.wait()?,
        End::Signal(Signal::PIPE.as_raw()),
    )
}

fn parent_death() -> Check {
    let (read, write) = ok("pipe", rustix::pipe::pipe())?;
    let mut parent = Child::start(|| {
        let (ready_read, ready) = ok("pipe", rustix::pipe::pipe())?;
        let child = Child::start(|| {
            ok(
                "PR_SET_PDEATHSIG",
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL)),
            )?;
            ok("tell", rustix::io::write(&ready, b"1"))?;
            loop {
                std::thread::park();
            }
        })?;
        let mut byte = [0];
        ok("wait", rustix::io::read(&ready_read, &mut byte))?;
        std::mem::forget(child);
        Ok(())
    })?;
    drop(write);
    equal("the parent", parent.wait()?, End::Status(0))?;
    // The pipe's last writer was the child.
    let mut byte = [0];
    equal(
        "the child has ended",
        ok("read", rustix::io::read(&read, &mut byte))?,
        0,
    )
}

fn faults() -> Check {
    for (how, signal) in [("segv", Signal::SEGV), ("abort", Signal::ABORT)] {
        let mut child = Child::start(|| {
            ok("unblock", set_mask(SignalSet::EMPTY))?;
            crate::raw::default_action(signal)?;
            match how {
                "abort" => std::process::abort(),
                _ => overflow_the_stack(0),
            };
            Err("the process went on".to_owned())
        })?;
        equal(how, child.wait()?, End::Signal(signal.as_raw()))?;
    }
    Ok(())
}

/// Recursion without end runs into the guard below the stack.
#[allow(unconditional_recursion)]
fn overflow_the_stack(depth: u64) -> u64 {
    let room = [depth; 512];
    std::hint::black_box(&room);
    overflow_the_stack(depth + 1) + std::hint::black_box(room)[511]
}
