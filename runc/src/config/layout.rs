//! Layout files: a container as one JSON object, its tree as a list of objects made in that order.
//!
//! The fields `jail`, `pid-isolation`, `command`, `hostname` and `layout` must be there. An empty layout
//! shares the caller's files; any other has exactly one `root_mount`. README.md of runc describes the format.

use super::container::{
    Container, FileSystem, Layers, Mount, Object as TreeObject, Process, Restrictions, Root, Tree,
    Upper,
};
use super::hooks::Hooks;
use super::path;
use super::value::{Document, Field, Object};
use super::words;
use crate::error::Error;
use std::env;
use std::path::PathBuf;

/// What programs are looked for in when the command has no slash.
const SEARCH_PATH: &str = "PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin";

/// A layout file's container.
pub fn parse(document: &Document, command: &[String]) -> Result<Container, Error> {
    let root = document.root()?;
    let jail = root.required("jail")?.boolean()?;
    let own_process_list = root.required("pid-isolation")?.boolean()?;
    let arguments = arguments(&root.required("command")?)?;
    let hostname = root.required_nullable("hostname")?;
    let hostname = if hostname.is_null() {
        None
    } else {
        Some(Some(self::hostname(&hostname)?))
    };
    let layout = root.required("layout")?;
    let tree = tree(&layout)?;
    root.refuse_unknown()?;
    let working_directory = tree.is_some().then(|| "/".to_owned());
    Ok(Container {
        own_process_list,
        tree,
        hostname,
        domain_name: None,
        jail,
        process: Process {
            arguments: if command.is_empty() {
                arguments
            } else {
                command.to_vec()
            },
            environment: environment(),
            working_directory,
            umask: None,
            user: 0,
            group: 0,
            additional_groups: Vec::new(),
            set_identity: false,
            no_new_privileges: false,
            capabilities: None,
            scheduling: None,
            io_priority: None,
            memory_score: None,
            personality: None,
            affinity: Vec::new(),
            limits: Vec::new(),
            terminal: false,
            terminal_size: None,
        },
        hooks: Hooks::default(),
        annotations: Vec::new(),
    })
}

/// A host or domain name, as sethostname(2) takes it.
pub(super) fn hostname(field: &Field<'_>) -> Result<String, Error> {
    let name = field.nonempty_string()?;
    if name.len() > 64 {
        return Err(field.error("a name of a host or domain has at most 64 bytes"));
    }
    Ok(name.to_owned())
}

/// The program finds the terminal's type and the usual places of programs, and nothing else of the caller's.
fn environment() -> Vec<String> {
    let terminal = env::var("TERM").ok().filter(|name| !name.contains('\0'));
    let terminal = terminal.map(|name| format!("TERM={name}"));
    [SEARCH_PATH.to_owned(), "HOME=/".to_owned()]
        .into_iter()
        .chain(terminal)
        .collect()
}

/// A command: a string that is split as a shell does, or a list of words.
fn arguments(command: &Field<'_>) -> Result<Vec<String>, Error> {
    let words = if command.is_string() {
        let line = command.string()?;
        words::split(line).map_err(|message| command.error(message))?
    } else {
        command.strings()?
    };
    if words.first().is_none_or(String::is_empty) {
        return Err(command.error("it names no program"));
    }
    Ok(words)
}

fn tree(layout: &Field<'_>) -> Result<Option<Tree>, Error> {
    let fields = layout.list()?;
    if fields.is_empty() {
        return Ok(None);
    }
    let mut root = None;
    let mut objects = Vec::with_capacity(fields.len());
    for field in &fields {
        let object = field.object()?;
        let kind = object.required("type")?;
        match kind.string()? {
            "root_mount" if root.is_some() => {
                return Err(kind.error("a layout has one root_mount, and this is a second"));
            }
            "root_mount" => root = Some(root_mount(&object)?),
            "directory" => objects.push(directory(&object)?),
            "mount" => objects.push(mount(&object)?),
            "copy_custom" => objects.push(copy_custom(&object)?),
            "copy_original" => copy_original(&object, &mut objects)?,
            "symlink" => objects.push(symbolic_link(&object)?),
            _ => {
                return Err(kind.error(
                    "expected root_mount, directory, mount, copy_custom, copy_original or symlink",
                ));
            }
        }
        object.refuse_unknown()?;
    }
    let root = root.ok_or_else(|| layout.error("it has no root_mount"))?;
    Ok(Some(Tree {
        root,
        objects,
        read_only: false,
    }))
}

/// The kernel's name for a type of file system, from the names that layouts use.
fn file_system_kind(field: &Field<'_>) -> Result<&'static str, Error> {
    match field.string()? {
        "RAMFS" | "RAM" | "ramfs" => Ok("ramfs"),
        "tmpfs" => Ok("tmpfs"),
        "ProcFS" | "proc" => Ok("proc"),
        "DevTmpFS" | "devtmpfs" | "dev" => Ok("devtmpfs"),
        _ => Err(field.error("expected RAMFS, tmpfs, ProcFS, devtmpfs or bind")),
    }
}

/// A source: null and "none" are none.
fn source<'a>(object: &Object<'a>) -> Result<(Field<'a>, Option<&'a str>), Error> {
    let field = object.required_nullable("source")?;
    let source = if field.is_null() {
        None
    } else {
        Some(field.nonempty_string()?)
    };
    Ok((field, source.filter(|name| *name != "none")))
}

fn source_path(field: &Field<'_>, source: Option<&str>) -> Result<PathBuf, Error> {
    match source {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => Err(field.error("expected an absolute path")),
    }
}

fn root_mount(object: &Object<'_>) -> Result<Root, Error> {
    let (field, source) = source(object)?;
    let kind = object.required("fs_type")?;
    match kind.string()? {
        "bind" => return Ok(Root::Directory(source_path(&field, source)?)),
        "erofs" => return Ok(Root::Image(source_path(&field, source)?)),
        "overlay" => {
            return Ok(Root::Overlay(Layers {
                lowers: vec![source_path(&field, source)?],
                upper: Upper::Memory,
                ..Layers::default()
            }));
        }
        _ => {}
    }
    match file_system_kind(&kind)? {
        "ramfs" if source.is_none() => Ok(Root::Empty),
        name => Ok(Root::FileSystem(new_file_system(name, source))),
    }
}

fn new_file_system(kind: &'static str, source: Option<&str>) -> FileSystem {
    let mut file_system = FileSystem {
        kind,
        source: source.map(str::to_owned),
        options: Vec::new(),
        copies_up: false,
    };
    if kind == "devtmpfs" {
        file_system.fill_with_devices();
    }
    file_system
}

fn directory(object: &Object<'_>) -> Result<TreeObject, Error> {
    let path = object
        .required("target")?
        .checked(path::inside_below_root)?;
    Ok(TreeObject::Directory {
        path,
        parents: false,
    })
}

fn mount(object: &Object<'_>) -> Result<TreeObject, Error> {
    let (field, source) = source(object)?;
    let target = object
        .required("target")?
        .checked(path::inside_below_root)?;
    let kind = object.required("fs_type")?;
    let mount = if kind.string()? == "bind" {
        Mount::Bind {
            source: source_path(&field, source)?,
            recursive: false,
        }
    } else {
        Mount::FileSystem(new_file_system(file_system_kind(&kind)?, source))
    };
    let restrictions = match object.optional("options") {
        Some(options) => restrictions(&options)?,
        None => Restrictions::default(),
    };
    Ok(TreeObject::Mount {
        mount,
        target,
        restrictions,
        make_target: false,
    })
}

fn restrictions(options: &Field<'_>) -> Result<Restrictions, Error> {
    let mut restrictions = Restrictions::default();
    for option in options.list()? {
        match option.string()? {
            "ro" => restrictions.read_only = true,
            "nosuid" => restrictions.no_setuid = true,
            "nodev" => restrictions.no_devices = true,
            "noexec" => restrictions.no_execute = true,
            _ => return Err(option.error("expected ro, nosuid, nodev or noexec")),
        }
    }
    Ok(restrictions)
}

fn copy_custom(object: &Object<'_>) -> Result<TreeObject, Error> {
    let field = object.required("source")?;
    let source = source_path(&field, Some(field.string()?))?;
    let target = object
        .required("target")?
        .checked(path::inside_below_root)?;
    Ok(TreeObject::Copy { source, target })
}

fn copy_original(object: &Object<'_>, objects: &mut Vec<TreeObject>) -> Result<(), Error> {
    for source in object.required("sources")?.list()? {
        let target = source.checked(path::inside_below_root)?;
        objects.push(TreeObject::Copy {
            source: PathBuf::from(&target),
            target,
        });
    }
    Ok(())
}

fn symbolic_link(object: &Object<'_>) -> Result<TreeObject, Error> {
    let path = object.required("path")?.checked(path::inside_below_root)?;
    let target = object.required("target")?.nonempty_string()?.to_owned();
    Ok(TreeObject::SymbolicLink { path, target })
}
