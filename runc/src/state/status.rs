//! How a container is, found out by asking.

use super::exit::Exit;
use super::record::{Record, VERSION};
use super::store::{EXIT, Found, Store};
use crate::client;
use crate::error::Error;
use crate::protocol::Request;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// How long a container that is being made is waited for by those who need it made.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// Where in its life a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is being made.
    Creating,
    /// Its program waits to be started.
    Created,
    /// Its program runs.
    Running,
    /// Its processes stand still.
    Paused,
    /// Its program has ended.
    Stopped,
}

impl Status {
    const ALL: [Self; 5] = [
        Self::Creating,
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Stopped,
    ];

    /// Its name in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// How a container is at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// Its status.
    pub status: Status,
    /// The number of its first process; 0: it has none.
    pub process: i32,
    /// When its program was executed.
    pub started: Option<String>,
    /// How it ended.
    pub exit: Option<Exit>,
}

impl Now {
    fn without_process(status: Status) -> Self {
        Self {
            status,
            process: 0,
            started: None,
            exit: None,
        }
    }

    fn stopped(exit: Exit) -> Self {
        Self {
            exit: Some(exit),
            ..Self::without_process(Status::Stopped)
        }
    }

    /// The monitor's answer.
    pub fn to_text(&self) -> String {
        let mut value = json!({ "status": self.status.name(), "pid": self.process });
        if let Some(time) = &self.started {
            value["startedAt"] = time.as_str().into();
        }
        value.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let status = value["status"].as_str()?;
        Some(Self {
            status: Status::ALL
                .into_iter()
                .find(|known| known.name() == status)?,
            process: value["pid"].as_i64()?.try_into().ok()?,
            started: value["startedAt"].as_str().map(str::to_owned),
            exit: None,
        })
    }

    /// The state of the specification (runtime.md, "State"), and what is known beyond it.
    pub fn to_json(&self, record: &Record) -> Value {
        let mut members = record.to_json();
        members.insert("status".to_owned(), self.status.name().into());
        members.insert("pid".to_owned(), self.process.into());
        if let Some(time) = &self.started {
            members.insert("startedAt".to_owned(), time.as_str().into());
        }
        if let Some(Value::Object(exit)) = self.exit.as_ref().map(Exit::to_json) {
            members.extend(exit);
        }
        Value::Object(members)
    }
}

/// A container's folder; an error that says so if there is no such container.
pub fn find(store: &Store, id: &str) -> Result<Found, Error> {
    crate::config::check_id(id)?;
    match store.find(id)? {
        Some(found) if found.exists(store)? => Ok(found),
        _ => Err(missing()),
    }
}

fn missing() -> Error {
    Error::new("container does not exist")
}

/// How a container is; `None`: there is none in this folder.
fn now(store: &Store, found: &Found) -> Result<Option<Now>, Error> {
    loop {
        if let Some(reply) = client::ask(found, Request::State)? {
            let now = Now::from_text(&reply.text);
            return now
                .map(Some)
                .ok_or_else(|| Error::new("the container's monitor answers nonsense"));
        }
        let has_owner = store.has_owner(found)?;
        match (found.record()?, found.exit()?) {
            (None, _) if has_owner => return Ok(Some(Now::without_process(Status::Creating))),
            (None, _) => {
                store.remove_remains(found)?;
                return Ok(None);
            }
            (Some(record), None) if record.is_transient && !has_owner => {
                store.remove_remains(found)?;
                return Ok(None);
            }
            // The monitor has said goodbye, or was killed.
            (Some(_), Some(exit)) => return Ok(Some(Now::stopped(exit))),
            (Some(_), None) if !has_owner => {
                return Ok(Some(Now::stopped(Exit::with_its_monitor())));
            }
            // It was made just now, or ends just now.
            (Some(_), None) => thread::sleep(PAUSE),
        }
    }
}

impl Found {
    /// How it is.
    pub fn now(&self, store: &Store) -> Result<Now, Error> {
        now(store, self)?.ok_or_else(missing)
    }

    /// Whether there is a container in this folder.
    pub fn exists(&self, store: &Store) -> Result<bool, Error> {
        now(store, self).map(|now| now.is_some())
    }

    /// How it is, once it is made.
    pub fn now_made(&self, store: &Store) -> Result<Now, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = self.now(store)?;
            if now.status != Status::Creating {
                return Ok(now);
            }
            if Instant::now() > deadline {
                return Err(Error::new("the container is still being created"));
            }
            thread::sleep(PAUSE);
        }
    }

    /// The state of the specification.
    pub fn state(&self, store: &Store) -> Result<Value, Error> {
        let now = self.now(store)?;
        Ok(match self.record()? {
            Some(record) => now.to_json(&record),
            None => json!({
                "ociVersion": VERSION,
                "id": self.id,
                "status": now.status.name(),
                "pid": now.process,
            }),
        })
    }

    /// Waits for its end.
    pub fn wait(&self, store: &Store) -> Result<Exit, Error> {
        self.now_made(store)?;
        let reply = client::ask(self, Request::Wait)?;
        let value = reply.and_then(|reply| serde_json::from_str(&reply.text).ok());
        match value.as_ref().and_then(Exit::from_json) {
            Some(exit) => Ok(exit),
            None => {
                let exit = self.now(store)?.exit;
                exit.ok_or_else(|| Error::new("its end can't be told"))
            }
        }
    }

    /// How it ended, if that is known.
    pub fn exit(&self) -> Result<Option<Exit>, Error> {
        let text = self
            .folder
            .read(EXIT)
            .map_err(|error| Error::system(EXIT, &error))?;
        let value = text.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(value.as_ref().and_then(Exit::from_json))
    }

    /// Takes a stopped container's folder over. If nobody has seen its end, that is made up for: from here on
    /// the folder tells what it was, whatever becomes of the caller.
    pub fn take_over(&self, store: &Store) -> Result<(), Error> {
        store.wait_for_lock(self)?;
        if self.record()?.is_none() {
            return Err(missing());
        }
        if self.exit()?.is_none() {
            let exit = Exit::with_its_monitor().to_json().to_string();
            self.folder
                .write(EXIT, exit.as_bytes())
                .map_err(|error| Error::system(EXIT, &error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Now, Status};

    #[test]
    fn answers_are_written_and_read() {
        for status in Status::ALL {
            let now = Now {
                status,
                process: 7,
                started: Some("now".to_owned()),
                exit: None,
            };
            assert_eq!(Now::from_text(&now.to_text()), Some(now));
        }
    }
}
