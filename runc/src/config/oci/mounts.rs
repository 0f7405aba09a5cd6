//! The member `mounts` of config.json.

use super::super::container::{FileSystem, Mount, Object as TreeObject};
use super::super::path;
use super::super::value::Field;
use super::mount_options::Options;
use super::root::is_root;
use crate::error::Error;
use std::path::Path;

/// The mounts below the root, in the order of the list. Bind sources that are relative start at `bundle`.
pub fn parse(mounts: &[Field<'_>], bundle: &Path) -> Result<Vec<TreeObject>, Error> {
    let mut objects = Vec::new();
    for (index, mount) in mounts.iter().enumerate() {
        if is_root(mount)? {
            match index {
                0 => continue,
                _ => {
                    return Err(mount.error(
                        "what is mounted on / has to be the first: it would cover the others",
                    ));
                }
            }
        }
        objects.extend(parse_mount(mount, bundle)?);
    }
    Ok(objects)
}

/// Whether a file system holds the devices of a container: a devtmpfs, and a tmpfs on /dev.
fn holds_devices(kind: &str, target: &str) -> bool {
    kind == "devtmpfs" || (kind == "tmpfs" && target == "/dev")
}

/// Whether this is where a container's terminals are.
pub fn is_terminals(object: &TreeObject) -> bool {
    matches!(object,
        TreeObject::Mount { mount: Mount::FileSystem(FileSystem { kind: "devpts", .. }), target, .. }
            if target == "/dev/pts")
}

/// `None`: there is nothing to mount.
fn parse_mount(field: &Field<'_>, bundle: &Path) -> Result<Option<TreeObject>, Error> {
    let object = field.object()?;
    let target = object
        .required("destination")?
        .checked(path::inside_below_root)?;
    let options = match object.optional("options") {
        Some(options) => Options::parse(&options)?,
        None => Options::default(),
    };
    let source = object
        .optional("source")
        .filter(|source| !source.is_empty());
    let kind = object.optional("type");
    for name in ["uidMappings", "gidMappings"] {
        if let Some(field) = object.optional(name).filter(|field| !field.is_empty()) {
            return Err(field.error("this is not supported"));
        }
    }
    object.warn_of_unknown();
    // By option, not by type: that is how every runtime decides.
    let mount = if options.bind {
        let source = source.ok_or_else(|| object.error("a bind mount needs a source"))?;
        if let Some((name, _)) = options.data.first() {
            let message = format!(
                "a bind mount doesn't take the option \"{}\"",
                name.escape_debug()
            );
            return Err(object.error(&message));
        }
        if options.copies_up {
            return Err(object.error("a bind mount doesn't take the option \"tmpcopyup\""));
        }
        Mount::Bind {
            source: bundle.join(source.string()?),
            recursive: options.recursive,
        }
    } else {
        let kind = kind.ok_or_else(|| object.error("the field \"type\" is missing"))?;
        let source = source
            .map(|source| source.string().map(str::to_owned))
            .transpose()?;
        let Some(kind) = file_system(&kind)? else {
            return Ok(None);
        };
        let mut file_system = FileSystem {
            kind,
            source,
            options: options.data,
            copies_up: options.copies_up,
        };
        if options.copies_up && kind != "tmpfs" {
            return Err(object.error("the option \"tmpcopyup\" is one of tmpfs"));
        }
        if holds_devices(kind, &target) {
            file_system.fill_with_devices();
        }
        Mount::FileSystem(file_system)
    };
    Ok(Some(TreeObject::Mount {
        mount,
        target,
        restrictions: options.restrictions,
        make_target: true,
    }))
}

/// The kernel's name of a file system; `None` for one that it has not, which shows a part of the system that it
/// has not either.
fn file_system(field: &Field<'_>) -> Result<Option<&'static str>, Error> {
    let kind = match field.string()? {
        "proc" => "proc",
        "tmpfs" => "tmpfs",
        "ramfs" => "ramfs",
        "devtmpfs" => "devtmpfs",
        "devpts" => "devpts",
        name @ ("sysfs" | "mqueue" | "cgroup" | "cgroup2") => {
            field.warn(&format!("this kernel has no {name}: nothing is mounted there"));
            return Ok(None);
        }
        _ => return Err(field.error("this file system is not supported: expected proc, tmpfs, devpts, ramfs or devtmpfs, or the option bind")),
    };
    Ok(Some(kind))
}
