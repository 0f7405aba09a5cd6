//! From a container to the list of operations that makes it. Pure: nothing is opened or looked up here,
//! so that a plan can be shown (`--dry-run`) and tested without the kernel that carries it out.

mod show;

use crate::config::{Container, Limit, Mount, Object, Process, Restrictions, Root};
use std::path::PathBuf;

/// Everything it takes to run a container, in order.
#[derive(Debug)]
pub struct Plan {
    /// What runc does before there is a process.
    pub operations: Vec<Operation>,
    /// What the new process does before it executes the program.
    pub child: Vec<ChildStep>,
    /// The program.
    pub program: Program,
}

/// One operation of runc. Paths that end up inside are resolved beneath the container's root.
#[derive(Debug)]
pub enum Operation {
    /// A process list whose members die with runc.
    CreateProcessList,
    /// A VFS root.
    CreateRoot(Root),
    /// A hostname context; without a name it starts with the caller's.
    CreateHostname(Option<String>),
    /// A directory, with missing parents if they are to be made.
    MakeDirectory { path: String, parents: bool },
    /// A mount; its mount point is made if it is to be.
    Mount {
        mount: Mount,
        target: String,
        restrictions: Restrictions,
        make_target: bool,
    },
    /// A copy of a regular file.
    Copy { source: PathBuf, target: String },
    /// A symbolic link.
    Link { path: String, target: String },
    /// What is at this path becomes read-only.
    ProtectPath(String),
    /// What is at this path is hidden.
    MaskPath(String),
    /// The root mount becomes read-only.
    ProtectRoot,
}

/// One step of the new process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildStep {
    /// Take the terminal over if runc has it; else a session of its own.
    Session,
    /// Die when runc does: where no process list sees to that.
    DieWithManager,
    /// Descriptors but standard input, output and error stay behind.
    CloseDescriptors,
    /// A resource limit.
    Limit(Limit),
    /// The container's hostname, from exec on.
    EnterHostname,
    /// The container's process list, from exec on.
    EnterProcessList,
    /// The container's VFS root, for what follows and from exec on.
    EnterRoot,
    /// The working directory.
    ChangeDirectory(String),
    /// The mask of file modes.
    Umask(u32),
    /// User, group and additional groups.
    Identity {
        user: u32,
        group: u32,
        additional: Vec<u32>,
    },
    /// exec gives no privilege any more.
    NoNewPrivileges,
    /// The jail, until exit.
    Jail,
}

/// What is executed.
#[derive(Debug)]
pub struct Program {
    /// Paths that are tried in turn.
    pub candidates: Vec<String>,
    /// Name and arguments.
    pub arguments: Vec<String>,
    /// NAME=value
    pub environment: Vec<String>,
}

/// The plan of a container.
pub fn plan(container: &Container) -> Plan {
    let mut operations = Vec::new();
    if container.own_process_list {
        operations.push(Operation::CreateProcessList);
    }
    if let Some(name) = &container.hostname {
        operations.push(Operation::CreateHostname(name.clone()));
    }
    if let Some(tree) = &container.tree {
        operations.push(Operation::CreateRoot(tree.root.clone()));
        operations.extend(tree.objects.iter().map(operation));
        if tree.read_only {
            operations.push(Operation::ProtectRoot);
        }
    }
    Plan {
        operations,
        child: child(container),
        program: program(&container.process),
    }
}

fn operation(object: &Object) -> Operation {
    match object.clone() {
        Object::Directory { path, parents } => Operation::MakeDirectory { path, parents },
        Object::Mount {
            mount,
            target,
            restrictions,
            make_target,
        } => Operation::Mount {
            mount,
            target,
            restrictions,
            make_target,
        },
        Object::Copy { source, target } => Operation::Copy { source, target },
        Object::SymbolicLink { path, target } => Operation::Link { path, target },
        Object::ReadOnly(path) => Operation::ProtectPath(path),
        Object::Masked(path) => Operation::MaskPath(path),
    }
}

/// Entering needs the privilege that the later steps give up; the terminal and limits come before both.
fn child(container: &Container) -> Vec<ChildStep> {
    let process = &container.process;
    let mut steps = vec![ChildStep::Session];
    if !container.own_process_list {
        steps.push(ChildStep::DieWithManager);
    }
    steps.push(ChildStep::CloseDescriptors);
    steps.extend(process.limits.iter().copied().map(ChildStep::Limit));
    if container.hostname.is_some() {
        steps.push(ChildStep::EnterHostname);
    }
    if container.own_process_list {
        steps.push(ChildStep::EnterProcessList);
    }
    if container.tree.is_some() {
        steps.push(ChildStep::EnterRoot);
    }
    if let Some(path) = &process.working_directory {
        steps.push(ChildStep::ChangeDirectory(path.clone()));
    }
    steps.extend(process.umask.map(ChildStep::Umask));
    if process.set_identity {
        steps.push(ChildStep::Identity {
            user: process.user,
            group: process.group,
            additional: process.additional_groups.clone(),
        });
    }
    if process.no_new_privileges {
        steps.push(ChildStep::NoNewPrivileges);
    }
    if container.jail {
        steps.push(ChildStep::Jail);
    }
    steps
}

/// Where a program without a slash is looked for when the environment has no PATH (execvp(3)).
const DEFAULT_PATH: &str = "/bin:/usr/bin";

fn program(process: &Process) -> Program {
    let name = process.arguments.first().map_or("", String::as_str);
    let candidates = if name.contains('/') {
        vec![name.to_owned()]
    } else {
        let path = process
            .environment
            .iter()
            .find_map(|variable| variable.strip_prefix("PATH="));
        path.unwrap_or(DEFAULT_PATH)
            .split(':')
            .map(|directory| match directory {
                // An empty part of PATH is the working directory.
                "" => format!("./{name}"),
                directory => format!("{}/{name}", directory.trim_end_matches('/')),
            })
            .collect()
    };
    Program {
        candidates,
        arguments: process.arguments.clone(),
        environment: process.environment.clone(),
    }
}
