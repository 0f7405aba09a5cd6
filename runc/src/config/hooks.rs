//! The member `hooks` of config.json (config.md, "POSIX-platform Hooks").

use super::path;
use super::value::Field;
use crate::error::Error;

/// The points of a container's life at which hooks run, in the order in which they come.
pub const POINTS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

/// A program of the caller that runs at one point of a container's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// An absolute path.
    pub path: String,
    /// Its name and arguments; empty: its path alone.
    pub arguments: Vec<String>,
    /// NAME=value; `None`: what whoever starts it has.
    pub environment: Option<Vec<String>>,
    /// Seconds after which it is killed.
    pub timeout: Option<u64>,
}

/// The hooks of a container, by their points in the order in which those come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// After everything is prepared, in the runtime's contexts.
    pub prestart: Vec<Hook>,
    /// The same, after those.
    pub create_runtime: Vec<Hook>,
    /// Found and run outside, with the container's hostname and mounts, before `create` is done.
    pub create_container: Vec<Hook>,
    /// Found and run inside, before the program is executed.
    pub start_container: Vec<Hook>,
    /// After the program was executed, in the runtime's contexts.
    pub poststart: Vec<Hook>,
    /// After the container is gone, in the runtime's contexts.
    pub poststop: Vec<Hook>,
}

impl Hooks {
    /// Reads the member; without it there are none.
    pub fn parse(field: Option<Field<'_>>) -> Result<Self, Error> {
        let mut hooks = Self::default();
        let Some(field) = field else { return Ok(hooks) };
        let object = field.object()?;
        let lists = [
            &mut hooks.prestart,
            &mut hooks.create_runtime,
            &mut hooks.create_container,
            &mut hooks.start_container,
            &mut hooks.poststart,
            &mut hooks.poststop,
        ];
        for (name, list) in POINTS.into_iter().zip(lists) {
            if let Some(field) = object.optional(name) {
                *list = field.list()?.iter().map(parse).collect::<Result<_, _>>()?;
            }
        }
        object.warn_of_unknown();
        Ok(hooks)
    }

    /// Whether any has to run while the container is only created.
    pub fn any_before_start(&self) -> bool {
        !(self.prestart.is_empty()
            && self.create_runtime.is_empty()
            && self.create_container.is_empty()
            && self.start_container.is_empty())
    }
}

fn parse(field: &Field<'_>) -> Result<Hook, Error> {
    let object = field.object()?;
    let path = object.required("path")?;
    let hook = Hook {
        path: path.checked(path::absolute)?,
        arguments: object
            .optional("args")
            .map_or(Ok(Vec::new()), |field| field.strings())?,
        environment: object
            .optional("env")
            .map(|field| super::oci::environment(&field))
            .transpose()?,
        timeout: match object.optional("timeout") {
            None => None,
            Some(field) => match field.number(u64::from(u32::MAX))? {
                0 => return Err(field.error("a timeout is at least one second")),
                seconds => Some(seconds),
            },
        },
    };
    object.warn_of_unknown();
    Ok(hook)
}
