//! Looks after one container from its making to its end.
//!
//! A monitor is the process that made the container, and the parent of its first process. It holds the
//! container's contexts: when it ends, however it does, the kernel ends the container. It sleeps in one place
//! ([`Monitor::turn`]) until a child, the process list, the container's output or somebody with a request wakes
//! it; hooks run while it goes on answering.
//!
//! A monitor in the background is a fork of the runc that made the container. In the foreground, runc is the
//! monitor.

mod clients;
mod events;
mod foreground;
mod hooks;
mod life;
pub mod log_file;
mod output;
mod requests;

pub use events::ended;
pub use foreground::{Foreground, Relay, size_here};
pub use hooks::run_after_end;
pub use life::{Launch, Mode, NO_PROGRAM, Streaming, send_terminal, write_number};

use crate::execute::{Container, Explanation, Start};
use crate::plan::{self, Plan};
use crate::protocol;
use crate::state::{EXIT, Exit, Found, Now, Record, SOCKET, Status};
use crate::system::descriptor::{self, Interest};
use crate::system::process::{self, Change, Held};
use crate::system::signals::{self, Signals};
use crate::system::socket;
use crate::time;
use clients::{Client, Purpose};
use output::Output;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

/// Looks after one container.
pub struct Monitor {
    found: Found,
    listener: Option<OwnedFd>,
    signals: Signals,
    container: Container,
    status: Status,
    /// The first process; 0: there is none.
    child: i32,
    /// The first process while it waits outside.
    held: Option<(Held, Explanation)>,
    /// What it takes to start the program, until that is done.
    making: Option<Box<Making>>,
    /// The first process has been a member of the process list.
    has_joined: bool,
    started: Option<String>,
    /// How many processes were killed for want of memory.
    memory_kills: u64,
    /// The first process has ended; others may be there still.
    exit: Option<Exit>,
    clients: Vec<Client>,
    output: Output,
    foreground: Option<Foreground>,
}

/// What is needed until the program runs.
struct Making {
    plan: Plan,
    record: Record,
    /// `None`: the first process is there and waits.
    start: Option<Start>,
    pid_file: Option<PathBuf>,
    options: plan::Options,
}

/// What woke a monitor.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    Listener,
    ProcessList,
    MemoryKill,
    Client(usize),
    Output(usize),
    Relay(usize),
    Extra,
}

impl Monitor {
    /// How the container is.
    fn now(&self) -> Now {
        Now {
            status: self.status,
            process: self.child,
            started: self.started.clone(),
            exit: None,
        }
    }

    /// Waits for what happens next, and sees to it. True: `extra` is readable.
    fn turn(
        &mut self,
        extra: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        let ready = self.wait(extra, timeout)?;
        let mut is_extra_ready = false;
        // An index may be another's by the time it is used: nothing waits then, and the next turn sees to it.
        for source in ready {
            match source {
                Source::Signals => self.take_signals()?,
                Source::Listener => self.accept()?,
                Source::ProcessList => {}
                Source::MemoryKill => self.take_memory_kill()?,
                Source::Client(index) => self.serve(index),
                Source::Output(index) => self.read_output(index),
                Source::Relay(index) => {
                    if let Some(foreground) = &mut self.foreground {
                        foreground.relay(index)?;
                    }
                }
                Source::Extra => is_extra_ready = true,
            }
        }
        self.clients.retain(|client| !client.is_gone());
        Ok(is_extra_ready)
    }

    fn wait(
        &self,
        extra: Option<BorrowedFd<'_>>,
        timeout: Option<Duration>,
    ) -> io::Result<Vec<Source>> {
        let mut sources = vec![Source::Signals];
        let mut waited = vec![(self.signals.as_fd(), Interest::Read)];
        if let Some(listener) = &self.listener {
            sources.push(Source::Listener);
            waited.push((listener.as_fd(), Interest::Read));
        }
        // It is readable for ever once the list is empty: it is asked about only by those who wait for that.
        if let (Some(_), true, Some(list)) =
            (&self.exit, self.has_joined, &self.container.process_list)
        {
            sources.push(Source::ProcessList);
            waited.push((list.as_fd(), Interest::Read));
        }
        if let Some(list) = &self.container.process_list {
            sources.push(Source::MemoryKill);
            waited.push((list.as_fd(), Interest::Exception));
        }
        for (index, client) in self.clients.iter().enumerate() {
            sources.push(Source::Client(index));
            waited.push(client.interest());
        }
        // Output is read as fast as everybody who is attached takes it.
        if !self.clients.iter().any(Client::is_behind) {
            for (index, descriptor) in self.output.descriptors().enumerate() {
                sources.push(Source::Output(index));
                waited.push((descriptor, Interest::Read));
            }
        }
        if let Some(foreground) = &self.foreground {
            for (index, wanted) in foreground.wanted() {
                sources.push(Source::Relay(index));
                waited.push(wanted);
            }
        }
        if let Some(extra) = extra {
            sources.push(Source::Extra);
            waited.push((extra, Interest::Read));
        }
        let ready = descriptor::wait_for(&waited, timeout)?;
        Ok(ready
            .into_iter()
            .filter_map(|index| sources.get(index).copied())
            .collect())
    }

    fn take_signals(&mut self) -> io::Result<()> {
        while let Some(signal) = self.signals.next()? {
            if signal == signals::CHILD {
                self.see_to_child()?;
            } else if let Some(foreground) = &mut self.foreground
                && !foreground.takes(signal)
                && self.child != 0
            {
                process::send(self.child, signal)?;
            }
        }
        Ok(())
    }

    /// Something has become of a child.
    fn see_to_child(&mut self) -> io::Result<()> {
        while self.child != 0 {
            let (status, signal) = match process::change_of(self.child)? {
                None => return Ok(()),
                Some(Change::Stopped) => {
                    if let Some(foreground) = &self.foreground {
                        foreground.stop_with(self.child)?;
                    }
                    continue;
                }
                Some(Change::Exited(status)) => (status, None),
                Some(Change::Killed(signal)) => (128 + signal, Some(signal)),
            };
            self.child = 0;
            self.held = None;
            self.exit = Some(Exit {
                status,
                signal,
                started: self.started.clone(),
                finished: Some(time::now_in_text()),
                want_of_memory: self.memory_kills > 0,
            });
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        if let Some(listener) = &self.listener
            && let Some(connection) = socket::accept(listener)?
        {
            self.clients.push(Client::new(connection));
        }
        Ok(())
    }

    fn read_output(&mut self, index: usize) {
        let Some(message) = self.output.read(index, &self.found.folder) else {
            return;
        };
        for client in &mut self.clients {
            match client.purpose {
                Purpose::Attached => client.send(&message, &[]),
                Purpose::Following => client.nudge(),
                Purpose::Asking | Purpose::Waiting | Purpose::Watching => {}
            }
        }
    }

    /// Whether nothing of the container runs any more.
    fn has_ended(&self) -> io::Result<bool> {
        if self.exit.is_none() {
            return Ok(false);
        }
        match &self.container.process_list {
            Some(list) if self.has_joined => descriptor::is_readable(list, Duration::ZERO),
            _ => Ok(true),
        }
    }

    /// Goes on until nothing of the container runs any more, and reads the rest of its output.
    fn live(&mut self) -> io::Result<()> {
        while !self.has_ended()? {
            self.turn(None, None)?;
        }
        if let Some(foreground) = &mut self.foreground {
            foreground.finish();
        }
        // What is in the pipes is all that comes, unless somebody outside of the container has them too.
        let mut index = 0;
        while index < self.output.open_streams() {
            let streams = self.output.open_streams();
            let is_ready = self
                .output
                .descriptors()
                .nth(index)
                .map_or(Ok(false), |source| {
                    descriptor::is_readable(source, Duration::ZERO)
                })?;
            if is_ready && !self.clients.iter().any(Client::is_behind) {
                self.read_output(index);
            } else {
                index += 1;
            }
            if self.output.open_streams() < streams {
                index = 0;
            }
        }
        Ok(())
    }

    /// Writes down how the container ended, if it is to be kept, and tells everybody who waits. Its contexts, and with them its
    /// mounts and memory, go.
    fn say_goodbye(mut self, keep: bool) -> io::Result<(Found, Exit)> {
        self.take_memory_kill()?;
        self.container = Container::default();
        let mut exit = self.exit.take().unwrap_or_else(Exit::with_its_monitor);
        exit.want_of_memory |= self.memory_kills > 0;
        self.tell(&events::ended(&self.found.id, &exit));
        let text = exit.to_json().to_string();
        if keep {
            self.found.folder.write(EXIT, text.as_bytes())?;
        }
        self.found.folder.remove_file(SOCKET)?;
        // Whoever connects from here on finds nobody, and reads what was written.
        self.listener = None;
        for client in &mut self.clients {
            match client.purpose {
                Purpose::Waiting => client.send(protocol::good(&text).as_bytes(), &[]),
                Purpose::Attached => {
                    let mut message = vec![protocol::ENDED];
                    message.extend_from_slice(text.as_bytes());
                    client.send(&message, &[]);
                }
                Purpose::Asking | Purpose::Following | Purpose::Watching => {}
            }
        }
        Ok((self.found, exit))
    }
}
