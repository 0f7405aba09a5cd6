//! `runc events`

use super::ps;
use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::processes::Process;
use crate::state::{self, Found, Status, Store};
use crate::text;
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;

pub const EXAMPLES: &str = "\
EXAMPLES
  Print what the container web uses, a line of JSON every five seconds, until it has ended:
      runc events web
  Print it once:
      runc events --stats web

The figures are sums over the processes that there are at the moment.";

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
        loop {
            let line = format!("{}\n", statistics(&found)?);
            if std::io::stdout().write_all(line.as_bytes()).is_err() {
                // Nobody reads it any more.
                return Ok(0);
            }
            if found.wait_for(&store, self.interval)? {
                return Ok(0);
            }
        }
    }
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
