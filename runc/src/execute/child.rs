//! Starts the container's first process: the plan's steps in the child, and what a failure means.

use super::Container;
use crate::error::{Error, cause_in_words};
use crate::plan::{ChildStep, Plan};
use crate::system::process::{Program, SpawnError, Stage, Step, spawn};
use crate::system::tree::find_directory_outside;
use gantry_abi::context::EnterFlags;
use gantry_abi::jail::JailKind;
use gantry_abi::user::signal::SignalSet;
use gantry_abi::user::{ContextDescriptor, Errno};
use rustix::process::Signal;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// The first descriptor that is not standard input, output or error.
const FIRST_OTHER: u32 = 3;

/// Starts the program with the signal mask `mask`; returns its process number. With `foreground` it takes
/// the terminal on standard input over.
pub fn start(
    plan: &Plan,
    container: &Container,
    foreground: bool,
    mask: SignalSet,
) -> Result<i32, Error> {
    let mut steps = Vec::new();
    // Descriptors that steps refer to.
    let mut held = Vec::new();
    // The words for each step, for the message if it fails.
    let mut names = Vec::new();
    for planned in &plan.child {
        let length = steps.len();
        add(planned, container, foreground, &mut steps, &mut held)?;
        names.extend(steps.iter().skip(length).map(|_| planned.to_string()));
    }
    let program = Program::new(
        strings(&plan.program.candidates)?,
        strings(&plan.program.arguments)?,
        strings(&plan.program.environment)?,
    );
    spawn(&steps, mask, &program).map_err(|error| explain(error, &names, plan, container))
}

fn add(
    planned: &ChildStep,
    container: &Container,
    foreground: bool,
    steps: &mut Vec<Step>,
    held: &mut Vec<OwnedFd>,
) -> Result<(), Error> {
    let enter = |context: &Option<ContextDescriptor>, flags| match context {
        Some(context) => Ok(Step::Enter(context.number(), flags)),
        None => Err(Error::new(format!("{planned}: it was not created"))),
    };
    match planned {
        ChildStep::Session if foreground => {
            steps.extend([Step::NewProcessGroup, Step::ForegroundOf(0)]);
        }
        ChildStep::Session => steps.push(Step::NewSession),
        ChildStep::DieWithManager => steps.push(Step::DieWithParent(Signal::KILL.as_raw())),
        ChildStep::CloseDescriptors => steps.push(Step::CloseOnExecFrom(FIRST_OTHER)),
        ChildStep::Limit(limit) => steps.push(Step::Limit {
            resource: limit.resource,
            soft: limit.soft,
            hard: limit.hard,
        }),
        ChildStep::EnterHostname => {
            steps.push(enter(&container.hostname, EnterFlags::AFTER_EXEC)?);
        }
        ChildStep::EnterProcessList => {
            steps.push(enter(&container.process_list, EnterFlags::AFTER_EXEC)?);
        }
        // Now, so that the working directory can be chosen inside; at exec too, which closes what
        // directories of the caller's the program would inherit.
        ChildStep::EnterRoot => {
            let flags = EnterFlags::CURRENT_PROGRAM | EnterFlags::AFTER_EXEC;
            steps.push(enter(&container.root, flags)?);
        }
        // Found beforehand: to the child /proc/self/fd would be what runc has open.
        ChildStep::ChangeDirectory(path) => {
            let directory = match &container.tree {
                Some(tree) => tree.find_directory(path),
                None => find_directory_outside(Path::new(path)),
            };
            let directory = directory.map_err(|error| Error::system(planned, &error))?;
            steps.push(Step::WorkingDirectory(directory.as_raw_fd()));
            held.push(directory);
        }
        ChildStep::Umask(mask) => steps.push(Step::Umask(*mask)),
        ChildStep::Identity {
            user,
            group,
            additional,
        } => steps.extend([
            Step::Groups(additional.clone()),
            Step::GroupId(*group),
            Step::UserId(*user),
        ]),
        ChildStep::NoNewPrivileges => steps.push(Step::NoNewPrivileges),
        ChildStep::Jail => steps.push(Step::Jail(JailKind::UntilExit)),
    }
    Ok(())
}

fn explain(error: SpawnError, names: &[String], plan: &Plan, container: &Container) -> Error {
    let cause = io::Error::from(error.errno);
    match error.stage {
        Stage::Fork => Error::system("make the container's process", &cause),
        Stage::Step(index) => Error::system(
            names
                .get(index)
                .map_or("prepare the process", String::as_str),
            &cause,
        ),
        Stage::Execute => not_executed(error.errno, plan, container),
    }
}

/// Why the program was not executed. A path that exists and yet "does not" lacks what is to interpret it.
fn not_executed(errno: Errno, plan: &Plan, container: &Container) -> Error {
    let program = &plan.program;
    let name = program.arguments.first().map_or("", String::as_str);
    let exists = |path: &&String| {
        container
            .tree
            .as_ref()
            .is_some_and(|tree| path.starts_with('/') && tree.find(path).is_ok())
    };
    let cause = cause_in_words(&errno.into());
    match errno {
        Errno::ENOENT | Errno::ENOTDIR => match program.candidates.iter().find(exists) {
            Some(path) => Error::not_executable(format!(
                "execute {path}: the interpreter that it asks for does not exist in the container"
            )),
            None if name.contains('/') => Error::not_found(format!(
                "execute {name}: it does not exist in the container"
            )),
            None => Error::not_found(format!(
                "execute {name}: it is in no directory of the container's PATH"
            )),
        },
        Errno::ENOEXEC => {
            Error::not_executable(format!("execute {name}: not a program for this machine"))
        }
        _ => Error::not_executable(format!("execute {name}: {cause}")),
    }
}

fn string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::new("an argument contains a NUL character"))
}

fn strings(texts: &[String]) -> Result<Vec<CString>, Error> {
    texts.iter().map(|text| string(text)).collect()
}
