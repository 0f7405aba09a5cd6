//! Starting a program in contexts.
//!
//! [`spawn`] makes a child that carries out a prepared list of [`Step`]s and executes a program. Between
//! the two the child allocates nothing and shares the parent's memory, which stands still meanwhile
//! (vfork(2)), so that it can leave the error of a failed step there.

use super::attributes::{self, Scheduling};
use super::kernel::{self, StringArray};
use super::signal::{self, SignalSet};
use super::{Errno, Result};
use crate::context::EnterFlags;
use crate::jail::JailKind;
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;
use linux_raw_sys::{general, ioctl, prctl};

/// `CAP_LAST_CAP`
const LAST_CAPABILITY: u32 = 40;

/// close_range(2): set close-on-exec instead of closing (linux/close_range.h).
const CLOSE_RANGE_CLOEXEC: usize = 1 << 2;

/// One thing that the child does before it executes its program. Descriptors are the parent's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `unshare_enter` of a context descriptor.
    Enter(i32, EnterFlags),
    /// setsid(2): a new session and process group, without a controlling terminal.
    NewSession,
    /// setpgid(2): a new process group in the parent's session.
    NewProcessGroup,
    /// The child's process group becomes the foreground one of this terminal (tcsetpgrp(3)).
    ForegroundOf(i32),
    /// This terminal becomes the child's controlling one; after `NewSession` (TIOCSCTTY).
    ControllingTerminal(i32),
    /// The child dies by this signal when its parent ends (PR_SET_PDEATHSIG), also if it has ended already.
    DieWithParent(i32),
    /// dup3(2) without close-on-exec.
    Duplicate {
        /// The descriptor to copy.
        from: i32,
        /// The number of the copy, closed first if it is open.
        to: i32,
    },
    /// Marks every descriptor from this number on close-on-exec.
    CloseOnExecFrom(u32),
    /// fchdir(2): by descriptor, because what a path leads to in the child may be what the parent has open.
    WorkingDirectory(i32),
    /// umask(2)
    Umask(u32),
    /// prlimit64(2) of one resource.
    Limit {
        /// RLIMIT_*
        resource: u32,
        /// The soft limit.
        soft: u64,
        /// The hard limit.
        hard: u64,
    },
    /// setgroups(2)
    Groups(Vec<u32>),
    /// setresgid(2), all three.
    GroupId(u32),
    /// setresuid(2), all three.
    UserId(u32),
    /// Takes all capabilities but these out of the bounding set.
    KeepBounding(u64),
    /// PR_SET_KEEPCAPS: what is permitted stays so when the user changes.
    KeepCapabilities,
    /// capset(2): three sets, one bit each.
    Capabilities {
        /// What the thread may do.
        effective: u64,
        /// What it can make effective.
        permitted: u64,
        /// What files may give it.
        inheritable: u64,
    },
    /// Puts these capabilities into the ambient set.
    RaiseAmbient(u64),
    /// sched_setattr(2)
    Scheduling(Scheduling),
    /// sched_setaffinity(2): one bit for each processor.
    Affinity(Vec<u64>),
    /// ioprio_set(2)
    IoPriority(u32),
    /// personality(2)
    Personality(u32),
    /// Writes to a file of the parent's tree.
    Write {
        /// Its path.
        path: CString,
        /// What is written, in one piece.
        text: Vec<u8>,
    },
    /// PR_SET_NO_NEW_PRIVS
    NoNewPrivileges,
    /// PR_SET_JAIL
    Jail(JailKind),
}

/// The program that the child executes.
pub struct Program {
    file: ProgramFile,
    arguments: StringArray,
    environment: StringArray,
}

/// Where a program is.
enum ProgramFile {
    /// Paths to be tried.
    Paths(Vec<CString>),
    /// An open file.
    Descriptor(i32),
}

impl Program {
    /// `candidates` are tried in turn as execvp(3) does: one that does not exist or may not be executed
    /// gives way to the next.
    pub fn new(
        candidates: Vec<CString>,
        arguments: Vec<CString>,
        environment: Vec<CString>,
    ) -> Self {
        Self {
            file: ProgramFile::Paths(candidates),
            arguments: StringArray::new(arguments),
            environment: StringArray::new(environment),
        }
    }

    /// The file that a descriptor of the parent refers to, wherever the child's exec leads (execveat(2)).
    pub fn of_descriptor(
        descriptor: i32,
        arguments: Vec<CString>,
        environment: Vec<CString>,
    ) -> Self {
        Self {
            file: ProgramFile::Descriptor(descriptor),
            arguments: StringArray::new(arguments),
            environment: StringArray::new(environment),
        }
    }

    /// The paths that are tried.
    pub fn candidates(&self) -> &[CString] {
        match &self.file {
            ProgramFile::Paths(candidates) => candidates,
            ProgramFile::Descriptor(_) => &[],
        }
    }

    /// The arguments, the program's name first.
    pub fn arguments(&self) -> &[CString] {
        self.arguments.strings()
    }

    /// Executes the first candidate that can be; returns the error that execvp(3) would.
    pub(super) fn execute(&self) -> Errno {
        let candidates = match &self.file {
            ProgramFile::Paths(candidates) => candidates,
            ProgramFile::Descriptor(descriptor) => {
                return kernel::execute_file(*descriptor, &self.arguments, &self.environment);
            }
        };
        let mut refused = None;
        let mut last = Errno::ENOENT;
        for candidate in candidates {
            last = kernel::execute(candidate, &self.arguments, &self.environment);
            match last {
                Errno::EACCES => refused = Some(last),
                Errno::ENOENT | Errno::ENOTDIR => {}
                _ => return last,
            }
        }
        refused.unwrap_or(last)
    }
}

/// Why [`spawn`] failed. No child is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpawnError {
    /// What failed.
    pub stage: Stage,
    /// With which error.
    pub errno: Errno,
}

/// A stage of [`spawn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Making the child.
    Fork,
    /// The step with this index.
    Step(usize),
    /// Executing the program.
    Execute,
}

/// Starts a child that carries out `steps` in order and executes `program` with signal mask `mask` and
/// every signal at its default action. Returns the child's process number.
pub fn spawn(
    steps: &[Step],
    mask: SignalSet,
    program: &Program,
) -> core::result::Result<i32, SpawnError> {
    let fork_error = |errno| SpawnError {
        stage: Stage::Fork,
        errno,
    };
    let parent = process_number();
    let mut failure = None;
    // No handler of this program may run in the child, which shares its memory.
    let before = signal::block(SignalSet::ALL).map_err(fork_error)?;
    let child = kernel::vfork(&mut || {
        failure = Some(become_program(steps, mask, program, parent));
        127
    });
    let restored = signal::set_mask(before);
    let child = child.map_err(fork_error)?;
    if let Some(failure) = failure {
        // Interrupted or not, the child has exited; what is left is to collect it.
        while wait(child) == Err(Errno::EINTR) {}
        return Err(failure);
    }
    restored.map_err(fork_error)?;
    Ok(child)
}

/// Waits until a child has ended and returns its wait status (wait4(2)). Errors: ECHILD, EINTR.
pub fn wait(process: i32) -> Result<i32> {
    let mut status = [0i32; 1];
    kernel::wait(process, &mut status)?;
    Ok(status[0])
}

pub(super) fn process_number() -> i32 {
    number_call(general::__NR_getpid, [0; 3]).map_or(0, |number| number as i32)
}

/// In the child: does everything, or returns why not.
pub(super) fn become_program(
    steps: &[Step],
    mask: SignalSet,
    program: &Program,
    parent: i32,
) -> SpawnError {
    reset_signals();
    for (index, step) in steps.iter().enumerate() {
        if let Err(errno) = carry_out(step, parent) {
            return SpawnError {
                stage: Stage::Step(index),
                errno,
            };
        }
    }
    let errno = match signal::set_mask(mask) {
        Ok(_) => program.execute(),
        Err(errno) => errno,
    };
    SpawnError {
        stage: Stage::Execute,
        errno,
    }
}

/// Gives every signal its default action.
pub(super) fn reset_signals() {
    for signal in 1..=signal::LARGEST {
        // SIGKILL and SIGSTOP can't be set (EINVAL) and are at their default for ever.
        let _ = kernel::reset_signal_action(signal);
    }
}

fn number_call(call: u32, numbers: [usize; 3]) -> Result<usize> {
    let [first, second, third] = numbers;
    kernel::call_with_numbers(call as usize, [first, second, third, 0, 0])
}

fn carry_out(step: &Step, parent: i32) -> Result<()> {
    match step {
        Step::Enter(context, flags) => return super::calls::unshare_enter(*context, flags.bits()),
        Step::NewSession => number_call(general::__NR_setsid, [0; 3]),
        Step::NewProcessGroup => number_call(general::__NR_setpgid, [0; 3]),
        Step::ForegroundOf(terminal) => {
            let group = [process_number()];
            let request = ioctl::TIOCSPGRP as usize;
            let arguments = [*terminal as usize, request, 0, 0, 0, 0];
            kernel::call_reading(general::__NR_ioctl as usize, arguments, 2, &group)
        }
        Step::ControllingTerminal(terminal) => number_call(
            general::__NR_ioctl,
            [*terminal as usize, ioctl::TIOCSCTTY as usize, 0],
        ),
        Step::DieWithParent(signal) => return die_with_parent(*signal, parent),
        Step::Duplicate { from, to } if from == to => number_call(
            general::__NR_fcntl,
            [*from as usize, general::F_SETFD as usize, 0],
        ),
        Step::Duplicate { from, to } => {
            number_call(general::__NR_dup3, [*from as usize, *to as usize, 0])
        }
        Step::CloseOnExecFrom(first) => number_call(
            general::__NR_close_range,
            [*first as usize, u32::MAX as usize, CLOSE_RANGE_CLOEXEC],
        ),
        Step::WorkingDirectory(directory) => {
            number_call(general::__NR_fchdir, [*directory as usize, 0, 0])
        }
        Step::Umask(mask) => number_call(general::__NR_umask, [*mask as usize, 0, 0]),
        Step::Limit {
            resource,
            soft,
            hard,
        } => {
            let limit = [*soft, *hard];
            let arguments = [0, *resource as usize, 0, 0, 0, 0];
            kernel::call_reading(general::__NR_prlimit64 as usize, arguments, 2, &limit)
        }
        Step::Groups(groups) => {
            let arguments = [groups.len(), 0, 0, 0, 0, 0];
            kernel::call_reading(general::__NR_setgroups as usize, arguments, 1, groups)
        }
        Step::GroupId(group) => number_call(general::__NR_setresgid, [*group as usize; 3]),
        Step::UserId(user) => number_call(general::__NR_setresuid, [*user as usize; 3]),
        Step::KeepBounding(kept) => return each_capability(!kept, attributes::drop_bounding),
        Step::KeepCapabilities => return attributes::keep_capabilities(),
        Step::Capabilities {
            effective,
            permitted,
            inheritable,
        } => return attributes::set_capabilities(*effective, *permitted, *inheritable),
        Step::RaiseAmbient(raised) => return each_capability(*raised, attributes::raise_ambient),
        Step::Scheduling(scheduling) => return attributes::set_scheduling(*scheduling),
        Step::Affinity(processors) => return attributes::set_affinity(processors),
        Step::IoPriority(priority) => return attributes::set_io_priority(*priority),
        Step::Personality(personality) => {
            return attributes::set_personality(*personality).map(drop);
        }
        Step::Write { path, text } => return write(path, text),
        Step::NoNewPrivileges => number_call(
            general::__NR_prctl,
            [prctl::PR_SET_NO_NEW_PRIVS as usize, 1, 0],
        ),
        Step::Jail(kind) => return super::calls::set_jail(*kind as i32),
    }
    .map(drop)
}

/// Calls `act` with the number of every capability of a set.
fn each_capability(set: u64, act: impl Fn(u32) -> Result<()>) -> Result<()> {
    (0..=LAST_CAPABILITY)
        .filter(|number| set >> number & 1 != 0)
        .try_for_each(act)
}

fn write(path: &CStr, text: &[u8]) -> Result<()> {
    let flags = general::O_WRONLY | general::O_CLOEXEC;
    let arguments = [general::AT_FDCWD as usize, 0, flags as usize, 0, 0, 0];
    let file = kernel::call_with_strings(general::__NR_openat as usize, arguments, &[(1, path)])?;
    let arguments = [file, 0, text.len(), 0, 0, 0];
    let written = kernel::call_reading(general::__NR_write as usize, arguments, 1, text);
    kernel::close(file as i32)?;
    match written? {
        count if count == text.len() => Ok(()),
        _ => Err(Errno::EIO),
    }
}

fn die_with_parent(signal: i32, parent: i32) -> Result<()> {
    number_call(
        general::__NR_prctl,
        [prctl::PR_SET_PDEATHSIG as usize, signal as usize, 0],
    )?;
    // The parent may have ended before the call: then nobody would send the signal any more.
    let current = number_call(general::__NR_getppid, [0; 3])?;
    if current as i32 == parent {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}
