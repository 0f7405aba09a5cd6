//! Statements 19 and 23 to 27: what pending contexts mean for children, programs and descriptors.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{self, run};
use crate::container::{self, create, enter_after_exec, enter_now, root_of, vfs_root_with_program};
use crate::files::write_at;
use crate::harness::Case;
use gantry_abi::context::{ContextType, EnterFlags};
use gantry_abi::user::process::{Program, Step, spawn, wait};
use gantry_abi::user::signal::SignalSet;
use gantry_abi::user::{ContextDescriptor, Errno, calls};
use rustix::fs::{AtFlags, Mode, OFlags, chmodat};
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::{fs, thread};

pub const CASES: &[Case] = &[
    Case {
        name: "s19_every_way_of_making_a_child_copies_the_slots",
        test: children_copy_slots,
    },
    Case {
        name: "s23_a_jail_set_after_queueing_does_not_stop_the_exec",
        test: jail_after_queueing,
    },
    Case {
        name: "s24_program_and_interpreters_come_from_the_new_root",
        test: programs_from_the_new_root,
    },
    Case {
        name: "s25_dots_lead_nowhere_after_both_ways",
        test: dots_stay_inside,
    },
    Case {
        name: "s25_a_directory_chosen_inside_stays_the_working_one",
        test: chosen_directory_stays,
    },
    Case {
        name: "s26_exec_closes_directories_of_the_host_alone",
        test: foreign_directories_close,
    },
    Case {
        name: "s27_reopen_is_for_the_boot_list",
        test: reopen,
    },
];

fn named(name: &[u8]) -> Check<ContextDescriptor> {
    let context = create(ContextType::Hostname)?;
    ok("SET_HOSTNAME", context.set_hostname(name))?;
    Ok(context)
}

fn own_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The output of a script that the caller's child executes.
fn output_of(command: &mut Command) -> Check<String> {
    let output = ok(
        "spawn",
        command
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output(),
    )?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned())
}

fn children_copy_slots() -> Check {
    let program = container::program()?;
    let context = named(b"inside")?;
    let outside = own_name();
    run(|| {
        enter_after_exec(&context)?;
        // fork
        let outcome =
            container::start_command(container::script_command_at(&program, &["host"]), || Ok(()))?
                .finish()?;
        equal("after fork", outcome.lines, vec!["inside".to_owned()])?;
        // The standard library's own way, posix_spawn or vfork and exec.
        equal(
            "after posix_spawn",
            output_of(&mut container::script_command_at(&program, &["host"]))?,
            "inside".to_owned(),
        )?;
        // vfork, by hand.
        equal("after vfork", vforked_name(&program)?, "inside".to_owned())?;
        // clone, from a thread.
        let from_thread = thread::scope(|scope| {
            scope
                .spawn(|| output_of(&mut container::script_command_at(&program, &["host"])))
                .join()
        });
        equal(
            "after clone in a thread",
            from_thread.map_err(|_| "the thread panicked")??,
            "inside".to_owned(),
        )?;
        let info = ok("GET_INFO", context.info())?;
        equal(
            "the parent's slot",
            (info.pending_slots, info.attached_processes),
            (1, 0),
        )?;
        equal("the parent's name", own_name(), outside)
    })
}

/// What a program that vfork and exec start says is its host's name.
fn vforked_name(program: &str) -> Check<String> {
    let (read, write) = ok(
        "pipe",
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC),
    )?;
    let text = |text: &str| CString::new(text).map_err(|error| error.to_string());
    let arguments = vec![text(program)?, text(crate::script::FLAG)?, text("host")?];
    let started = Program::new(vec![text(program)?], arguments, Vec::new());
    let steps = [Step::Duplicate {
        from: write.as_raw_fd(),
        to: 1,
    }];
    let child =
        spawn(&steps, SignalSet::EMPTY, &started).map_err(|error| format!("vfork: {error:?}"))?;
    drop(write);
    let mut output = String::new();
    ok(
        "read",
        std::io::Read::read_to_string(&mut fs::File::from(read), &mut output),
    )?;
    equal("the vforked program's status", ok("wait", wait(child))?, 0)?;
    Ok(output.trim_end().to_owned())
}

fn jail_after_queueing() -> Check {
    for (how, kept) in [(1, "1"), (2, "0")] {
        let root = vfs_root_with_program()?;
        let name = named(b"inside")?;
        let lines = container::run(&["host", "list:/", "jail"], || {
            enter_after_exec(&root)?;
            enter_after_exec(&name)?;
            ok("jail", calls::set_jail(how))?;
            fails(
                "enter in a jail",
                name.enter(EnterFlags::AFTER_EXEC),
                Errno::EPERM,
            )
        })?;
        equal(
            "the exec applied both",
            lines,
            ["inside", "bin proc", kept].map(str::to_owned).to_vec(),
        )?;
    }
    Ok(())
}

fn copy_program(root: &OwnedFd, name: &str) -> Check {
    let bytes = ok("read the program", fs::read(container::program()?))?;
    let file = rustix::fs::openat(
        root,
        name,
        OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC,
        Mode::from(0o755),
    );
    let file = ok("make a program", file)?;
    ok(
        "write the program",
        std::io::Write::write_all(&mut fs::File::from(file), &bytes),
    )
}

fn programs_from_the_new_root() -> Check {
    let root = vfs_root_with_program()?;
    let directory = root_of(&root)?;
    // The same names outside and inside: the inside ones must be taken.
    let here = crate::files::Place::new("s24")?;
    let outside_only = here.file("outside", "#!/no/such/interpreter\n")?;
    fails(
        "exec of a path that only the host has",
        exec_in(&root, &outside_only),
        Errno::ENOENT,
    )?;
    copy_program(&directory, "only-inside")?;
    let outcome = container::start_command(
        container::script_command_at("/only-inside", &["cwd"]),
        || enter_after_exec(&root),
    )?;
    equal(
        "a program that only the container has",
        outcome.finish()?.lines,
        vec!["/".to_owned()],
    )?;
    // An interpreter of scripts: the kernel passes it the script's path after the argument of the first line.
    write_at(&directory, "script", "#!/only-inside --do\n")?;
    ok(
        "chmod",
        chmodat(&directory, "script", Mode::from(0o755), AtFlags::empty()),
    )?;
    let outcome = container::start_command(
        {
            let mut command = Command::new("/script");
            command.arg("exists:/only-inside");
            command
        },
        || enter_after_exec(&root),
    )?
    .finish()?;
    // The script's own path is the first step of the interpreter's script: an unknown one.
    equal(
        "a script's interpreter",
        outcome.lines,
        vec!["unknown step /script".to_owned(), "yes".to_owned()],
    )?;
    write_at(
        &directory,
        "bad-script",
        &format!("#!{}\n", container::program()?.replace("/bin/", "/not/")),
    )?;
    ok(
        "chmod",
        chmodat(
            &directory,
            "bad-script",
            Mode::from(0o755),
            AtFlags::empty(),
        ),
    )?;
    fails(
        "a script whose interpreter isn't inside",
        exec_in(&root, "/bad-script"),
        Errno::ENOENT,
    )
}

/// The error of executing a path with a pending root.
fn exec_in(root: &ContextDescriptor, path: &str) -> std::io::Result<()> {
    let mut child = child::Child::start(|| {
        enter_after_exec(root)?;
        Err(Command::new(path)
            .exec()
            .raw_os_error()
            .unwrap_or(0)
            .to_string())
    })
    .map_err(std::io::Error::other)?;
    let mut number = String::new();
    std::io::Read::read_to_string(&mut child.report(), &mut number)?;
    child.wait().map_err(std::io::Error::other)?;
    match number.parse() {
        Ok(number) => Err(std::io::Error::from_raw_os_error(number)),
        Err(_) => Ok(()),
    }
}

/// A working directory that was chosen in the new root's tree, from outside, is kept; one in another tree isn't.
fn chosen_directory_stays() -> Check {
    let root = vfs_root_with_program()?;
    let other = vfs_root_with_program()?;
    let choose = |context: &ContextDescriptor| {
        let bin = rustix::fs::openat(
            root_of(context)?,
            "bin",
            OFlags::PATH | OFlags::DIRECTORY,
            Mode::empty(),
        );
        ok("fchdir", rustix::process::fchdir(ok("open bin", bin)?))
    };
    let inside = ["/bin", "bin proc"].map(str::to_owned).to_vec();
    let steps = ["cwd", "list:.."];
    let lines = container::run(&steps, || {
        choose(&root)?;
        enter_after_exec(&root)
    })?;
    equal("at exec", lines, inside.clone())?;
    let program = container::script_command_at("./guest-tests", &steps);
    let outcome = container::start_command(program, || {
        choose(&root)?;
        enter_after_exec(&root)
    })?;
    equal(
        "a program by a relative path",
        outcome.finish()?.lines,
        inside.clone(),
    )?;
    let lines = container::run(&steps, || {
        choose(&root)?;
        enter_now(&root)
    })?;
    equal("now", lines, inside)?;
    let lines = container::run(&["cwd"], || {
        choose(&other)?;
        enter_after_exec(&root)
    })?;
    equal("another tree's", lines, vec!["/".to_owned()])
}

fn dots_stay_inside() -> Check {
    let root = vfs_root_with_program()?;
    let steps = ["cwd", "exists:../../etc/passwd", "list:..", "list:../../.."];
    let expected = ["/", "ENOENT", "bin proc", "bin proc"]
        .map(str::to_owned)
        .to_vec();
    equal(
        "after exec",
        container::run(&steps, || enter_after_exec(&root))?,
        expected.clone(),
    )?;
    run(|| {
        enter_now(&root)?;
        equal(
            "getcwd",
            ok("getcwd", rustix::process::getcwd(Vec::new()))?.to_bytes(),
            b"/".as_slice(),
        )?;
        fails(
            "../../etc/passwd",
            fs::metadata("../../etc/passwd"),
            Errno::ENOENT,
        )?;
        equal(
            "..",
            crate::files::names_in(crate::files::directory("..")?)?,
            vec!["bin".to_owned(), "proc".to_owned()],
        )
    })?;
    let lines = container::run(&steps, || enter_now(&root))?;
    equal("after entering now and exec", lines, expected.clone())?;
    // A directory of the host's that was chosen after entering is left at exec.
    let outside = crate::files::directory("/etc")?;
    let lines = container::run(&steps, || {
        ok(
            "enter both ways",
            root.enter(EnterFlags::CURRENT_PROGRAM | EnterFlags::AFTER_EXEC),
        )?;
        ok("fchdir", rustix::process::fchdir(&outside))
    })?;
    equal("after choosing a directory outside", lines, expected)
}

/// Moves a descriptor to a number and leaves it open across exec.
fn pass(descriptor: impl AsFd, number: i32) -> Check {
    let passed = ok("dup", rustix::io::fcntl_dupfd_cloexec(descriptor, number))?;
    equal("the passed descriptor's number", passed.as_raw_fd(), number)?;
    ok(
        "clear close-on-exec",
        rustix::io::fcntl_setfd(&passed, rustix::io::FdFlags::empty()),
    )?;
    std::mem::forget(passed);
    Ok(())
}

fn foreign_directories_close() -> Check {
    let root = vfs_root_with_program()?;
    let own = root_of(&root)?;
    let file = ok("open a file", fs::File::open(container::program()?))?;
    let (pipe, _write) = ok("pipe", rustix::pipe::pipe())?;
    let directory = ok("open /etc", fs::File::open("/etc"))?;
    let place = crate::files::directory("/")?;
    let steps = [
        "descriptor:60",
        "descriptor:61",
        "descriptor:62",
        "descriptor:63",
        "descriptor:64",
    ];
    let pass_all = || {
        pass(&directory, 60)?;
        pass(&place, 61)?;
        pass(&file, 62)?;
        pass(&pipe, 63)?;
        pass(&own, 64)
    };
    let lines = container::run(&steps, || {
        pass_all()?;
        enter_after_exec(&root)?;
        ensure(
            "not before the exec",
            rustix::io::fcntl_getfd(&directory).is_ok(),
        )
    })?;
    let expected = ["closed", "closed", "open", "open", "open"]
        .map(str::to_owned)
        .to_vec();
    equal(
        "directory, O_PATH directory, file, pipe, own directory",
        lines,
        expected,
    )
}

fn reopen() -> Check {
    let context = create(ContextType::Hostname)?;
    let id = ok("GET_INFO", context.info())?.id;
    let again = ok(
        "reopen",
        ContextDescriptor::reopen(ContextType::Hostname, id),
    )?;
    equal(
        "open descriptors",
        ok("GET_INFO", again.info())?.open_descriptors,
        2,
    )?;
    fails(
        "reopen of an unknown id",
        calls::unshare_reopen(3, id + 1_000_000),
        Errno::ESRCH,
    )?;
    fails("reopen of id 0", calls::unshare_reopen(3, 0), Errno::ESRCH)?;
    let list = create(ContextType::ProcessList)?;
    run(|| {
        enter_now(&list)?;
        for context_type in [1, 2, 3, 99] {
            fails(
                "reopen inside a list",
                calls::unshare_reopen(context_type, 1),
                Errno::EPERM,
            )?;
        }
        fails(
            "reopen of a context by its id",
            calls::unshare_reopen(3, id),
            Errno::EPERM,
        )
    })?;
    drop(context);
    drop(again);
    fails(
        "reopen of a destroyed context",
        calls::unshare_reopen(3, id),
        Errno::ESRCH,
    )
}
