//! The containers of the attackers: made by the context calls, with a root of their own.

use crate::attack::{Class, Result, Role};
use crate::attempts::Attempts;
use crate::host::Canaries;
use gantry_abi::context::{ContextState, ContextType, CopyMountFlags, EnterFlags, OpenFlags};
use gantry_abi::user::mount::{WORKING_DIRECTORY, copy_mount};
use gantry_abi::user::process::wait;
use gantry_abi::user::{ContextDescriptor, calls, fork};
use rustix::fs::{FileType, Mode, makedev, mkdirat, mknodat};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// The argument of the attacker's program: `escape --inside CLASS MEMBER MEMBERS JAILED PROCESS`.
pub const INSIDE: &str = "--inside";
/// Attackers from this number on are started beside a container's first one.
pub const HELPERS: usize = 10;
/// The file in the shared folder that ends the attackers.
pub const OVER: &str = "over";
/// Where the attacker's program is in the container.
const PROGRAM: &str = "/bin/escape";
/// Begins the line of something that worked.
const SUCCESS: &str = "escaped: ";
/// Begins the line of an attack that could not be made.
const FAILURE: &str = "failed: ";
/// Begins the last line: how many attempts there were.
const END: &str = "attempts: ";

/// Three contexts with a root: a copy of this program, /proc, /dev with harmless devices, /tmp, a folder that all
/// attackers share at /shared, and the host's file at /shown, read-only.
pub struct Container {
    /// The root.
    pub root: ContextDescriptor,
    /// The list of processes, which ends with this.
    pub list: ContextDescriptor,
    /// The host name.
    pub name: ContextDescriptor,
}

impl Container {
    /// A container that nobody runs in.
    pub fn new(canaries: &Canaries) -> Result<Self> {
        let root = ContextDescriptor::new(ContextType::VfsRoot, OpenFlags::empty())?;
        let list = ContextDescriptor::new(ContextType::ProcessList, OpenFlags::KILL_ON_CLOSE)?;
        let name = ContextDescriptor::open(ContextType::Hostname, OpenFlags::empty())?;
        name.set_hostname(b"container")?;
        name.create()?;
        let container = Container { root, list, name };
        let top = container.top()?;
        for folder in ["bin", "proc", "dev", "tmp", "shared", "shown"] {
            mkdirat(&top, folder, Mode::from(0o755))?;
        }
        write_file(
            &top,
            "bin/escape",
            &fs::read(std::env::current_exe()?)?,
            0o755,
        )?;
        container.mount("proc", "proc")?;
        for (node, major, minor) in [
            ("null", 1, 3),
            ("zero", 1, 5),
            ("random", 1, 8),
            ("tty", 5, 0),
        ] {
            let path = format!("dev/{node}");
            let kind = FileType::CharacterDevice;
            mknodat(
                &top,
                path.as_str(),
                kind,
                Mode::from(0o666),
                makedev(major, minor),
            )?;
        }
        container.show(&canaries.place().join("shared"), "/shared", false)?;
        container.show(&canaries.place().join("shown"), "/shown", true)?;
        Ok(container)
    }

    /// The root directory.
    pub fn top(&self) -> Result<OwnedFd> {
        Ok(OwnedFd::from(self.root.open_root()?))
    }

    /// Mounts a new file system in the container.
    pub fn mount(&self, kind: &str, path: &str) -> Result<()> {
        use rustix::mount::{
            FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsmount,
            fsopen, move_mount,
        };
        let description = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&description)?;
        let mount = fsmount(
            &description,
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::empty(),
        )?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        Ok(move_mount(&mount, "", self.top()?, path, flags)?)
    }

    /// Shows something of the host's in the container.
    pub fn show(&self, from: &Path, to: &str, read_only: bool) -> Result<()> {
        let from = CString::new(from.as_os_str().as_encoded_bytes())?;
        let restrictions = if read_only {
            CopyMountFlags::READ_ONLY
        } else {
            CopyMountFlags::empty()
        };
        Ok(copy_mount(
            WORKING_DIRECTORY,
            &from,
            &self.root,
            &CString::new(to)?,
            restrictions,
        )?)
    }

    /// Waits until somebody is in it.
    pub fn wait_for_member(&self) -> Result<()> {
        for _ in 0..1000 {
            if self.list.info()?.state() != Some(ContextState::Created) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("nobody came into the container".into())
    }

    /// Starts the attacker of a class.
    pub fn start(&self, class: &str, role: &Role, canaries: &Canaries) -> Result<Running> {
        self.execute(attacker(class, role, canaries), role.jailed)
    }

    /// Executes a program in the container, as number 1 if it is the first.
    pub fn execute(&self, command: Command, jailed: bool) -> Result<Running> {
        self.execute_after(command, jailed, || Ok(()))
    }

    /// The same in a process that has done `before`, outside.
    pub fn execute_after(
        &self,
        mut command: Command,
        jailed: bool,
        before: impl FnOnce() -> Result<()>,
    ) -> Result<Running> {
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let complaints = write.try_clone()?;
        // Nothing of the host's, whose owner and mode its root could change through the descriptor.
        let (nothing, _) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let work = move || -> Result<()> {
            before()?;
            rustix::process::setsid()?;
            for context in [&self.root, &self.list, &self.name] {
                context.enter(EnterFlags::AFTER_EXEC)?;
            }
            if jailed {
                calls::set_jail(1)?;
            }
            command
                .stdin(Stdio::from(nothing))
                .stdout(Stdio::from(write));
            Err(command.exec().into())
        };
        let process = fork(|| {
            if let Err(error) = work() {
                // The reader takes it for the attacker's word.
                let _ = File::from(complaints).write_all(format!("{FAILURE}{error}\n").as_bytes());
            }
            1
        })?;
        Ok(Running {
            process,
            output: BufReader::new(File::from(read)),
        })
    }
}

/// The program of an attacker.
pub fn attacker(class: &str, role: &Role, canaries: &Canaries) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args([INSIDE, class]).args([
        role.member.to_string(),
        role.members.to_string(),
        usize::from(role.jailed).to_string(),
        canaries.process().to_string(),
    ]);
    command
}

/// Makes a file below a directory.
pub fn write_file(top: &OwnedFd, path: &str, content: &[u8], mode: u32) -> Result<()> {
    use rustix::fs::{OFlags, openat};
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let mut file = File::from(openat(top, path, flags, Mode::from(mode))?);
    Ok(file.write_all(content)?)
}

/// Number 1 of a container stays until the host has seen enough, because its list ends with it.
fn wait_for_end() {
    for _ in 0..6000 {
        if Path::new("/shared").join(OVER).exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process in a container.
pub struct Running {
    process: i32,
    output: BufReader<File>,
}

impl Running {
    /// All that it prints, at its end.
    pub fn text(mut self) -> Result<String> {
        let mut text = String::new();
        self.output.read_to_string(&mut text)?;
        wait(self.process)?;
        Ok(text)
    }

    /// Waits for the end of an attacker: what it says of itself.
    pub fn finish(mut self) -> Result<Attempts> {
        let mut attempts = Attempts::default();
        let mut ended = false;
        let mut line = String::new();
        while self.output.read_line(&mut line)? > 0 {
            if let Some(success) = line.strip_prefix(SUCCESS) {
                attempts.successes.push(success.trim_end().to_owned());
            } else if let Some(failure) = line.strip_prefix(FAILURE) {
                return Err(failure.trim_end().into());
            } else if let Some(count) = line.strip_prefix(END) {
                attempts.count = count.trim_end().parse()?;
                ended = true;
            }
            line.clear();
        }
        let status = wait(self.process)?;
        if ended {
            Ok(attempts)
        } else {
            Err(format!("an attacker ended with status {status:#x} before its end").into())
        }
    }
}

/// What the attacker's program does inside.
pub fn attack_inside(classes: &[&Class], arguments: &[String]) -> ExitCode {
    let number = |index: usize| -> usize {
        arguments
            .get(index)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    };
    let mut attempts = Attempts {
        role: Role {
            member: number(1),
            members: number(2),
            jailed: number(3) == 1,
        },
        host_process: number(4) as i32,
        ..Attempts::default()
    };
    let class = classes
        .iter()
        .find(|class| Some(class.name) == arguments.first().map(String::as_str));
    if let Some(class) = class
        && let Err(error) = (class.inside)(&mut attempts)
    {
        println!("{FAILURE}{error}");
    }
    for success in &attempts.successes {
        println!("{SUCCESS}{success}");
    }
    println!("{END}{}", attempts.count);
    if attempts.role.member < HELPERS {
        wait_for_end();
    }
    ExitCode::SUCCESS
}
