//! Statements 12 to 18 and 20 to 22: entering.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::container::{self, create, enter_after_exec, enter_now, vfs_root_with_program};
use crate::harness::Case;
use crate::script::ENTER_THEN_DO;
use gantry_abi::context::{ContextState, ContextType, EnterFlags, OpenFlags};
use gantry_abi::user::{ContextDescriptor, Errno, calls};
use std::fs;
use std::os::unix::process::CommandExt;
use std::sync::Barrier;
use std::thread;

pub const CASES: &[Case] = &[
    Case {
        name: "s12_enter_checks_flags_and_state",
        test: flags_and_state,
    },
    Case {
        name: "s13_a_root_entered_now_holds_for_every_thread",
        test: root_now,
    },
    Case {
        name: "s14_a_root_entered_after_exec_holds_after_exec",
        test: root_after_exec,
    },
    Case {
        name: "s15_both_ways_attach_once",
        test: both,
    },
    Case {
        name: "s16_entering_again_changes_no_count",
        test: again,
    },
    Case {
        name: "s17_a_failed_exec_keeps_what_is_pending",
        test: failed_exec,
    },
    Case {
        name: "s18_an_exec_empties_the_slot",
        test: slot_is_emptied,
    },
    Case {
        name: "s20_the_last_setting_of_a_type_wins",
        test: last_setting,
    },
    Case {
        name: "s21_one_exec_applies_all_three_types",
        test: three_types,
    },
    Case {
        name: "s22_cancel_drops_what_is_pending",
        test: cancel,
    },
];

fn attached(context: &ContextDescriptor) -> Check<u64> {
    Ok(ok("GET_INFO", context.info())?.attached_processes)
}

fn pending(context: &ContextDescriptor) -> Check<u64> {
    Ok(ok("GET_INFO", context.info())?.pending_slots)
}

fn flags_and_state() -> Check {
    for context_type in ContextType::ALL {
        let context = ok(
            "open",
            ContextDescriptor::open(context_type, OpenFlags::empty()),
        )?;
        for flags in [0, 5, 6, 7, 8, u32::MAX] {
            fails(
                "enter with bad flags",
                calls::unshare_enter(context.number(), flags),
                Errno::EINVAL,
            )?;
        }
        for flags in [1, 2, 3, 4] {
            fails(
                "enter before create",
                calls::unshare_enter(context.number(), flags),
                Errno::ENXIO,
            )?;
        }
        ok("create", context.create())?;
        fails(
            "enter with bad flags after create",
            calls::unshare_enter(context.number(), 8),
            Errno::EINVAL,
        )?;
    }
    fails(
        "enter of a closed descriptor",
        calls::unshare_enter(900, 1),
        Errno::EBADF,
    )?;
    fails("enter of a file", calls::unshare_enter(0, 1), Errno::EINVAL)
}

fn root_now() -> Check {
    let context = create(ContextType::VfsRoot)?;
    let program = ok("the program", std::env::current_exe())?;
    run(|| {
        let entered = Barrier::new(3);
        let begun = Barrier::new(3);
        thread::scope(|scope| {
            let others: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let before = fs::metadata(&program).is_ok();
                        begun.wait();
                        entered.wait();
                        let after = fs::metadata(&program).map(drop);
                        let cwd = rustix::process::getcwd(Vec::new());
                        (before, after, cwd)
                    })
                })
                .collect();
            begun.wait();
            let result = enter_now(&context);
            entered.wait();
            result?;
            fails(
                "a host path in the entering thread",
                fs::metadata(&program),
                Errno::ENOENT,
            )?;
            for other in others {
                let (before, after, cwd) = other.join().map_err(|_| "a thread panicked")?;
                ensure("the path was there before", before)?;
                fails("a host path in another thread", after, Errno::ENOENT)?;
                equal(
                    "its working directory",
                    ok("getcwd", cwd)?.to_bytes(),
                    b"/".as_slice(),
                )?;
            }
            equal("attached", attached(&context)?, 1)
        })
    })
}

fn root_after_exec() -> Check {
    let context = vfs_root_with_program()?;
    let lines = container::run(&["exists:/etc", "cwd", "list:/"], || {
        enter_after_exec(&context)?;
        ensure(
            "the host's files are there before exec",
            fs::metadata("/etc").is_ok(),
        )?;
        equal("attached before exec", attached(&context)?, 0)?;
        equal("pending before exec", pending(&context)?, 1)
    })?;
    equal(
        "what the program sees",
        lines,
        ["ENOENT", "/", "bin proc"].map(str::to_owned).to_vec(),
    )
}

fn both() -> Check {
    let context = vfs_root_with_program()?;
    let mut running = container::start(&["pause"], || {
        let flags = EnterFlags::CURRENT_PROGRAM | EnterFlags::AFTER_EXEC;
        ok("enter now and after exec", context.enter(flags))?;
        equal("attached before exec", attached(&context)?, 1)?;
        equal("pending before exec", pending(&context)?, 1)
    })?;
    running.line()?;
    equal("attached", attached(&context)?, 1)?;
    equal("pending", pending(&context)?, 0)
}

fn again() -> Check {
    for context_type in ContextType::ALL {
        let context = create(context_type)?;
        run(|| {
            enter_now(&context)?;
            equal("attached", attached(&context)?, 1)?;
            enter_now(&context)?;
            enter_now(&context)?;
            equal("attached after entering again", attached(&context)?, 1)
        })?;
        equal("attached after the exit", attached(&context)?, 0)?;
        equal(
            "the state",
            ok("GET_INFO", context.info())?.state(),
            Some(ContextState::Empty),
        )?;
    }
    Ok(())
}

fn failed_exec() -> Check {
    let context = vfs_root_with_program()?;
    let name = create(ContextType::Hostname)?;
    ok("SET_HOSTNAME", name.set_hostname(b"inside"))?;
    let lines = container::run(&["host", "exists:/etc"], || {
        enter_after_exec(&context)?;
        enter_after_exec(&name)?;
        let error = std::process::Command::new("/no/such/program").exec();
        equal(
            "the failed exec",
            error.raw_os_error(),
            Some(Errno::ENOENT.number()),
        )?;
        equal(
            "still pending",
            (pending(&context)?, pending(&name)?),
            (1, 1),
        )?;
        equal(
            "still not attached",
            (attached(&context)?, attached(&name)?),
            (0, 0),
        )
    })?;
    equal(
        "the next exec applies both",
        lines,
        vec!["inside".to_owned(), "ENOENT".to_owned()],
    )
}

fn slot_is_emptied() -> Check {
    let (first, second) = (
        create(ContextType::Hostname)?,
        create(ContextType::Hostname)?,
    );
    ok("SET_HOSTNAME", first.set_hostname(b"first"))?;
    ok("SET_HOSTNAME", second.set_hostname(b"second"))?;
    let program = container::program()?;
    // The program of the first exec enters the second context and executes itself once more: nothing is pending then,
    // so the second exec must not go back to the first context.
    let mut first_exec = std::process::Command::new(&program);
    first_exec.args([ENTER_THEN_DO, "50", "host"]);
    let lines = container::start_command(first_exec, || {
        enter_after_exec(&first)?;
        let passed = ok("dup", rustix::io::fcntl_dupfd_cloexec(&second, 50))?;
        ok(
            "clear close-on-exec",
            rustix::io::fcntl_setfd(&passed, rustix::io::FdFlags::empty()),
        )?;
        equal(
            "the passed descriptor",
            std::os::fd::AsRawFd::as_raw_fd(&passed),
            50,
        )?;
        // Open until the exec and after it.
        std::mem::forget(passed);
        Ok(())
    })?
    .finish()?
    .lines;
    equal(
        "the name after the second exec",
        lines,
        vec!["second".to_owned()],
    )
}

fn last_setting() -> Check {
    let (first, second) = (
        create(ContextType::Hostname)?,
        create(ContextType::Hostname)?,
    );
    ok("SET_HOSTNAME", first.set_hostname(b"first"))?;
    ok("SET_HOSTNAME", second.set_hostname(b"second"))?;
    let program = container::program()?;
    let outcome =
        container::start_command(container::script_command_at(&program, &["host"]), || {
            enter_after_exec(&first)?;
            enter_after_exec(&second)?;
            equal("pending", (pending(&first)?, pending(&second)?), (0, 1))
        })?
        .finish()?;
    equal("the name", outcome.lines, vec!["second".to_owned()])
}

fn three_types() -> Check {
    let root = vfs_root_with_program()?;
    let (list, name) = (
        create(ContextType::ProcessList)?,
        create(ContextType::Hostname)?,
    );
    ok("SET_HOSTNAME", name.set_hostname(b"inside"))?;
    let lines = container::run(&["pid", "host", "list:/"], || {
        for context in [&root, &list, &name] {
            enter_after_exec(context)?;
        }
        Ok(())
    })?;
    equal(
        "all three",
        lines,
        ["1", "inside", "bin proc"].map(str::to_owned).to_vec(),
    )
}

fn cancel() -> Check {
    let name = create(ContextType::Hostname)?;
    ok("SET_HOSTNAME", name.set_hostname(b"inside"))?;
    let outside = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    let program = container::program()?;
    let outcome =
        container::start_command(container::script_command_at(&program, &["host"]), || {
            enter_after_exec(&name)?;
            ok("CANCEL", name.cancel())?;
            equal("pending", pending(&name)?, 0)?;
            ok("CANCEL of nothing", name.cancel())
        })?
        .finish()?;
    equal("the name", outcome.lines, vec![outside])
}
