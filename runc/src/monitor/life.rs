//! The making of a container, the start of its program, and its end.

use super::hooks::{self, Place};
use super::log_file::{Limits, LogFile};
use super::output::Output;
use super::{Making, Monitor, Relay};
use crate::config::{Form, Loaded};
use crate::error::Error;
use crate::execute::{Container, Start, Started, Streams};
use crate::log::Log;
use crate::plan::{self, Plan};
use crate::protocol::{self, Answer};
use crate::state::{CONFIGURATION, Found, RECORD, Record, SOCKET, Status, Store};
use crate::system::signals::Signals;
use crate::system::{descriptor, process, socket, terminal};
use crate::time;
use gantry_abi::context::ContextState;
use gantry_abi::user::signal::SignalSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Why a container can't be started whose configuration has no `process`.
pub const NO_PROGRAM: &str = "its configuration names no program: the field \"process\" is missing";

/// How a container is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Its program waits for `start`.
    Create,
    /// Its program is started, and runc goes away.
    Background,
    /// Its program is started, and runc stays until it has ended; with `keep` the container is still there then.
    Foreground {
        /// The container isn't removed.
        keep: bool,
    },
}

/// What becomes of what the program writes.
#[derive(Clone, Copy, Debug)]
pub enum Streaming {
    /// It goes where the output of runc goes.
    Inherited,
    /// It is kept.
    Kept(Limits),
}

/// A container to be made.
pub struct Launch {
    /// Its id.
    pub id: String,
    /// Its configuration.
    pub loaded: Loaded,
    /// Its plan.
    pub plan: Plan,
    /// What was asked for beside the configuration.
    pub options: plan::Options,
    /// How it is made.
    pub mode: Mode,
    /// What becomes of its output.
    pub output: Streaming,
    /// It can be written to by who attaches.
    pub interactive: bool,
    /// A socket that its terminal is sent to.
    pub console_socket: Option<PathBuf>,
    /// A file for the number of its first process.
    pub pid_file: Option<PathBuf>,
}

impl Launch {
    /// Makes the container. In the foreground, the exit status is that of its program.
    pub fn carry_out(self, store: &Store, log: &Log) -> Result<u8, Error> {
        let found = store.claim(&self.id)?;
        if let Mode::Foreground { keep } = self.mode {
            return self.stay(found, keep, store, log);
        }
        let (report, outcome) =
            descriptor::pipe().map_err(|error| Error::system("make a pipe", &error))?;
        let id = self.id.clone();
        let mut report = Some(report);
        process::fork(|| {
            // This is the child's copy; the parent keeps its own.
            drop(report.take());
            self.look_after(found, outcome.into(), store, log)
        })
        .map_err(|error| Error::system("fork the container's monitor", &error))?;
        // One line, not all until the end: the first process has the other end too while it waits.
        let mut text = String::new();
        report
            .map_or(Ok(0), |report| {
                BufReader::new(File::from(report)).read_line(&mut text)
            })
            .map_err(|error| Error::system("hear from the container's monitor", &error))?;
        match protocol::answer(text.trim_end_matches('\n').as_bytes()) {
            Some(Answer::Good(_)) => Ok(0),
            Some(Answer::Bad(status, text)) => Err(Error::with_status(text, status)),
            None => {
                if let Some(found) = store.find(&id)? {
                    match found.record()? {
                        Some(_) => found.take_over(store).and_then(|()| store.remove(&found))?,
                        None => store.remove_remains(&found)?,
                    }
                }
                Err(Error::new("the container's monitor was killed"))
            }
        }
    }

    /// runc is the monitor.
    fn stay(self, found: Found, keep: bool, store: &Store, log: &Log) -> Result<u8, Error> {
        let signals =
            Signals::take_all().map_err(|error| Error::system("block signals", &error))?;
        let mut monitor = Monitor::new(found, signals);
        let hooks = self.plan.hooks.poststop.clone();
        let record = self.record(store);
        if let Err(error) = monitor
            .make(self, store, log)
            .and_then(|()| monitor.start())
        {
            monitor.abandon(store);
            return Err(error);
        }
        let ended = monitor.live().and_then(|()| monitor.say_goodbye(keep));
        let (found, exit) =
            ended.map_err(|error| Error::system("wait for the container", &error))?;
        let status = exit.status;
        if !keep {
            hooks::run_after_end(&hooks, &record, exit, log);
            store.remove(&found)?;
        }
        Ok(status)
    }

    /// The monitor in the background; its exit status.
    fn look_after(self, found: Found, mut report: File, store: &Store, log: &Log) -> i32 {
        let mode = self.mode;
        let made = Signals::take_children()
            .and_then(|signals| process::start_session().map(|()| signals))
            .map_err(|error| Error::system("become a monitor", &error));
        let mut monitor = match made {
            Ok(signals) => Monitor::new(found, signals),
            Err(error) => {
                let answer = protocol::bad(error.status(), &error.to_string());
                // Nobody else could be told.
                let _ = writeln!(report, "{answer}");
                return 1;
            }
        };
        let mut made = monitor.make(self, store, log);
        if made.is_ok() && mode == Mode::Background {
            made = monitor.start();
        }
        if let Err(error) = made {
            monitor.abandon(store);
            let answer = protocol::bad(error.status(), &error.to_string());
            let _ = writeln!(report, "{answer}");
            return 1;
        }
        // A runc that was killed meanwhile has made a container all the same.
        let _ = writeln!(report, "{}", protocol::good(""));
        drop(report);
        // Without /proc it goes on with more memory.
        let _ = process::discard_unused_stack();
        let ended = descriptor::leave_standard_streams()
            .and_then(|()| monitor.live())
            .and_then(|()| monitor.say_goodbye(true));
        i32::from(ended.is_err())
    }

    fn record(&self, store: &Store) -> Record {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let directory = if self.loaded.directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.loaded.directory
        };
        let bundle = std::fs::canonicalize(directory).unwrap_or_else(|_| absolute(directory));
        let rootfs = self
            .plan
            .root_directory()
            .map(|path| std::fs::canonicalize(path).unwrap_or_else(|_| absolute(path)));
        Record {
            id: self.id.clone(),
            form: self.loaded.form,
            bundle,
            rootfs: rootfs.filter(|_| self.loaded.form == Form::Bundle),
            annotations: self.loaded.container.annotations.clone(),
            created: time::now_in_text(),
            owner: owner(),
            log: match self.output {
                Streaming::Kept(_) => {
                    Some(absolute(&store.path(&self.id).join(super::log_file::NAME)))
                }
                Streaming::Inherited => None,
            },
            // Its last hooks are still to be run by `delete` otherwise.
            is_transient: self.mode == Mode::Foreground { keep: false }
                && self.plan.hooks.poststop.is_empty(),
        }
    }
}

/// The name of the user who runs runc, or the number.
fn owner() -> String {
    let number = process::user();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| number.to_string())
}

impl Monitor {
    pub(super) fn new(found: Found, signals: Signals) -> Self {
        Self {
            found,
            listener: None,
            signals,
            container: Container::default(),
            status: Status::Creating,
            child: 0,
            held: None,
            making: None,
            has_joined: false,
            started: None,
            memory_kills: 0,
            exit: None,
            clients: Vec::new(),
            output: Output::default(),
            foreground: None,
        }
    }

    /// Makes everything but the program's process, or makes it wait outside.
    pub(super) fn make(&mut self, launch: Launch, store: &Store, log: &Log) -> Result<(), Error> {
        let is_foreground = matches!(launch.mode, Mode::Foreground { .. });
        let is_held = launch.mode == Mode::Create || launch.plan.hooks.any_before_start();
        let record = launch.record(store);
        let text = &launch.loaded.text;
        self.write(CONFIGURATION, text)?;
        self.container.write_down(store.path(&launch.id));
        self.container.prepare(&launch.plan, log)?;
        let streams = self
            .open_streams(&launch)
            .map_err(|error| Error::system("open the container's streams", &error))?;
        let lent = if is_foreground && self.container.terminal.is_none() {
            terminal::in_foreground()
        } else {
            None
        };
        let mask = if is_foreground {
            self.signals.mask
        } else {
            SignalSet::EMPTY
        };
        let start = Start {
            mask,
            foreground: lent.is_some(),
            held: is_held,
            streams,
        };
        if is_foreground {
            self.foreground.get_or_insert_default().lent = lent;
        }
        let start = if is_held {
            match self.container.start(&launch.plan, start)? {
                Started::Held(held, explanation) => {
                    self.child = held.process;
                    self.held = Some((held, explanation));
                }
                Started::Running(process) => self.child = process,
            }
            self.forget_inherited(&launch.options)?;
            None
        } else {
            Some(start)
        };
        let listener = socket::listen(self.found.folder.descriptor(), SOCKET);
        self.listener = Some(listener.map_err(|error| Error::system("listen", &error))?);
        let hooks = &launch.plan.hooks;
        self.run_hooks("prestart", &hooks.prestart, Place::Outside, &record)?;
        self.run_hooks(
            "createRuntime",
            &hooks.create_runtime,
            Place::Outside,
            &record,
        )?;
        self.run_hooks(
            "createContainer",
            &hooks.create_container,
            Place::Between,
            &record,
        )?;
        if let (Some(path), true) = (&launch.pid_file, is_held) {
            write_number(path, self.child)?;
        }
        self.write(RECORD, record.to_text().as_bytes())?;
        self.status = Status::Created;
        self.making = Some(Box::new(Making {
            start,
            pid_file: launch.pid_file.filter(|_| !is_held),
            options: launch.options,
            plan: launch.plan,
            record,
        }));
        Ok(())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let written = self.found.folder.write(name, bytes);
        written.map_err(|error| Error::system(format!("write {name}"), &error))
    }

    /// What the program will have as its standard streams, with the monitor's ends in place.
    fn open_streams(&mut self, launch: &Launch) -> io::Result<Streams> {
        if let Some(terminal) = &self.container.terminal {
            let master = descriptor::duplicate(&terminal.master)?;
            if let Some(path) = &launch.console_socket {
                send_terminal(path, &master, &terminal.path)?;
            } else if matches!(launch.mode, Mode::Foreground { .. }) {
                self.foreground.get_or_insert_default().relay = Some(Relay::start(master)?);
            } else {
                descriptor::set_non_blocking(&master)?;
                self.output = Output::of_terminal(master)?;
                self.keep_output(&launch.output)?;
            }
            return Ok(Streams::default());
        }
        if let Streaming::Inherited = launch.output {
            return Ok(Streams::default());
        }
        let (output, output_end) = descriptor::pipe()?;
        let (errors, errors_end) = descriptor::pipe()?;
        descriptor::set_non_blocking(&output)?;
        descriptor::set_non_blocking(&errors)?;
        let (input_end, input) = if launch.interactive {
            let (end, input) = descriptor::pipe()?;
            (end, Some(input))
        } else {
            (descriptor::null()?, None)
        };
        self.output = Output::of_pipes(output, errors, input);
        self.keep_output(&launch.output)?;
        Ok(Streams {
            input: Some(input_end),
            output: Some(output_end),
            error: Some(errors_end),
        })
    }

    fn keep_output(&mut self, output: &Streaming) -> io::Result<()> {
        if let Streaming::Kept(limits) = output {
            let log = LogFile::create(&self.found.folder, *limits)?;
            self.output.keep_in(log);
        }
        Ok(())
    }

    /// The program has what it is to inherit; nobody else keeps it open.
    fn forget_inherited(&self, options: &plan::Options) -> Result<(), Error> {
        if options.preserved == 0 {
            return Ok(());
        }
        process::close_inherited(options.preserved)
            .map_err(|error| Error::system("close inherited descriptors", &error))
    }

    /// Starts the program.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        // That has no effect: the container is as before.
        let has_program = |making: &Making| !making.plan.program.arguments.is_empty();
        if !self.making.as_deref().is_none_or(has_program) {
            return Err(Error::new(NO_PROGRAM));
        }
        let Some(mut making) = self.making.take() else {
            return Err(Error::new("cannot start a container twice"));
        };
        let result = self.execute(&mut making);
        // Whatever came of it, there is no process that could be held any more.
        self.held = None;
        result?;
        self.becomes(Status::Running);
        self.started = Some(time::now_in_text());
        self.has_joined = match &self.container.process_list {
            // One that was killed at the last moment was never a member.
            Some(list) => list
                .info()
                .is_ok_and(|info| info.state() != Some(ContextState::Created)),
            None => false,
        };
        // From here on the container's own processes hold its files.
        self.container.keep();
        (self.container.tree, self.container.terminal) = (None, None);
        if let Some(path) = &making.pid_file {
            write_number(path, self.child)?;
        }
        let poststart = &making.plan.hooks.poststart;
        let done = self.run_hooks("poststart", poststart, Place::Outside, &making.record);
        if done.is_err() {
            self.end()?;
        }
        done
    }

    fn execute(&mut self, making: &mut Making) -> Result<(), Error> {
        if let Some(start) = making.start.take() {
            if let Started::Running(process) = self.container.start(&making.plan, start)? {
                self.child = process;
            }
            return self.forget_inherited(&making.options);
        }
        let hooks = &making.plan.hooks.start_container;
        if !hooks.is_empty() {
            let restrictions = self.container.restrictions(&making.plan)?;
            let inside = Place::Inside {
                restrictions: &restrictions,
                environment: &making.plan.program.environment,
            };
            self.run_hooks("startContainer", hooks, inside, &making.record)?;
        }
        match self.held.take() {
            Some((held, explanation)) => held
                .release()
                .map_err(|error| explanation.explain(error, &self.container)),
            None => Err(Error::new("its process has ended")),
        }
    }

    /// The container could not be made: nothing of it stays.
    pub(super) fn abandon(mut self, store: &Store) {
        self.held = None;
        // What can't be killed now is killed when the process list's descriptor closes.
        let _ = self.end();
        if self.child != 0 {
            let _ = self.live();
        }
        if let Some(foreground) = &mut self.foreground {
            foreground.finish();
        }
        self.container = Container::default();
        // The folder without its owner is found by the next call, and removed then.
        let _ = store.remove(&self.found);
    }
}

/// Writes a process number for others, who find it whole or not at all.
pub fn write_number(path: &Path, number: i32) -> Result<(), Error> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    std::fs::write(&draft, number.to_string())
        .and_then(|()| std::fs::rename(&draft, path))
        .map_err(|error| Error::system(format!("write {}", path.display()), &error))
}

/// Sends a terminal to whoever listens at a path (runc's docs/terminals.md).
pub fn send_terminal(path: &Path, master: &OwnedFd, name: &str) -> io::Result<()> {
    let socket = socket::connect_stream(path)?;
    socket::send(&socket, name.as_bytes(), &[master.as_fd()])
}
