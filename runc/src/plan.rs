//! From a container to the list of operations that makes it. Pure: nothing is opened or looked up here,
//! so that a plan can be shown (`--dry-run`) and tested without the kernel that carries it out.

mod show;

use crate::config::{
    Capabilities, CapabilitySet, Container, Hooks, Limit, Mount, Object, Process, Restrictions,
    Root, Scheduling,
};
use crate::system::pseudoterminal::Size;
use std::path::{Path, PathBuf};

/// Everything it takes to run a container, in order.
#[derive(Debug)]
pub struct Plan {
    /// What runc does before there is a process.
    pub operations: Vec<Operation>,
    /// What the new process does before it executes the program.
    pub child: Vec<ChildStep>,
    /// The program.
    pub program: Program,
    /// Programs of the caller that run on the way.
    pub hooks: Hooks,
}

impl Plan {
    /// The directory or image file of the caller's that is the container's root, if it is one.
    pub fn root_directory(&self) -> Option<&Path> {
        self.operations
            .iter()
            .find_map(|operation| match operation {
                Operation::CreateRoot(Root::Directory(path) | Root::Image(path)) => {
                    Some(path.as_path())
                }
                _ => None,
            })
    }
}

/// What the caller asks for beside the configuration.
#[derive(Debug, Default, Clone, Copy)]
pub struct Options {
    /// How many descriptors after standard error the program inherits.
    pub preserved: u32,
    /// How many of them, the first ones, are sockets that it is told of (sd_listen_fds(3)).
    pub listening: u32,
}

/// One operation of runc. Paths that end up inside are resolved beneath the container's root.
#[derive(Debug)]
pub enum Operation {
    /// A process list whose members die with runc.
    CreateProcessList,
    /// A VFS root.
    CreateRoot(Root),
    /// A hostname context; without a name, or without a domain name, it starts with the caller's.
    CreateHostname {
        /// The name.
        name: Option<String>,
        /// The domain name.
        domain: Option<String>,
    },
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
    /// A terminal in the container's devpts, shown as its console too.
    MakeTerminal {
        /// Its size.
        size: Option<Size>,
        /// Whose it is.
        owner: u32,
        /// It is the container's console.
        is_console: bool,
    },
}

/// One step of the new process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildStep {
    /// Take the terminal over if runc has it; else a session of its own.
    Session,
    /// A session of its own on the terminal that was made.
    Terminal,
    /// Die when runc does: where no process list sees to that.
    DieWithManager,
    /// Descriptors but standard input, output, error and so many after them stay behind.
    CloseDescriptors(u32),
    /// A resource limit.
    Limit(Limit),
    /// The container's hostname, from exec on.
    EnterHostname,
    /// The container's process list, from exec on.
    EnterProcessList,
    /// The container's VFS root, from exec on.
    EnterRoot,
    /// The working directory, found in the container's tree.
    ChangeDirectory(String),
    /// The mask of file modes.
    Umask(u32),
    /// User, group and additional groups.
    Identity {
        user: u32,
        group: u32,
        additional: Vec<u32>,
    },
    /// How it is scheduled.
    Scheduling(Scheduling),
    /// The processors that it runs on, one bit each.
    Affinity(Vec<u64>),
    /// Its I/O priority, as ioprio_set(2) takes it.
    IoPriority(u32),
    /// What is added to its score when processes end for want of memory.
    MemoryScore(i32),
    /// The execution domain.
    Personality(u32),
    /// No other capabilities can be had.
    BoundCapabilities(CapabilitySet),
    /// The sets of capabilities, within the bounds.
    Capabilities(Capabilities),
    /// exec gives no privilege any more.
    NoNewPrivileges,
    /// The jail, until exit.
    Jail,
}

impl ChildStep {
    /// Whether it says who the process is or what it may do.
    pub fn restricts(&self) -> bool {
        matches!(
            self,
            Self::Umask(_)
                | Self::Identity { .. }
                | Self::BoundCapabilities(_)
                | Self::Capabilities(_)
                | Self::NoNewPrivileges
                | Self::Jail
        )
    }
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
    /// The environment lacks HOME: it becomes the home directory of this user in the container.
    pub home_of: Option<u32>,
}

/// The plan of a container.
pub fn plan(container: &Container, options: &Options) -> Plan {
    let mut operations = Vec::new();
    if container.own_process_list {
        operations.push(Operation::CreateProcessList);
    }
    if let Some(name) = &container.hostname {
        operations.push(Operation::CreateHostname {
            name: name.clone(),
            domain: container.domain_name.clone(),
        });
    }
    if let Some(tree) = &container.tree {
        operations.push(Operation::CreateRoot(tree.root.clone()));
        operations.extend(tree.objects.iter().map(operation));
        if container.process.terminal {
            operations.push(terminal(&container.process, true));
        }
        if tree.read_only {
            operations.push(Operation::ProtectRoot);
        }
    }
    Plan {
        operations,
        child: child(container, options),
        program: program(&container.process, options),
        hooks: container.hooks.clone(),
    }
}

/// The plan of a further process in a container that runs.
pub fn further_process(container: &Container, options: &Options) -> Plan {
    let mut operations = Vec::new();
    if container.process.terminal {
        operations.push(terminal(&container.process, false));
    }
    let mut child = child(container, options);
    // Who starts it may end at once.
    child.retain(|step| *step != ChildStep::DieWithManager);
    let affinity = &container.process.affinity;
    if !affinity.is_empty() {
        child.push(ChildStep::Affinity(affinity.clone()));
    }
    Plan {
        operations,
        child,
        program: program(&container.process, options),
        hooks: Hooks::default(),
    }
}

fn terminal(process: &Process, is_console: bool) -> Operation {
    Operation::MakeTerminal {
        size: process.terminal_size,
        owner: process.user,
        is_console,
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
fn child(container: &Container, options: &Options) -> Vec<ChildStep> {
    let process = &container.process;
    let mut steps = vec![if process.terminal {
        ChildStep::Terminal
    } else {
        ChildStep::Session
    }];
    if !container.own_process_list {
        steps.push(ChildStep::DieWithManager);
    }
    steps.push(ChildStep::CloseDescriptors(options.preserved));
    steps.extend(process.limits.iter().copied().map(ChildStep::Limit));
    steps.extend(process.scheduling.map(ChildStep::Scheduling));
    steps.extend(process.io_priority.map(ChildStep::IoPriority));
    steps.extend(process.memory_score.map(ChildStep::MemoryScore));
    steps.extend(process.personality.map(ChildStep::Personality));
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
    if let Some(capabilities) = process.capabilities {
        steps.push(ChildStep::BoundCapabilities(capabilities.bounding));
    }
    if process.set_identity {
        steps.push(ChildStep::Identity {
            user: process.user,
            group: process.group,
            additional: process.additional_groups.clone(),
        });
    }
    steps.extend(process.capabilities.map(ChildStep::Capabilities));
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

fn program(process: &Process, options: &Options) -> Program {
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
    let mut environment = process.environment.clone();
    if options.listening > 0 {
        environment.retain(|variable| !variable.starts_with("LISTEN_"));
        environment.push(format!("LISTEN_FDS={}", options.listening));
        // The number that the program has in its list.
        environment.push("LISTEN_PID=1".to_owned());
    }
    let has_home = environment
        .iter()
        .any(|variable| variable.starts_with("HOME=") && variable.len() > "HOME=".len());
    Program {
        candidates,
        arguments: process.arguments.clone(),
        environment,
        home_of: (!has_home).then_some(process.user),
    }
}
