//! Runs hooks: programs of the caller at points of a container's life, with its state on standard input.

use super::Monitor;
use crate::config::Hook;
use crate::error::Error;
use crate::execute::Container;
use crate::log::Log;
use crate::state::{Exit, Now, Record, Status};
use crate::system::descriptor;
use crate::system::process::{self, Change, Program, Step, spawn};
use gantry_abi::context::{ContextType, EnterFlags, OpenFlags};
use gantry_abi::user::ContextDescriptor;
use gantry_abi::user::signal::SignalSet;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::time::{Duration, Instant};

const KILL: i32 = 9;

/// Where a hook is found and run.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// Found and run outside.
    Outside,
    /// Found and run outside, but with the container's hostname and with its mounts on the directory that is its
    /// root.
    Between,
    /// Found and run inside. What is found there may be anybody's: it is who the container's program is, and may do
    /// what that may.
    Inside {
        /// The steps that see to that.
        restrictions: &'a [Step],
        /// The environment of a hook that has none of its own.
        environment: &'a [String],
    },
}

/// A hook that runs.
struct Running {
    process: i32,
    /// Number 1 of the container's process list has to be its program. So a hook in the container is alone in a list
    /// that ends with it: it sees and reaches no process of the host.
    _list: Option<ContextDescriptor>,
}

/// Why a hook failed: the words after its name.
fn failure(point: &str, index: usize, why: impl std::fmt::Display) -> Error {
    Error::new(format!("error running {point} hook #{index}: {why}"))
}

fn strings(texts: impl Iterator<Item = Vec<u8>>) -> io::Result<Vec<CString>> {
    texts
        .map(|text| CString::new(text).map_err(|_| io::ErrorKind::InvalidInput.into()))
        .collect()
}

/// Starts a hook.
fn start(
    hook: &Hook,
    place: Place<'_>,
    container: &Container,
    rootfs: Option<&Path>,
    state: &str,
) -> io::Result<Running> {
    let input = descriptor::file_in_memory(state.as_bytes())?;
    let mut steps = vec![Step::Duplicate {
        from: input.as_raw_fd(),
        to: 0,
    }];
    let view = match (place, rootfs) {
        (Place::Between, Some(rootfs)) => container.view_from_outside(rootfs)?,
        _ => None,
    };
    let root = match place {
        Place::Inside { .. } => container.root.as_ref(),
        Place::Between => view.as_ref(),
        Place::Outside => None,
    };
    let is_outside = matches!(place, Place::Outside);
    let hostname = container.hostname.as_ref().filter(|_| !is_outside);
    let list = match &container.process_list {
        Some(_) if !is_outside => Some(ContextDescriptor::new(
            ContextType::ProcessList,
            OpenFlags::KILL_ON_CLOSE,
        )?),
        _ => None,
    };
    for context in [list.as_ref(), hostname, root].into_iter().flatten() {
        steps.push(Step::Enter(context.as_raw_fd(), EnterFlags::AFTER_EXEC));
    }
    steps.push(Step::CloseOnExecFrom(3));
    let arguments = if hook.arguments.is_empty() {
        vec![hook.path.clone()]
    } else {
        hook.arguments.clone()
    };
    let arguments = strings(arguments.into_iter().map(String::into_bytes))?;
    let own = hook.environment.as_deref();
    let inside = match place {
        Place::Inside { environment, .. } => Some(environment),
        _ => None,
    };
    let environment = match own.or(inside) {
        Some(environment) => strings(environment.iter().map(|text| text.clone().into_bytes()))?,
        None => strings(std::env::vars_os().map(|(name, value)| {
            let mut variable = name.into_vec();
            variable.push(b'=');
            variable.extend(value.into_vec());
            variable
        }))?,
    };
    let path = strings([hook.path.clone().into_bytes()].into_iter())?;
    let program = Program::new(path, arguments, environment);
    if let Place::Inside { restrictions, .. } = place {
        steps.extend_from_slice(restrictions);
    }
    let process = spawn(&steps, SignalSet::EMPTY, &program);
    Ok(Running {
        process: process.map_err(|error| io::Error::from(error.errno))?,
        _list: list,
    })
}

/// Waits for a hook's end. `wait` waits for a descriptor, for so long, and says whether it became readable.
fn finish(
    hook: Running,
    timeout: Option<u64>,
    mut wait: impl FnMut(std::os::fd::BorrowedFd<'_>, Option<Duration>) -> io::Result<bool>,
) -> Result<(), String> {
    let deadline = timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let words = |error: io::Error| crate::error::cause_in_words(&error);
    let child = hook.process;
    let descriptor = process::descriptor_of(child).map_err(words)?;
    let mut is_late = false;
    loop {
        let left = match deadline {
            Some(deadline) if !is_late => Some(deadline.saturating_duration_since(Instant::now())),
            _ => None,
        };
        if wait(descriptor.as_fd(), left).map_err(words)? {
            break;
        }
        if !is_late && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            is_late = true;
            process::send(child, KILL).map_err(words)?;
        }
    }
    let change = process::change_of(child).map_err(words)?;
    match change {
        _ if is_late => Err(format!("not done in {} s", timeout.unwrap_or_default())),
        Some(Change::Exited(0)) | None | Some(Change::Stopped) => Ok(()),
        Some(Change::Exited(status)) => Err(format!("exit status {status}")),
        Some(Change::Killed(signal)) => Err(process::signal_name(i32::from(signal))),
    }
}

impl Monitor {
    /// Runs the hooks of one point in their order, until one fails.
    pub(super) fn run_hooks(
        &mut self,
        point: &str,
        hooks: &[Hook],
        place: Place<'_>,
        record: &Record,
    ) -> Result<(), Error> {
        for (index, hook) in hooks.iter().enumerate() {
            let state = self.now().to_json(record).to_string();
            let child = start(
                hook,
                place,
                &self.container,
                record.rootfs.as_deref(),
                &state,
            )
            .map_err(|error| {
                let words = crate::error::cause_in_words(&error);
                failure(point, index, format!("execute {}: {words}", hook.path))
            })?;
            finish(child, hook.timeout, |descriptor, left| {
                self.turn(Some(descriptor), left)
            })
            .map_err(|why| failure(point, index, why))?;
        }
        Ok(())
    }
}

/// Runs the hooks that follow a container's end. What goes wrong with one is a warning.
pub fn run_after_end(hooks: &[Hook], record: &Record, exit: Exit, log: &Log) {
    let now = Now {
        status: Status::Stopped,
        process: 0,
        started: None,
        exit: Some(exit),
    };
    let state = now.to_json(record).to_string();
    for (index, hook) in hooks.iter().enumerate() {
        let result = start(hook, Place::Outside, &Container::default(), None, &state)
            .map_err(|error| {
                let words = crate::error::cause_in_words(&error);
                format!("execute {}: {words}", hook.path)
            })
            .and_then(|child| {
                finish(
                    child,
                    hook.timeout,
                    |descriptor, left| match descriptor::wait_for(
                        &[(descriptor, descriptor::Interest::Read)],
                        left,
                    ) {
                        Ok(ready) => Ok(!ready.is_empty()),
                        Err(error) => Err(error),
                    },
                )
            });
        if let Err(why) = result {
            log.warning(&failure("poststop", index, why).to_string());
        }
    }
}
