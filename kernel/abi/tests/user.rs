//! What does not need the context calls works on any Linux: starting programs, their errors, signals.

use gantry_abi::context::{ContextType, EnterFlags, OpenFlags};
use gantry_abi::user::held::spawn_held;
use gantry_abi::user::process::{Program, SpawnError, Stage, Step, spawn, wait};
use gantry_abi::user::signal::{self, Received, SignalSet};
use gantry_abi::user::{ContextDescriptor, Errno, OwnedDescriptor, calls, fork_and_run};
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, pipe};
use std::os::fd::{AsRawFd, OwnedFd};

fn text(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn shell(script: &str) -> Program {
    Program::new(
        vec![text("/nowhere/sh"), text("/bin/sh")],
        vec![text("sh"), text("-c"), text(script)],
        vec![text("NAME=value")],
    )
}

#[test]
fn a_child_carries_out_its_steps_and_executes() {
    let (mut output, input) = pipe().unwrap();
    let directory = File::open("/tmp").unwrap();
    let steps = [
        Step::NewSession,
        Step::WorkingDirectory(directory.as_raw_fd()),
        Step::Umask(0o27),
        Step::Limit {
            resource: 7,
            soft: 100,
            hard: 100,
        },
        Step::Duplicate {
            from: input.as_raw_fd(),
            to: 1,
        },
        Step::CloseOnExecFrom(3),
    ];
    let script = "echo $NAME $PWD $(umask) $(ulimit -n) $(ls /proc/self/fd | wc -l); exit 7";
    let child = spawn(&steps, SignalSet::EMPTY, &shell(script)).unwrap();
    drop(input);
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    // Descriptors 0 to 2 and the one with which ls reads the directory.
    assert_eq!(said, "value /tmp 0027 100 4\n");
    assert_eq!(wait(child), Ok(7 << 8));
}

#[test]
fn a_held_child_waits_for_its_release() {
    let (mut output, input) = pipe().unwrap();
    let steps = [Step::Duplicate {
        from: input.as_raw_fd(),
        to: 1,
    }];
    let held = spawn_held(&steps, SignalSet::EMPTY, &shell("echo here; exit 7")).unwrap();
    drop(input);
    let child = held.process;
    assert_eq!(held.release(), Ok(()));
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    assert_eq!(said, "here\n");
    assert_eq!(wait(child), Ok(7 << 8));
}

#[test]
fn a_held_child_says_what_failed_or_ends_with_its_holder() {
    let steps = [Step::Umask(0o22), Step::WorkingDirectory(1000)];
    let held = spawn_held(&steps, SignalSet::EMPTY, &shell("exit 0")).unwrap();
    let child = held.process;
    let failure = SpawnError {
        stage: Stage::Step(1),
        errno: Errno::EBADF,
    };
    assert_eq!(held.release(), Err(failure));
    assert_eq!(wait(child), Ok(127 << 8));
    let held = spawn_held(&[], SignalSet::EMPTY, &shell("exit 0")).unwrap();
    let child = held.process;
    drop(held);
    assert_eq!(wait(child), Ok(127 << 8));
    let held = spawn_held(&[], SignalSet::EMPTY, &shell("exit 0")).unwrap();
    calls::kill(held.process, 15).unwrap();
    assert_eq!(wait(held.process), Ok(15));
    assert_eq!(held.release(), Ok(()));
}

#[test]
fn a_program_can_be_an_open_file() {
    let file = File::open("/bin/sh").unwrap();
    let arguments = vec![text("sh"), text("-c"), text("exit 9")];
    let program = Program::of_descriptor(file.as_raw_fd(), arguments, Vec::new());
    let child = spawn(&[], SignalSet::EMPTY, &program).unwrap();
    assert_eq!(wait(child), Ok(9 << 8));
}

#[test]
fn a_failed_step_is_named_and_leaves_no_child() {
    let steps = [Step::Umask(0o22), Step::WorkingDirectory(1000)];
    let error = spawn(&steps, SignalSet::EMPTY, &shell("exit 0")).unwrap_err();
    assert_eq!(
        error,
        SpawnError {
            stage: Stage::Step(1),
            errno: Errno::EBADF
        }
    );
    let steps = [Step::Enter(0, EnterFlags::AFTER_EXEC)];
    let error = spawn(&steps, SignalSet::EMPTY, &shell("exit 0")).unwrap_err();
    assert_eq!(
        error,
        SpawnError {
            stage: Stage::Step(0),
            errno: Errno::ENOSYS
        }
    );
}

#[test]
fn a_program_that_cannot_be_executed_is_an_error_of_its_own() {
    let missing = Program::new(vec![text("/nowhere/a")], vec![text("a")], vec![]);
    let refused = Program::new(
        vec![text("/etc/passwd"), text("/nowhere/a")],
        vec![text("a")],
        vec![],
    );
    for (program, errno) in [(missing, Errno::ENOENT), (refused, Errno::EACCES)] {
        let error = spawn(&[], SignalSet::EMPTY, &program).unwrap_err();
        assert_eq!(
            error,
            SpawnError {
                stage: Stage::Execute,
                errno
            }
        );
    }
}

#[test]
fn the_programs_signals_are_blocked_in_the_child_as_asked() {
    let blocked = SignalSet::EMPTY.with(15);
    let child = spawn(&[], blocked, &shell("kill -15 $$; exit 3")).unwrap();
    assert_eq!(wait(child), Ok(3 << 8));
    let child = spawn(&[], SignalSet::EMPTY, &shell("kill -15 $$; exit 3")).unwrap();
    assert_eq!(wait(child), Ok(15));
}

#[test]
fn waiting_for_a_signal_ends_with_it_or_with_its_time() {
    const SIGUSR1: i32 = 10;
    // In a child, which has one thread: a signal to a process goes to any thread that lets it in.
    let status = fork_and_run(|| {
        let signals = SignalSet::EMPTY.with(SIGUSR1);
        let before = signal::block(signals);
        let nothing = signal::wait(signals, Some(1_000_000));
        let sender = spawn(&[], SignalSet::EMPTY, &shell("kill -USR1 $PPID"));
        let received = signal::wait(signals, None);
        let expected = sender.map(|sender| {
            Some(Received {
                signal: SIGUSR1,
                sender: Some(sender),
            })
        });
        let right = before.is_ok() && nothing == Ok(None) && received.ok() == expected.ok();
        i32::from(!right)
    });
    assert_eq!(status.unwrap().code(), Some(0));
}

#[test]
fn without_the_kernel_the_context_calls_say_so() {
    assert_eq!(
        ContextDescriptor::open(ContextType::VfsRoot, OpenFlags::empty()).unwrap_err(),
        Errno::ENOSYS
    );
    assert_eq!(calls::unshare_create(0), Err(Errno::ENOSYS));
    assert_eq!(calls::unshare_reopen(1, 1).unwrap_err(), Errno::ENOSYS);
    assert_eq!(
        calls::copy_mount(-100, &text("/"), -1, &text("/"), 0),
        Err(Errno::ENOSYS)
    );
    assert_eq!(calls::context_request(0, 0x5401, 0), Err(Errno::EINVAL));
    assert_eq!(calls::set_jail(1), Err(Errno::EINVAL));
}

#[test]
fn descriptors_pass_to_the_standard_library_and_back() {
    let (mut output, input) = pipe().unwrap();
    let ours = OwnedDescriptor::from(OwnedFd::from(input));
    let number = ours.number();
    let theirs = OwnedFd::from(ours);
    assert_eq!(theirs.as_raw_fd(), number);
    drop(OwnedDescriptor::from(theirs));
    let mut nothing = Vec::new();
    assert_eq!(output.read_to_end(&mut nothing).unwrap(), 0);
}

#[test]
fn ignored_signals_are_known() {
    const SIGPIPE: i32 = 13;
    const SIGUSR2: i32 = 12;
    // The standard library ignores it.
    assert_eq!(signal::is_ignored(SIGPIPE), Ok(true));
    assert_eq!(signal::is_ignored(SIGUSR2), Ok(false));
    assert_eq!(signal::is_ignored(1000), Err(Errno::EINVAL));
}
