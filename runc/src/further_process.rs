//! A further process in a container that runs, which runc starts itself and is the parent of. The contexts come
//! from the container's monitor, by descriptor.

use crate::client::{self, Reply};
use crate::config::{self, Container as Configuration};
use crate::error::Error;
use crate::execute::{Container, Start, Started, Streams};
use crate::log::Log;
use crate::monitor::{self, Foreground, Relay};
use crate::plan;
use crate::protocol::Request;
use crate::state::{CONFIGURATION, Found, Record, Store};
use crate::system::descriptor::{self, Interest};
use crate::system::process::{self, Change};
use crate::system::signals::{self, Signals};
use crate::system::terminal;
use gantry_abi::user::signal::SignalSet;
use gantry_abi::user::{ContextDescriptor, OwnedDescriptor};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// How the process is started.
pub struct Options<'a> {
    /// What it inherits.
    pub plan: plan::Options,
    /// runc doesn't wait for it.
    pub detach: bool,
    /// A socket that its terminal is sent to.
    pub console_socket: Option<&'a Path>,
    /// A file for its number.
    pub pid_file: Option<&'a Path>,
}

/// The configuration that a container was made from.
pub fn configuration(
    store: &Store,
    found: &Found,
    record: &Record,
) -> Result<Configuration, Error> {
    let text = found
        .folder
        .read(CONFIGURATION)
        .map_err(|error| Error::system(CONFIGURATION, &error))?
        .ok_or_else(|| Error::new("its configuration is missing"))?;
    let file = store.path(&found.id).join(CONFIGURATION);
    let loaded = config::parse(record.form, &file, record.bundle.clone(), text, &[])?;
    Ok(loaded.container)
}

/// The contexts of a container, as its monitor passes them on.
fn contexts(found: &Found) -> Result<Container, Error> {
    let Some(Reply {
        text, descriptors, ..
    }) = client::ask(found, Request::Contexts)?
    else {
        return Err(Error::new("container not running"));
    };
    let (mut list, mut hostname, mut root) = (None, None, None);
    for (name, context) in text.split_whitespace().zip(descriptors) {
        let context = Some(ContextDescriptor::from(OwnedDescriptor::from(context)));
        match name {
            "pid" => list = context,
            "uts" => hostname = context,
            _ => root = context,
        }
    }
    Container::of_contexts(list, hostname, root)
        .map_err(|error| Error::system("open the container's root", &error))
}

/// Starts `configuration.process` in a container. Without `detach`, waits for its end and returns the exit
/// status that stands for it.
pub fn run(
    found: &Found,
    configuration: &Configuration,
    options: &Options<'_>,
    log: &Log,
) -> Result<u8, Error> {
    let plan = plan::further_process(configuration, &options.plan);
    let mut container = contexts(found)?;
    container.prepare(&plan, log)?;
    let mut foreground = Foreground::default();
    let failed = |what: &'static str| move |error: io::Error| Error::system(what, &error);
    if let Some(made) = &container.terminal {
        let master = descriptor::duplicate(&made.master).map_err(failed("open the terminal"))?;
        if let Some(path) = options.console_socket {
            monitor::send_terminal(path, &master, &made.path)
                .map_err(failed("send the terminal to the console socket"))?;
        } else {
            foreground.relay = Some(Relay::start(master).map_err(failed("use the terminal"))?);
        }
    } else if !options.detach {
        foreground.lent = terminal::in_foreground();
    }
    let (signals, mask) = if options.detach {
        (None, SignalSet::EMPTY)
    } else {
        let signals = Signals::take_all().map_err(failed("block signals"))?;
        let mask = signals.mask;
        (Some(signals), mask)
    };
    let start = Start {
        mask,
        foreground: foreground.lent.is_some(),
        held: false,
        streams: Streams::default(),
    };
    let child = match container.start(&plan, start)? {
        Started::Running(child) => child,
        Started::Held(..) => return Err(Error::new("the process waits for nobody")),
    };
    drop(container);
    if let Some(path) = options.pid_file {
        monitor::write_number(path, child)?;
    }
    let Some(signals) = signals else {
        return Ok(0);
    };
    let status = wait(child, &signals, &mut foreground);
    foreground.finish();
    status.map_err(failed("wait for the process"))
}

fn wait(child: i32, signals: &Signals, foreground: &mut Foreground) -> io::Result<u8> {
    loop {
        let wanted = foreground.wanted();
        let mut waited = vec![(signals.as_fd(), Interest::Read)];
        waited.extend(wanted.iter().map(|(_, wanted)| *wanted));
        let ready = descriptor::wait_for(&waited, None)?;
        let relayed: Vec<usize> = ready
            .iter()
            .filter_map(|ready| wanted.get(ready.checked_sub(1)?).map(|(index, _)| *index))
            .collect();
        for index in relayed {
            foreground.relay(index)?;
        }
        while let Some(signal) = signals.next()? {
            if signal == signals::CHILD {
                while let Some(change) = process::change_of(child)? {
                    match change {
                        Change::Exited(status) => return Ok(status),
                        Change::Killed(signal) => return Ok(128 + signal),
                        Change::Stopped => foreground.stop_with(child)?,
                    }
                }
            } else if !foreground.takes(signal) {
                process::send(child, signal)?;
            }
        }
    }
}
