//! What becomes of a container, told to who asked to hear of it: a message of JSON each.

use super::Monitor;
use super::clients::Purpose;
use crate::state::{Exit, Status};
use serde_json::{Value, json};
use std::io;

/// An event in the form of `runc events`.
fn event(kind: &str, id: &str, data: Value) -> Value {
    json!({ "type": kind, "id": id, "data": data })
}

/// The event that a container has ended.
pub fn ended(id: &str, exit: &Exit) -> Value {
    let mut data = exit.to_json();
    data["status"] = Status::Stopped.name().into();
    event("state", id, data)
}

impl Monitor {
    /// The container gets another status.
    pub(super) fn becomes(&mut self, status: Status) {
        self.status = status;
        let data = json!({ "status": status.name() });
        self.tell(&event("state", &self.found.id, data));
    }

    /// Asks the kernel whether a process was killed for want of memory, and tells of it if so.
    pub(super) fn take_memory_kill(&mut self) -> io::Result<()> {
        let Some(list) = &self.container.process_list else {
            return Ok(());
        };
        let count = list.memory_kills()?;
        if count > self.memory_kills {
            self.memory_kills = count;
            let data = json!({ "killed": count });
            self.tell(&event("oom", &self.found.id, data));
        }
        Ok(())
    }

    /// Sends an event to everybody who watches. Who doesn't keep up is let go, rather than waited for.
    pub(super) fn tell(&mut self, event: &Value) {
        let watching = self
            .clients
            .iter_mut()
            .filter(|client| client.purpose == Purpose::Watching);
        let mut text = None;
        for client in watching {
            let text = text.get_or_insert_with(|| event.to_string());
            if client.is_behind() {
                client.leave();
            } else {
                client.send(text.as_bytes(), &[]);
            }
        }
    }
}
