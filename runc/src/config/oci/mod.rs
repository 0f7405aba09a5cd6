//! OCI bundles: config.json of the runtime specification (config.md, config-linux.md), version 1.
//!
//! A property of this kernel decides what becomes of a field: what it has is set; what it does not have
//! at all, so that there is nothing to isolate or to limit, is warned of; what would leave a container
//! less isolated than its configuration asks for, were it ignored, is refused.

mod affinity;
mod capabilities;
pub mod features;
mod linux;
mod mount_options;
mod mounts;
mod priority;
mod process;
mod root;
pub mod template;

pub use process::environment;

use super::container::{Container, Object as TreeObject, Process, Tree};
use super::hooks::Hooks;
use super::layout;
use super::value::{Document, Field};
use crate::error::Error;
use linux::Linux;
use std::path::Path;

/// A bundle's container. Relative paths of the caller's tree start at the bundle's directory.
pub fn parse(document: &Document, bundle: &Path, command: &[String]) -> Result<Container, Error> {
    let config = document.root()?;
    version(&config.required("ociVersion")?)?;
    let mounts = match config.optional("mounts") {
        Some(mounts) => mounts.list()?,
        None => Vec::new(),
    };
    let (root, read_only) = root::parse(&config, &mounts, bundle)?;
    let linux = Linux::parse(config.optional("linux"))?;
    let mut objects = mounts::parse(&mounts, bundle)?;
    // It has to be there when the program is started, not before (config.md, "Process").
    let process = config.optional("process").filter(|field| !field.is_null());
    let (mut process, needs_no_administrator) = match process {
        Some(field) => process::parse(&field, command)?,
        None => (Process::none(), true),
    };
    process.personality = linux.personality;
    if process.terminal && !objects.iter().any(mounts::is_terminals) {
        let message = "\"terminal\": true takes a mount of the type devpts on /dev/pts";
        return Err(config.error(message));
    }
    // The working directory is made if it is missing, before anything becomes read-only.
    if let Some(path) = process.working_directory.clone().filter(|path| path != "/") {
        objects.push(TreeObject::Directory {
            path,
            parents: true,
        });
    }
    objects.extend(linux.paths);
    let hostname = config
        .optional("hostname")
        .filter(|field| !field.is_empty());
    let domain_name = config
        .optional("domainname")
        .filter(|field| !field.is_empty());
    let domain_name = match domain_name {
        Some(field) if !linux.own_hostname => {
            return Err(field.error("unable to set domainname without a private UTS namespace"));
        }
        Some(field) => Some(layout::hostname(&field)?),
        None => None,
    };
    let hostname = match hostname {
        None => linux.own_hostname.then_some(None),
        Some(_) if !linux.own_hostname => {
            let message = "unable to set hostname without a private UTS namespace";
            return Err(
                hostname.map_or_else(|| config.error(message), |field| field.error(message))
            );
        }
        Some(field) => Some(Some(layout::hostname(&field)?)),
    };
    let annotations = match config.optional("annotations") {
        Some(field) => field.object()?.strings()?,
        None => Vec::new(),
    };
    let hooks = Hooks::parse(config.optional("hooks"))?;
    for name in ["solaris", "windows", "vm", "zos", "freebsd"] {
        if let Some(field) = config.optional(name).filter(|field| !field.is_empty()) {
            return Err(field.error("this is not supported"));
        }
    }
    config.warn_of_unknown();
    Ok(Container {
        own_process_list: linux.own_process_list,
        tree: Some(Tree {
            root,
            objects,
            read_only,
        }),
        hostname,
        domain_name,
        jail: needs_no_administrator,
        process,
        hooks,
        annotations,
    })
}

/// The member `process`, on its own in a file.
pub fn parse_process(document: &Document) -> Result<(Process, bool), Error> {
    process::parse(&document.whole(), &[])
}

/// Accepts every version 1 of the specification.
fn version(field: &Field<'_>) -> Result<(), Error> {
    let text = field.string()?;
    // Semantic versioning 2.0: what follows + or - does not change what is meant here.
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<Option<u32>> = numbers.split('.').map(|part| part.parse().ok()).collect();
    match numbers.as_slice() {
        [Some(1), Some(_), Some(_)] => Ok(()),
        [Some(_), Some(_), Some(_)] => {
            Err(field.error("version 1 of the specification is supported"))
        }
        _ => Err(field.error("expected a version such as 1.2.0")),
    }
}
