//! Answers to requests.

use super::clients::{Client, Purpose};
use super::{Monitor, Status};
use crate::error::Error;
use crate::protocol::{self, Request};
use crate::system::process;
use gantry_abi::context::ContextType;
use gantry_abi::user::{ContextDescriptor, Errno};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

const KILL: i32 = 9;

/// What a request leads to.
enum Outcome {
    /// The text of the one answer.
    Done(String),
    /// The connection stays; the text of a first answer.
    Stay(Purpose, Option<String>),
}

impl Monitor {
    /// A connection can be read, or written if something waits to be sent.
    pub(super) fn serve(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index) else {
            return;
        };
        if client.is_behind() {
            return client.flush();
        }
        let Some(message) = client.receive() else {
            return;
        };
        match (client.purpose, Request::from_text(&message)) {
            (Purpose::Asking, Some(request)) => {
                // Out of the list meanwhile: the monitor may go on while it carries a request out.
                let mut client = self.clients.swap_remove(index);
                self.answer(&mut client, request);
                self.clients.push(client);
            }
            (Purpose::Attached, _) if message == protocol::END_OF_INPUT => self.output.end_input(),
            _ => client.leave(),
        }
    }

    fn answer(&mut self, client: &mut Client, request: Request) {
        if request == Request::Contexts {
            return self.pass_contexts(client);
        }
        match self.carry_out(request) {
            Ok(Outcome::Done(text)) => {
                client.send(protocol::good(&text).as_bytes(), &[]);
                client.leave_when_sent();
            }
            Ok(Outcome::Stay(purpose, text)) => {
                client.purpose = purpose;
                let input = self.output.input().filter(|_| purpose == Purpose::Attached);
                let descriptors: Vec<BorrowedFd<'_>> = input.iter().map(AsFd::as_fd).collect();
                if let Some(text) = text {
                    client.send(protocol::good(&text).as_bytes(), &descriptors);
                }
            }
            Err(error) => {
                let answer = protocol::bad(error.status(), &error.to_string());
                client.send(answer.as_bytes(), &[]);
                client.leave_when_sent();
            }
        }
    }

    fn carry_out(&mut self, request: Request) -> Result<Outcome, Error> {
        let done = |text: &str| Ok(Outcome::Done(text.to_owned()));
        match request {
            Request::State => done(&self.now().to_text()),
            Request::Start => {
                if self.status != Status::Created {
                    let status = self.status.name();
                    return Err(Error::new(format!(
                        "cannot start a container that is {status}"
                    )));
                }
                self.start()?;
                done("")
            }
            Request::Kill { signal, all } => {
                self.kill(signal, all)?;
                done("")
            }
            Request::Pause => {
                self.pause()?;
                done("")
            }
            Request::Resume => {
                self.resume()?;
                done("")
            }
            Request::Wait => Ok(Outcome::Stay(Purpose::Waiting, None)),
            Request::End => {
                self.end()?;
                Ok(Outcome::Stay(Purpose::Waiting, None))
            }
            Request::Processes => done(&self.processes()?),
            Request::Follow => Ok(Outcome::Stay(Purpose::Following, Some(String::new()))),
            Request::Events => Ok(Outcome::Stay(Purpose::Watching, Some(String::new()))),
            Request::Attach => {
                if !self.output.is_held() {
                    return Err(Error::new(
                        "its output was passed on to whoever started it (see --output)",
                    ));
                }
                let kind = match (self.output.is_terminal(), self.output.input()) {
                    (true, _) => "terminal",
                    (false, Some(_)) => "input",
                    (false, None) => "",
                };
                Ok(Outcome::Stay(Purpose::Attached, Some(kind.to_owned())))
            }
            Request::Contexts => Err(Error::new("they take descriptors")),
        }
    }

    fn require(&self, allowed: &[Status]) -> Result<(), Error> {
        if allowed.contains(&self.status) && self.exit.is_none() {
            Ok(())
        } else {
            Err(Error::new("container not running"))
        }
    }

    fn kill(&mut self, signal: i32, all: bool) -> Result<(), Error> {
        self.require(&[Status::Created, Status::Running, Status::Paused])?;
        let sent = match &self.container.process_list {
            Some(list) if all && self.has_joined => match list.signal(signal) {
                Err(Errno::ESRCH) => Ok(()),
                result => result.map_err(io::Error::from),
            },
            _ => process::send(self.child, signal),
        };
        sent.map_err(|error| Error::system("send the signal", &error))
    }

    fn pause(&mut self) -> Result<(), Error> {
        self.require(&[Status::Running])?;
        let Some(list) = &self.container.process_list else {
            return Err(Error::new(
                "a container without a process list of its own can't be paused",
            ));
        };
        list.freeze()
            .map_err(|error| Error::system("freeze its processes", &error.into()))?;
        self.becomes(Status::Paused);
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Error> {
        if self.status != Status::Paused {
            return Err(Error::new("container not paused"));
        }
        if let Some(list) = &self.container.process_list {
            list.thaw()
                .map_err(|error| Error::system("let its processes go on", &error.into()))?;
        }
        self.becomes(Status::Running);
        Ok(())
    }

    /// Kills everything.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let mut sent = Ok(());
        if let (Some(list), true) = (&self.container.process_list, self.has_joined) {
            sent = match list.signal(KILL) {
                // Nobody is there any more.
                Err(Errno::ESRCH) => Ok(()),
                result => result.map_err(io::Error::from),
            };
        } else if self.child != 0 {
            sent = process::send(self.child, KILL);
        }
        sent.map_err(|error| Error::system("kill its processes", &error))
    }

    fn processes(&self) -> Result<String, Error> {
        let numbers = match &self.container.process_list {
            Some(list) if self.has_joined => list
                .list_pids()
                .map_err(|error| Error::system("list its processes", &error.into()))?,
            _ => vec![self.child.unsigned_abs()],
        };
        let texts: Vec<String> = numbers
            .iter()
            .filter(|number| **number != 0)
            .map(u32::to_string)
            .collect();
        Ok(texts.join(" "))
    }

    /// Passes descriptors of the contexts, for a further process. That of the process list is a new opening: the
    /// container's life stays bound to this monitor's.
    fn pass_contexts(&self, client: &mut Client) {
        match self.contexts() {
            Ok((names, contexts)) => {
                let descriptors: Vec<BorrowedFd<'_>> = contexts.iter().map(AsFd::as_fd).collect();
                client.send(protocol::good(&names).as_bytes(), &descriptors);
            }
            Err(error) => {
                let answer = protocol::bad(error.status(), &error.to_string());
                client.send(answer.as_bytes(), &[]);
            }
        }
        client.leave();
    }

    fn contexts(&self) -> Result<(String, Vec<ContextDescriptor>), Error> {
        self.require(&[Status::Running, Status::Paused])?;
        let held = [
            (ContextType::ProcessList, &self.container.process_list),
            (ContextType::Hostname, &self.container.hostname),
            (ContextType::VfsRoot, &self.container.root),
        ];
        let mut names = Vec::new();
        let mut contexts = Vec::new();
        for (kind, context) in held {
            let Some(context) = context else { continue };
            let reopened = context
                .info()
                .and_then(|info| ContextDescriptor::reopen(kind, info.id))
                .map_err(|error| Error::system("reopen its contexts", &error.into()))?;
            names.push(kind.namespace_name());
            contexts.push(reopened);
        }
        Ok((names.join(" "), contexts))
    }
}
