//! An image's configuration becomes config.json, as the image specification's conversion.md says.

use super::users::{Identity, Users};
use crate::config::value::{Document, Field, Object};
use crate::config::{path, template};
use crate::error::Error;
use serde_json::{Map, Value, json};

/// Where programs are looked for if an image doesn't say it.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// In front of the names of annotations that say what the image's configuration says.
const PREFIX: &str = "org.opencontainers.image";
/// What root may have in an image's container: what container engines grant, and images expect.
const CAPABILITIES: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// What an image's configuration says about the containers that run it.
pub struct Image {
    arguments: Vec<String>,
    environment: Vec<String>,
    working_directory: String,
    identity: Identity,
    annotations: Map<String, Value>,
    volumes: Vec<String>,
}

impl Image {
    /// Reads a configuration; names of users and groups mean the image's own.
    pub fn parse(document: &Document, users: &Users) -> Result<Self, Error> {
        let root = document.root()?;
        let mut image = Self {
            arguments: Vec::new(),
            environment: Vec::new(),
            working_directory: "/".to_owned(),
            identity: Identity {
                user: 0,
                group: 0,
                additional_groups: Vec::new(),
            },
            annotations: annotations(&root)?,
            volumes: Vec::new(),
        };
        if let Some(config) = root.optional("config") {
            image.add(&config.object()?, users)?;
        }
        image.complete_environment(users);
        Ok(image)
    }

    fn add(&mut self, config: &Object<'_>, users: &Users) -> Result<(), Error> {
        for name in ["Entrypoint", "Cmd"] {
            if let Some(words) = config.optional(name) {
                self.arguments.extend(words.strings()?);
            }
        }
        for variable in list(config.optional("Env"))? {
            match variable.string()?.split_once('=') {
                Some((name, _)) if !name.is_empty() => {}
                _ => return Err(variable.error("expected NAME=value")),
            }
            self.environment.push(variable.string()?.to_owned());
        }
        if let Some(directory) = config
            .optional("WorkingDir")
            .filter(|field| !field.is_empty())
        {
            // A relative one starts at the root.
            self.working_directory = directory.checked(|text| path::inside(&format!("/{text}")))?;
        }
        if let Some(user) = config.optional("User") {
            self.identity = users
                .identity(user.string()?)
                .map_err(|message| user.error(&message))?;
        }
        if let Some(volumes) = config.optional("Volumes") {
            for (name, field) in volumes.object()?.entries() {
                let path = path::inside_below_root(name);
                self.volumes
                    .push(path.map_err(|message| field.error(message))?);
            }
        }
        self.annotate(config)
    }

    /// Labels are annotations, and win over those that follow from other fields.
    fn annotate(&mut self, config: &Object<'_>) -> Result<(), Error> {
        if let Some(signal) = config
            .optional("StopSignal")
            .filter(|field| !field.is_empty())
        {
            let signal = signal.string()?.into();
            self.annotations
                .insert(format!("{PREFIX}.stopSignal"), signal);
        }
        if let Some(ports) = config
            .optional("ExposedPorts")
            .filter(|field| !field.is_empty())
        {
            let ports: Vec<_> = ports.object()?.entries().map(|(port, _)| port).collect();
            let ports = ports.join(",").into();
            self.annotations
                .insert(format!("{PREFIX}.exposedPorts"), ports);
        }
        if let Some(labels) = config.optional("Labels") {
            for (name, value) in labels.object()?.entries() {
                self.annotations
                    .insert(name.to_owned(), value.string()?.into());
            }
        }
        Ok(())
    }

    fn complete_environment(&mut self, users: &Users) {
        let has = |name: &str, variables: &[String]| {
            variables.iter().any(|variable| variable.starts_with(name))
        };
        if !has("PATH=", &self.environment) {
            self.environment.push(DEFAULT_PATH.to_owned());
        }
        if let Some(home) = users.home(self.identity.user)
            && !has("HOME=", &self.environment)
        {
            self.environment.push(format!("HOME={home}"));
        }
    }

    /// Directories whose contents are to outlive a container.
    pub fn volumes(&self) -> &[String] {
        &self.volumes
    }

    /// Whether it says what to run.
    pub fn has_program(&self) -> bool {
        !self.arguments.is_empty()
    }

    /// config.json. `volumes` are the volumes' paths in the container and in the bundle; `overlay` are the options of the
    /// mount that is the root, if it is one.
    pub fn configuration(
        self,
        volumes: &[(String, String)],
        overlay: Option<Vec<String>>,
    ) -> Value {
        let mut configuration = template();
        let process = &mut configuration["process"];
        process["user"] = json!({ "uid": self.identity.user, "gid": self.identity.group });
        let held: &[_] = if self.identity.user == 0 {
            &CAPABILITIES
        } else {
            &[]
        };
        process["capabilities"] =
            json!({ "bounding": CAPABILITIES, "effective": held, "permitted": held });
        if !self.identity.additional_groups.is_empty() {
            process["user"]["additionalGids"] = self.identity.additional_groups.into();
        }
        process["env"] = self.environment.into();
        process["cwd"] = self.working_directory.into();
        if let Some(process) = process.as_object_mut() {
            process.remove("args");
            if !self.arguments.is_empty() {
                process.insert("args".to_owned(), self.arguments.into());
            }
        }
        configuration["root"]["readonly"] = false.into();
        if let Some(configuration) = configuration.as_object_mut() {
            // Every container of the image has the name of the machine until it is given one.
            configuration.remove("hostname");
        }
        if let Some(mounts) = configuration["mounts"].as_array_mut() {
            if let Some(options) = overlay {
                let root = json!({
                    "destination": "/", "type": "overlay", "source": "overlay", "options": options
                });
                mounts.insert(0, root);
            }
            mounts.extend(volumes.iter().map(|(path, source)| {
                json!({
                    "destination": path, "type": "bind", "source": source,
                    "options": ["rbind", "nosuid", "nodev"]
                })
            }));
        }
        configuration["annotations"] = self.annotations.into();
        configuration
    }
}

/// What the configuration says beside `config`.
fn annotations(root: &Object<'_>) -> Result<Map<String, Value>, Error> {
    let mut annotations = Map::new();
    for name in [
        "os",
        "architecture",
        "variant",
        "os.version",
        "author",
        "created",
    ] {
        if let Some(field) = root.optional(name).filter(|field| !field.is_empty()) {
            annotations.insert(format!("{PREFIX}.{name}"), field.string()?.into());
        }
    }
    let features = match root.optional("os.features") {
        Some(features) => features.strings()?,
        None => Vec::new(),
    };
    if !features.is_empty() {
        let features = features.join(",").into();
        annotations.insert(format!("{PREFIX}.os.features"), features);
    }
    Ok(annotations)
}

fn list(field: Option<Field<'_>>) -> Result<Vec<Field<'_>>, Error> {
    field.map_or(Ok(Vec::new()), |field| field.list())
}
