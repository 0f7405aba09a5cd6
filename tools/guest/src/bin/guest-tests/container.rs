//! Containers for the tests: a root with the test program in it, and programs run inside.

use crate::check::{Check, ok};
use crate::child::{Child, End};
use crate::script;
use gantry_abi::context::{ContextType, CopyMountFlags, EnterFlags, OpenFlags};
use gantry_abi::user::ContextDescriptor;
use gantry_abi::user::mount::{WORKING_DIRECTORY, copy_mount};
use rustix::fs::{Mode, mkdirat};
use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The directory of the test program, outside and inside.
pub fn program_directory() -> Check<PathBuf> {
    let program = ok("the test program's path", std::env::current_exe())?;
    program
        .parent()
        .map(PathBuf::from)
        .ok_or_else(|| "the test program is in no directory".to_owned())
}

/// The test program's path outside.
pub fn program() -> Check<String> {
    Ok(program_directory()?
        .join("guest-tests")
        .to_string_lossy()
        .into_owned())
}

/// A created context.
pub fn create(context_type: ContextType) -> Check<ContextDescriptor> {
    ok(
        "create a context",
        ContextDescriptor::new(context_type, OpenFlags::empty()),
    )
}

/// The root directory of a context.
pub fn root_of(context: &ContextDescriptor) -> Check<OwnedFd> {
    ok("OPEN_ROOT", context.open_root()).map(OwnedFd::from)
}

/// A created VFS root with the test program in /bin and an empty /proc.
pub fn vfs_root_with_program() -> Check<ContextDescriptor> {
    let context = create(ContextType::VfsRoot)?;
    add_program(&context)?;
    Ok(context)
}

/// Shows the test program's directory as /bin of a context, read-only.
pub fn add_program(context: &ContextDescriptor) -> Check {
    let root = root_of(context)?;
    ok(
        "mkdir /bin inside",
        mkdirat(&root, "bin", Mode::from(0o755)),
    )?;
    ok(
        "mkdir /proc inside",
        mkdirat(&root, "proc", Mode::from(0o755)),
    )?;
    let from = CString::new(program_directory()?.into_os_string().into_encoded_bytes());
    let from = ok("the program's directory", from)?;
    ok(
        "copy_mount of /bin",
        copy_mount(
            WORKING_DIRECTORY,
            &from,
            context,
            c"/bin",
            CopyMountFlags::READ_ONLY,
        ),
    )
}

/// Mounts proc on /proc of a context, from outside.
pub fn add_proc(context: &ContextDescriptor) -> Check {
    let root = root_of(context)?;
    mount_at(&root, "proc", "proc")
}

/// Mounts a new file system at a path below a directory descriptor.
pub fn mount_at(directory: &OwnedFd, kind: &str, path: &str) -> Check {
    use rustix::mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsmount,
        fsopen, move_mount,
    };
    let description = ok("fsopen", fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC))?;
    ok("fsconfig", fsconfig_create(&description))?;
    let mount = fsmount(
        &description,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    );
    let mount = ok("fsmount", mount)?;
    ok(
        "move_mount",
        move_mount(
            &mount,
            "",
            directory,
            path,
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        ),
    )
}

/// What a script printed and how it ended.
pub struct Outcome {
    /// The lines.
    pub lines: Vec<String>,
    /// The end of the process.
    pub end: End,
}

/// A command that runs a script in the test program.
pub fn script_command(steps: &[&str]) -> Command {
    script_command_at("/bin/guest-tests", steps)
}

/// The same with the program at another path.
pub fn script_command_at(program: &str, steps: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg(script::FLAG).args(steps);
    command
}

/// A script that runs.
pub struct Running {
    child: Child,
    output: BufReader<File>,
}

/// Starts a script in a child that has done `before`, such as entering contexts.
pub fn start(steps: &[&str], before: impl FnOnce() -> Check) -> Check<Running> {
    start_command(script_command(steps), before)
}

/// Starts a program in a child that has done `before`.
pub fn start_command(mut command: Command, before: impl FnOnce() -> Check) -> Check<Running> {
    let (read, write) = ok(
        "pipe",
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC),
    )?;
    let child = Child::start(move || {
        before()?;
        let error = command.stdout(Stdio::from(write)).exec();
        Err(format!("exec: {error}"))
    })?;
    Ok(Running {
        child,
        output: BufReader::new(File::from(read)),
    })
}

impl Running {
    /// The next line that it prints.
    pub fn line(&mut self) -> Check<String> {
        let mut line = String::new();
        ok("read the script's output", self.output.read_line(&mut line))?;
        if line.is_empty() {
            let mut why = String::new();
            ok(
                "read the child's report",
                self.child.report().read_to_string(&mut why),
            )?;
            return Err(if why.is_empty() {
                "the script ended without a line".to_owned()
            } else {
                why
            });
        }
        Ok(line.trim_end().to_owned())
    }

    /// Its process number.
    pub fn process(&self) -> i32 {
        self.child.process()
    }

    /// The child.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Check<Outcome> {
        let mut text = String::new();
        ok(
            "read the script's output",
            self.output.read_to_string(&mut text),
        )?;
        let mut why = String::new();
        ok(
            "read the child's report",
            self.child.report().read_to_string(&mut why),
        )?;
        let end = self.child.wait()?;
        if !why.is_empty() {
            return Err(why);
        }
        Ok(Outcome {
            lines: text.lines().map(str::to_owned).collect(),
            end,
        })
    }
}

/// Runs a script to its end in a child that has done `before`; its lines.
pub fn run(steps: &[&str], before: impl FnOnce() -> Check) -> Check<Vec<String>> {
    let outcome = start(steps, before)?.finish()?;
    match outcome.end {
        End::Status(0) => Ok(outcome.lines),
        end => Err(format!(
            "the script ended with {end:?} after {:?}",
            outcome.lines
        )),
    }
}

/// Lets the caller's next exec enter a context.
pub fn enter_after_exec(context: &ContextDescriptor) -> Check {
    ok("enter after exec", context.enter(EnterFlags::AFTER_EXEC))
}

/// Moves the caller into a context now.
pub fn enter_now(context: &ContextDescriptor) -> Check {
    ok("enter now", context.enter(EnterFlags::CURRENT_PROGRAM))
}
