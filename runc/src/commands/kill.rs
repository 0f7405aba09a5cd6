//! `runc kill`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::protocol::Request;
use crate::system::process;
use crate::{client, state};
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Ask the container's first process to end:
      runc kill web
  End it at once:
      runc kill web KILL
  Send a signal to all its processes:
      runc kill --all web SIGUSR1

EXIT STATUS
  0: the signal was sent. 1: it was not, also because the container doesn't run (without --all).";

#[derive(Args)]
pub struct Arguments {
    /// Send the signal to all processes of the container; one that has stopped is no error
    #[arg(short, long)]
    all: bool,

    /// The signal, by name or number
    #[arg(
        short,
        long = "signal",
        value_name = "SIGNAL",
        conflicts_with = "signal"
    )]
    signal_option: Option<String>,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,

    /// The signal, by name or number [default: TERM]
    #[arg(value_name = "SIGNAL")]
    signal: Option<String>,
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let text = self.signal.as_ref().or(self.signal_option.as_ref());
        let text = text.map_or("TERM", String::as_str);
        let signal = process::signal_number(text)
            .ok_or_else(|| Error::new(format!("unknown signal {}", crate::text::quoted(text))))?;
        let store = state::Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        found.now_made(&store)?;
        let request = Request::Kill {
            signal,
            all: self.all,
        };
        match client::ask(&found, request) {
            Ok(Some(_)) => Ok(0),
            Ok(None) if self.all => Ok(0),
            Ok(None) => Err(Error::new("container not running")),
            Err(error) => Err(error),
        }
    }
}
