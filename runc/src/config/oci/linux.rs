//! The member `linux` of config.json: namespaces and paths that are hidden or read-only.

use super::super::container::Object as TreeObject;
use super::super::path;
use super::super::value::{Field, Object};
use crate::error::Error;

/// What the member asks for.
#[derive(Default)]
pub struct Linux {
    /// A pid namespace: a process list.
    pub own_process_list: bool,
    /// A uts namespace: a hostname context.
    pub own_hostname: bool,
    /// Masked and read-only paths, to be applied after all mounts.
    pub paths: Vec<TreeObject>,
    /// The execution domain, as personality(2) takes it.
    pub personality: Option<u32>,
}

/// What a namespace is here.
#[derive(PartialEq, Eq)]
enum Namespace {
    /// A process list.
    ProcessList,
    /// A hostname context.
    Hostname,
    /// A container's files are always its own.
    Files,
    /// The kernel has nothing of the kind.
    Nothing(&'static str),
    /// Without it the container would be less isolated than asked for.
    Refused,
}

/// Namespaces by their names.
const NAMESPACES: [(&str, Namespace); 8] = [
    ("cgroup", Namespace::Nothing("control groups")),
    ("ipc", Namespace::Nothing("System V IPC")),
    ("mount", Namespace::Files),
    ("network", Namespace::Nothing("network")),
    ("pid", Namespace::ProcessList),
    ("time", Namespace::Refused),
    ("user", Namespace::Refused),
    ("uts", Namespace::Hostname),
];

/// The names of the namespaces that a container can have, sorted.
pub fn supported_namespaces() -> Vec<&'static str> {
    NAMESPACES
        .iter()
        .filter(|(_, meaning)| !matches!(meaning, Namespace::Nothing(_) | Namespace::Refused))
        .map(|(name, _)| *name)
        .collect()
}

/// Whether a member of `linux` has an effect, rather than being an error.
pub fn is_supported(member: &str) -> bool {
    !REFUSED.contains(&member)
}

/// Members whose being ignored would leave the container less isolated than asked for.
const REFUSED: [&str; 11] = [
    "devices",
    "gidMappings",
    "intelRdt",
    "memoryPolicy",
    "mountLabel",
    "netDevices",
    "rootfsPropagation",
    "seccomp",
    "sysctl",
    "timeOffsets",
    "uidMappings",
];

/// Reads `personality`: the domain of 64-bit programs, which are all that there are.
fn personality(field: &Field<'_>) -> Result<u32, Error> {
    const LINUX: u32 = 0;
    let object = field.object()?;
    let domain = object.required("domain")?;
    match domain.string()? {
        "LINUX" => {}
        "LINUX32" => return Err(domain.error("the kernel runs no 32-bit programs")),
        _ => return Err(domain.error("this is not an execution domain")),
    }
    if let Some(field) = object.optional("flags").filter(|field| !field.is_empty()) {
        return Err(field.error("the specification knows no flags yet"));
    }
    object.warn_of_unknown();
    Ok(LINUX)
}

impl Linux {
    /// Reads the member; without it nothing is private but the files.
    pub fn parse(field: Option<Field<'_>>) -> Result<Self, Error> {
        let mut linux = Self::default();
        let Some(field) = field else { return Ok(linux) };
        let object = field.object()?;
        if let Some(namespaces) = object.optional("namespaces") {
            linux.namespaces(&namespaces)?;
        }
        if let Some(field) = object
            .optional("personality")
            .filter(|field| !field.is_empty())
        {
            linux.personality = Some(personality(&field)?);
        }
        linux.paths(&object, "readonlyPaths", TreeObject::ReadOnly)?;
        linux.paths(&object, "maskedPaths", TreeObject::Masked)?;
        if let Some(resources) = object
            .optional("resources")
            .filter(|field| !field.is_empty())
        {
            self::resources(&resources)?;
        }
        // Where a container is put in a hierarchy of control groups: there is none.
        object.optional("cgroupsPath");
        for name in REFUSED {
            match object.optional(name).filter(|field| !field.is_empty()) {
                Some(field) if name == "rootfsPropagation" && is_private(&field) => {}
                Some(field) => return Err(field.error("this is not supported")),
                None => {}
            }
        }
        object.warn_of_unknown();
        Ok(linux)
    }

    fn namespaces(&mut self, field: &Field<'_>) -> Result<(), Error> {
        let mut seen = Vec::new();
        for namespace in field.list()? {
            let object = namespace.object()?;
            let kind = object.required("type")?;
            let name = kind.string()?;
            if seen.contains(&name) {
                return Err(kind.error("this namespace is listed twice"));
            }
            seen.push(name);
            if let Some(path) = object.optional("path").filter(|path| !path.is_empty()) {
                return Err(path.error("joining an existing namespace is not supported"));
            }
            let known = NAMESPACES.iter().find(|(known, _)| *known == name);
            match known.map(|(_, meaning)| meaning) {
                Some(Namespace::ProcessList) => self.own_process_list = true,
                Some(Namespace::Hostname) => self.own_hostname = true,
                Some(Namespace::Files) => {}
                Some(Namespace::Nothing(what)) => {
                    kind.warn(&format!(
                        "this kernel has no {what}: there is nothing to isolate"
                    ));
                }
                Some(Namespace::Refused) => {
                    return Err(kind.error("this kernel has no such namespace, and without it the container would be less isolated than asked for"));
                }
                None => return Err(kind.error("expected pid, mount, uts, network, ipc or cgroup")),
            }
            object.warn_of_unknown();
        }
        Ok(())
    }

    fn paths(
        &mut self,
        object: &Object<'_>,
        name: &'static str,
        make: impl Fn(String) -> TreeObject,
    ) -> Result<(), Error> {
        let Some(field) = object.optional(name) else {
            return Ok(());
        };
        for path in field.list()? {
            self.paths
                .push(make(path.checked(path::inside_below_root)?));
        }
        Ok(())
    }
}

/// Mounts of a container are its own here.
fn is_private(field: &Field<'_>) -> bool {
    matches!(
        field.string(),
        Ok("private" | "rprivate" | "slave" | "rslave")
    )
}

/// There are no limits of this kind; a rule that denies all devices holds by the jail.
fn resources(field: &Field<'_>) -> Result<(), Error> {
    let object = field.object()?;
    if let Some(devices) = object.optional("devices") {
        for rule in devices.list()? {
            let members = rule.object()?;
            if members.required("allow")?.boolean()? {
                rule.warn("granting devices is not supported: the rule is ignored");
            }
        }
    }
    for name in [
        "memory",
        "cpu",
        "pids",
        "blockIO",
        "hugepageLimits",
        "network",
        "rdma",
        "unified",
    ] {
        if let Some(limits) = object.optional(name).filter(|field| !field.is_empty()) {
            limits.warn("this kernel doesn't limit resources: the limits are ignored");
        }
    }
    object.warn_of_unknown();
    Ok(())
}
