//! apt on lists of our own for arm64: it needs no root, and nothing of the machine's package state changes.
use super::sources::Source;
use super::system;
use crate::command;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// How long fetched package lists are good for.
const LISTS_AGE: Duration = Duration::from_hours(6);

/// Package lists, in a folder of the cache.
pub struct Lists {
    folder: PathBuf,
    /// In place of the machine's own sources.
    source: Option<Source>,
}

impl Lists {
    /// What the machine's own sources offer.
    pub fn of_machine() -> Self {
        Self {
            folder: workspace::cache().join("apt"),
            source: None,
        }
    }

    /// What one source offers that the machine's own don't name; `name` is for the folder.
    pub fn of_source(name: &str, source: Source) -> Self {
        Self {
            folder: workspace::cache().join(format!("apt-{name}")),
            source: Some(source),
        }
    }

    /// Runs an apt program on these lists.
    pub fn run(&self, program: &str, arguments: &[&str], folder: Option<&Path>) -> Result<String> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C");
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        command::output(&mut command)
    }

    /// Brings them up to date unless they are fresh.
    pub fn update(&self) -> Result<()> {
        system::require_apt()?;
        let stamp = self.folder.join("updated");
        let age = fs::metadata(&stamp)
            .and_then(|metadata| metadata.modified())
            .ok();
        if age
            .and_then(|time| SystemTime::now().duration_since(time).ok())
            .is_some_and(|age| age < LISTS_AGE)
        {
            return Ok(());
        }
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(self.folder.join(part))
                .with_context(|| format!("cannot create {}", self.folder.display()))?;
        }
        let configuration = self.configuration()?;
        workspace::write_file(&self.folder.join("apt.conf"), configuration.as_bytes())?;
        self.run("apt-get", &["-q", "update"], None)?;
        workspace::write_file(&stamp, b"")
    }

    fn configuration(&self) -> Result<String> {
        let at = self.folder.display();
        let mut configuration = format!(
            "APT::Architecture \"arm64\";\nAPT::Architectures {{ \"arm64\"; }};\nDir::State::lists \"{at}/lists\";\n\
             Dir::State::status \"/dev/null\";\nDir::Cache \"{at}/cache\";\nAPT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\n"
        );
        if let Some(source) = &self.source {
            // apt tells the two formats apart by the end of the name.
            let name = Path::new(source.path)
                .file_name()
                .context("a source without a name")?;
            let file = self.folder.join(name);
            workspace::write_file(&file, source.content.as_bytes())?;
            configuration.push_str(&format!(
                "Dir::Etc::SourceList \"{}\";\nDir::Etc::SourceParts \"/dev/null\";\n",
                file.display()
            ));
        }
        Ok(configuration)
    }

    /// Whether there is such a package.
    pub fn have(&self, package: &str) -> Result<bool> {
        let known = self.run("apt-cache", &["policy", package], None)?;
        Ok(system::parse_candidate(&known).is_some())
    }

    /// Downloads a package into `folder` and returns its file.
    pub fn download(&self, package: &str, folder: &Path) -> Result<PathBuf> {
        if !self.have(package)? {
            bail!("apt's sources have no arm64 package {package}; add a source that has arm64");
        }
        self.run("apt-get", &["-q", "download", package], Some(folder))?;
        workspace::find_file(folder, |name| {
            name.starts_with(package) && name.ends_with(".deb")
        })?
        .with_context(|| format!("apt-get download left no {package}"))
    }
}
