//! Starts the container's first process: the plan's steps in the child, and what a failure means.

use super::Container;
use crate::error::{Error, cause_in_words};
use crate::plan::{ChildStep, Plan};
use crate::system::process::{Held, Program, SpawnError, Stage, Step, spawn, spawn_held};
use crate::system::tree::find_directory_outside;
use gantry_abi::context::EnterFlags;
use gantry_abi::jail::JailKind;
use gantry_abi::user::attributes::Scheduling;
use gantry_abi::user::signal::SignalSet;
use gantry_abi::user::{ContextDescriptor, Errno};
use rustix::process::Signal;
use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// The first descriptor that is not standard input, output or error.
const FIRST_OTHER: u32 = 3;

/// The largest file of users that is looked into for a home directory, in bytes.
const LARGEST_PASSWD: u64 = 1 << 20;

/// What the program has as standard input, output and error, where these aren't the caller's.
#[derive(Default)]
pub struct Streams {
    /// Standard input.
    pub input: Option<OwnedFd>,
    /// Standard output.
    pub output: Option<OwnedFd>,
    /// Standard error.
    pub error: Option<OwnedFd>,
}

/// How the program is started.
pub struct Start {
    /// Its signal mask.
    pub mask: SignalSet,
    /// It takes the terminal on standard input over.
    pub foreground: bool,
    /// It waits to be released.
    pub held: bool,
    /// Its standard streams.
    pub streams: Streams,
}

/// A process of the container.
pub enum Started {
    /// It runs the program.
    Running(i32),
    /// It waits outside; what to say when the program can't be executed.
    Held(Held, Explanation),
}

/// What is said about a failure of a child.
pub struct Explanation {
    /// The words for each step.
    steps: Vec<String>,
    program: String,
    candidates: Vec<String>,
}

/// What the child does, as the kernel's calls take it.
struct Prepared {
    steps: Vec<Step>,
    // Descriptors that steps refer to.
    held: Vec<OwnedFd>,
}

impl Container {
    /// Starts the plan's program.
    pub fn start(&self, plan: &Plan, start: Start) -> Result<Started, Error> {
        let Start {
            mask,
            foreground,
            held,
            streams,
        } = start;
        let mut prepared = Prepared {
            steps: Vec::new(),
            held: Vec::new(),
        };
        let mut explanation = Explanation {
            steps: Vec::new(),
            program: plan.program.arguments.first().cloned().unwrap_or_default(),
            candidates: plan.program.candidates.clone(),
        };
        let streams = [streams.input, streams.output, streams.error];
        for (to, stream) in (0..).zip(streams) {
            if let Some(stream) = stream {
                let from = stream.as_raw_fd();
                prepared.steps.push(Step::Duplicate { from, to });
                prepared.held.push(stream);
            }
        }
        let streams = prepared.steps.iter();
        explanation.steps = streams.map(|_| "pass the streams on".to_owned()).collect();
        for planned in &plan.child {
            let length = prepared.steps.len();
            add(planned, self, foreground, &mut prepared)?;
            let added = prepared.steps.iter().skip(length);
            explanation.steps.extend(added.map(|_| planned.to_string()));
        }
        let mut environment = strings(&plan.program.environment)?;
        if let Some(user) = plan.program.home_of {
            environment.push(string(&format!("HOME={}", self.home_of(user)))?);
        }
        let program = Program::new(
            strings(&plan.program.candidates)?,
            strings(&plan.program.arguments)?,
            environment,
        );
        if held {
            return match spawn_held(&prepared.steps, mask, &program) {
                Ok(held) => Ok(Started::Held(held, explanation)),
                Err(error) => Err(explanation.explain(error, self)),
            };
        }
        match spawn(&prepared.steps, mask, &program) {
            Ok(process) => Ok(Started::Running(process)),
            Err(error) => Err(explanation.explain(error, self)),
        }
    }

    /// The steps by which the plan's program loses rights: who it is, and what it may do.
    pub fn restrictions(&self, plan: &Plan) -> Result<Vec<Step>, Error> {
        let mut prepared = Prepared {
            steps: Vec::new(),
            held: Vec::new(),
        };
        for planned in plan.child.iter().filter(|step| step.restricts()) {
            add(planned, self, false, &mut prepared)?;
        }
        Ok(prepared.steps)
    }

    /// The home directory of a user, as the container's /etc/passwd knows it.
    fn home_of(&self, user: u32) -> String {
        let mut text = Vec::new();
        if let Some(tree) = &self.tree
            && let Ok(file) = tree.open_file("/etc/passwd")
        {
            // What can't be read knows no user.
            let _ = file.take(LARGEST_PASSWD).read_to_end(&mut text);
        }
        home_in(&String::from_utf8_lossy(&text), user).unwrap_or_else(|| "/".to_owned())
    }
}

/// The home directory of a user in a file of users (passwd(5)).
fn home_in(text: &str, user: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [_, _, id, _, _, home, ..] if id.parse() == Ok(user) && home.starts_with('/') => {
                Some((*home).to_owned())
            }
            _ => None,
        }
    })
}

fn add(
    planned: &ChildStep,
    container: &Container,
    foreground: bool,
    prepared: &mut Prepared,
) -> Result<(), Error> {
    let Prepared { steps, held } = prepared;
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
        ChildStep::Terminal => {
            let terminal = container.terminal.as_ref();
            let terminal = terminal.ok_or_else(|| Error::new("the terminal was not made"))?;
            let from = terminal.slave.as_raw_fd();
            steps.extend([Step::NewSession, Step::ControllingTerminal(from)]);
            steps.extend((0..3).map(|to| Step::Duplicate { from, to }));
        }
        ChildStep::CloseDescriptors(preserved) => {
            steps.push(Step::CloseOnExecFrom(
                FIRST_OTHER.saturating_add(*preserved),
            ));
        }
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
        ChildStep::EnterRoot => steps.push(enter(&container.root, EnterFlags::AFTER_EXEC)?),
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
        ChildStep::Scheduling(scheduling) => steps.push(Step::Scheduling(Scheduling::new(
            scheduling.policy,
            scheduling.nice,
            scheduling.flags,
        ))),
        ChildStep::Affinity(processors) => steps.push(Step::Affinity(processors.clone())),
        ChildStep::IoPriority(priority) => steps.push(Step::IoPriority(*priority)),
        ChildStep::MemoryScore(score) => steps.push(Step::Write {
            path: c"/proc/self/oom_score_adj".to_owned(),
            text: score.to_string().into_bytes(),
        }),
        ChildStep::Personality(personality) => steps.push(Step::Personality(*personality)),
        ChildStep::BoundCapabilities(set) => {
            steps.extend([Step::KeepBounding(set.bits()), Step::KeepCapabilities]);
        }
        ChildStep::Capabilities(sets) => steps.extend([
            Step::Capabilities {
                effective: sets.effective.bits(),
                permitted: sets.permitted.bits(),
                inheritable: sets.inheritable.bits(),
            },
            Step::RaiseAmbient(sets.ambient.bits()),
        ]),
        ChildStep::NoNewPrivileges => steps.push(Step::NoNewPrivileges),
        ChildStep::Jail => steps.push(Step::Jail(JailKind::UntilExit)),
    }
    Ok(())
}

impl Explanation {
    /// The message about a failure.
    pub fn explain(&self, error: SpawnError, container: &Container) -> Error {
        let cause = io::Error::from(error.errno);
        match error.stage {
            Stage::Fork => Error::system("make the container's process", &cause),
            Stage::Step(index) => Error::system(
                self.steps
                    .get(index)
                    .map_or("prepare the process", String::as_str),
                &cause,
            ),
            Stage::Execute => self.not_executed(error.errno, container),
        }
    }

    /// Why the program was not executed. A path that exists and yet "does not" lacks what is to interpret it.
    fn not_executed(&self, errno: Errno, container: &Container) -> Error {
        let name = &self.program;
        let exists = |path: &&String| {
            container
                .tree
                .as_ref()
                .is_some_and(|tree| path.starts_with('/') && tree.find(path).is_ok())
        };
        let cause = cause_in_words(&errno.into());
        match errno {
            Errno::ENOENT | Errno::ENOTDIR => match self.candidates.iter().find(exists) {
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
            // The container's first process has ended.
            Errno::EAGAIN => Error::new("container not running"),
            _ => Error::not_executable(format!("execute {name}: {cause}")),
        }
    }
}

fn string(text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| Error::new("an argument contains a NUL character"))
}

fn strings(texts: &[String]) -> Result<Vec<CString>, Error> {
    texts.iter().map(|text| string(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::home_in;

    #[test]
    fn homes_are_found_by_number() {
        let text = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:33::relative:/bin/sh\nweb2:x:33:33::/srv:/x";
        assert_eq!(home_in(text, 0), Some("/root".to_owned()));
        assert_eq!(home_in(text, 33), Some("/srv".to_owned()));
        assert_eq!(home_in(text, 1), None);
    }
}
