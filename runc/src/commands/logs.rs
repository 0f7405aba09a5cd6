//! `runc logs`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::logs::{Selection, show};
use crate::{state, text, time};
use clap::Args;
use std::time::SystemTime;

pub const EXAMPLES: &str = "\
EXAMPLES
  Print what the container web has written, and go on until it has ended:
      runc logs -f web
  Print the last ten lines, with their times:
      runc logs --tail 10 --timestamps web
  Print what it wrote in the last five minutes:
      runc logs --since 5m web";

#[derive(Args)]
pub struct Arguments {
    /// Go on until the container has ended
    #[arg(short, long)]
    follow: bool,

    /// Only so many lines from the end
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<usize>,

    /// Only lines from then on: a time, as 2026-01-31T12:00:00Z, or how long ago, as 10m
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<String>,

    /// Only lines before then
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    until: Option<String>,

    /// Print the time of each line
    #[arg(short, long)]
    timestamps: bool,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

/// A time in the log's own form, so that both can be compared.
fn parse_time(text: &str) -> Result<String, String> {
    let time = match time::from_text(text) {
        Some(time) => Some(time),
        None => SystemTime::now().checked_sub(text::parse_duration(text)?),
    };
    time.map(time::in_text)
        .ok_or_else(|| "that is too long ago".to_owned())
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let store = state::Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        found.now_made(&store)?;
        if found.record()?.is_none_or(|record| record.log.is_none()) {
            return Err(Error::new(
                "its output isn't kept: it went where that of runc went (see --output)",
            ));
        }
        let selection = Selection {
            since: self.since.clone(),
            until: self.until.clone(),
            tail: self.tail,
            times: self.timestamps,
        };
        show(&found, &selection, self.follow)?;
        Ok(0)
    }
}
