//! The member `process` of config.json.

use super::super::capabilities::Capabilities;
use super::super::container::{Limit, Process};
use super::super::path;
use super::super::value::{Field, Object};
use super::{affinity, capabilities, priority};
use crate::error::Error;
use crate::system::pseudoterminal::Size;

/// Limits by their names (asm-generic/resource.h): the index is the number.
const LIMITS: [&str; 16] = [
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
];

/// The capability that the calls which a jail refuses need.
const ADMINISTRATOR: &str = "CAP_SYS_ADMIN";

/// The program, and whether it does without the capability to administer the system: then it is jailed.
pub fn parse(field: &Field<'_>, command: &[String]) -> Result<(Process, bool), Error> {
    let object = field.object()?;
    let terminal = boolean(&object, "terminal")?;
    let terminal_size = object.optional("consoleSize");
    let terminal_size = match terminal_size.filter(|_| terminal) {
        Some(field) => Some(size(&field.object()?)?),
        None => None,
    };
    let arguments = if command.is_empty() {
        let field = object.required("args")?;
        let arguments = field.strings()?;
        if arguments.first().is_none_or(String::is_empty) {
            return Err(field.error("it names no program"));
        }
        arguments
    } else {
        object.optional("args");
        command.to_vec()
    };
    let environment = object
        .optional("env")
        .map_or(Ok(Vec::new()), |field| environment(&field))?;
    let working_directory = Some(object.required("cwd")?.checked(path::inside)?);
    let capabilities = match object
        .optional("capabilities")
        .filter(|field| !field.is_null())
    {
        Some(field) => capabilities::parse(&field)?,
        None => Capabilities::default(),
    };
    let jail = !capabilities.bounding.contains(ADMINISTRATOR);
    let no_new_privileges = boolean(&object, "noNewPrivileges")?;
    let limits = object
        .optional("rlimits")
        .map_or(Ok(Vec::new()), |field| limits(&field))?;
    let mut process = Process {
        arguments,
        environment,
        working_directory,
        no_new_privileges,
        capabilities: Some(capabilities),
        memory_score: priority::memory_score(&object)?,
        limits,
        terminal,
        terminal_size,
        ..Process::none()
    };
    if let Some(field) = object.optional("user") {
        identity(&field.object()?, &mut process)?;
    }
    if let Some(field) = object
        .optional("scheduler")
        .filter(|field| !field.is_empty())
    {
        process.scheduling = Some(priority::scheduler(&field)?);
    }
    if let Some(field) = object
        .optional("ioPriority")
        .filter(|field| !field.is_empty())
    {
        process.io_priority = Some(priority::io_priority(&field)?);
    }
    if let Some(field) = object
        .optional("execCPUAffinity")
        .filter(|field| !field.is_empty())
    {
        process.affinity = affinity::parse(&field)?;
    }
    refuse(&object)?;
    object.warn_of_unknown();
    Ok((process, jail))
}

impl Process {
    /// No program, as user 0 without any capability.
    pub fn none() -> Self {
        Self {
            arguments: Vec::new(),
            environment: Vec::new(),
            working_directory: None,
            umask: None,
            user: 0,
            group: 0,
            additional_groups: Vec::new(),
            set_identity: true,
            no_new_privileges: false,
            capabilities: Some(Capabilities::default()),
            scheduling: None,
            io_priority: None,
            affinity: Vec::new(),
            memory_score: None,
            personality: None,
            limits: Vec::new(),
            terminal: false,
            terminal_size: None,
        }
    }
}

fn refuse(object: &Object<'_>) -> Result<(), Error> {
    for name in ["apparmorProfile", "selinuxLabel"] {
        if let Some(field) = object.optional(name).filter(|field| !field.is_empty()) {
            return Err(field.error("this is not supported"));
        }
    }
    Ok(())
}

fn boolean(object: &Object<'_>, name: &'static str) -> Result<bool, Error> {
    object
        .optional(name)
        .map_or(Ok(false), |field| field.boolean())
}

fn size(object: &Object<'_>) -> Result<Size, Error> {
    let number = |name| object.required(name)?.number(u64::from(u16::MAX));
    let size = Size {
        rows: number("height")? as u16,
        columns: number("width")? as u16,
    };
    object.warn_of_unknown();
    Ok(size)
}

/// Variables as NAME=value.
pub fn environment(field: &Field<'_>) -> Result<Vec<String>, Error> {
    let mut environment = Vec::new();
    for variable in field.list()? {
        match variable.string()?.split_once('=') {
            Some((name, _)) if !name.is_empty() => environment.push(variable.string()?.to_owned()),
            _ => return Err(variable.error("expected NAME=value")),
        }
    }
    Ok(environment)
}

fn identity(user: &Object<'_>, process: &mut Process) -> Result<(), Error> {
    // uid_t and gid_t 4294967295 mean "leave it"; a number left out is root's.
    let number = |name| {
        user.optional(name)
            .map_or(Ok(0), |field: Field<'_>| field.number32())
    };
    process.user = number("uid")?;
    process.group = number("gid")?;
    if let Some(field) = user.optional("umask") {
        process.umask = Some(field.number(0o777)? as u32);
    }
    if let Some(field) = user.optional("additionalGids") {
        process.additional_groups = field
            .list()?
            .iter()
            .map(Field::number32)
            .collect::<Result<_, _>>()?;
    }
    user.warn_of_unknown();
    Ok(())
}

fn limits(field: &Field<'_>) -> Result<Vec<Limit>, Error> {
    let mut limits: Vec<Limit> = Vec::new();
    for field in field.list()? {
        let object = field.object()?;
        let kind = object.required("type")?;
        let name = kind.string()?;
        let (resource, name) = (0u32..)
            .zip(LIMITS)
            .find(|(_, known)| *known == name)
            .ok_or_else(|| kind.error("this is not the name of a resource limit"))?;
        if limits.iter().any(|limit| limit.resource == resource) {
            return Err(kind.error("this limit is listed twice"));
        }
        let soft = object.required("soft")?.number(u64::MAX)?;
        let hard = object.required("hard")?;
        let hard = match hard.number(u64::MAX)? {
            hard_limit if hard_limit < soft => {
                return Err(hard.error("the hard limit is below the soft one"));
            }
            hard_limit => hard_limit,
        };
        object.warn_of_unknown();
        limits.push(Limit {
            name,
            resource,
            soft,
            hard,
        });
    }
    Ok(limits)
}
