//! `runc events`

use super::ps;
use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::processes::Process;
use crate::protocol::{self, Request};
use crate::state::{self, Exit, Found, Status, Store};
use crate::system::{descriptor, socket};
use crate::{client, monitor, text};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

pub const EXAMPLES: &str = "\
EXAMPLES
  Print what becomes of the container web, and every five seconds what it uses, until it has ended:
      runc events web
  Print what it uses once:
      runc events --stats web

EVENTS
  A line of JSON each, with type, id and data. stats: processor time in nanoseconds, memory in bytes and the
  number of processes, as sums over those that there are at the moment. state: the container has got another
  status. oom: a process of it was killed for want of memory; how many were.";

#[derive(Args)]
pub struct Arguments {
    /// Print one line and end
    #[arg(long)]
    stats: bool,

    /// Time between two lines
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = text::parse_duration)]
    interval: Duration,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        if self.interval.is_zero() {
            return Err(Error::new("the interval must be longer than 0"));
        }
        let store = Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        if found.now_made(&store)?.status == Status::Stopped {
            return Err(Error::new("container not running"));
        }
        if self.stats {
            println!("{}", statistics(&found)?);
            return Ok(0);
        }
        let Some(connection) = client::send(&found, Request::Events)? else {
            return Err(Error::new("container not running"));
        };
        let mut next = Instant::now();
        let mut has_ended = false;
        while !has_ended {
            let now = Instant::now();
            let line = if now >= next {
                next = now + self.interval;
                statistics(&found)?.to_string()
            } else if is_readable(&connection, next - now)? {
                match event(&connection)? {
                    // The monitor was killed: what it can't tell any more is told for it.
                    None => {
                        has_ended = true;
                        let exit = found.now(&store).ok().and_then(|now| now.exit);
                        let exit = exit.unwrap_or_else(Exit::with_its_monitor);
                        monitor::ended(&found.id, &exit).to_string()
                    }
                    Some(text) if text == protocol::good("") => continue,
                    Some(text) => {
                        has_ended = text.contains(r#""status":"stopped""#);
                        text
                    }
                }
            } else {
                continue;
            };
            if std::io::stdout()
                .write_all(format!("{line}\n").as_bytes())
                .is_err()
            {
                // Nobody reads it any more.
                return Ok(0);
            }
        }
        Ok(0)
    }
}

fn is_readable(connection: &OwnedFd, time: Duration) -> Result<bool, Error> {
    descriptor::is_readable(connection, time)
        .map_err(|error| Error::system("wait for events", &error))
}

/// The next message of the monitor; `None`: it is gone.
fn event(connection: &OwnedFd) -> Result<Option<String>, Error> {
    let mut buffer = [0; 1024];
    let (length, _) = socket::receive(connection, &mut buffer)
        .map_err(|error| Error::system("hear of events", &error))?;
    let text = buffer.get(..length).unwrap_or_default();
    Ok((length > 0).then(|| String::from_utf8_lossy(text).into_owned()))
}

fn statistics(found: &Found) -> Result<Value, Error> {
    let numbers = ps::numbers(found)?;
    let processes: Vec<Process> = numbers.into_iter().filter_map(Process::read).collect();
    let nanoseconds = |time: fn(&Process) -> Duration| {
        let whole: Duration = processes.iter().map(time).sum();
        u64::try_from(whole.as_nanos()).unwrap_or(u64::MAX)
    };
    let user = nanoseconds(|process| process.user_time);
    let kernel = nanoseconds(|process| process.system_time);
    let memory: u64 = processes.iter().map(|process| process.memory).sum();
    Ok(json!({
        "type": "stats",
        "id": found.id,
        "data": {
            "cpu": { "usage": { "total": user.saturating_add(kernel), "kernel": kernel, "user": user } },
            "memory": { "usage": { "usage": memory } },
            "pids": { "current": processes.len() },
        },
    }))
}
