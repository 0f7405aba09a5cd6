//! `runc ps`

use super::list::Form;
use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::processes::Process;
use crate::protocol::Request;
use crate::state::Found;
use crate::{client, state, text};
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  List the processes of the container web, by the numbers that the host knows them by:
      runc ps web
  List the numbers alone, as JSON:
      runc ps -f json web";

#[derive(Args)]
pub struct Arguments {
    /// Form of the list
    #[arg(short, long, value_name = "FORM", value_enum, default_value = "table")]
    format: Form,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

/// The numbers of a container's processes; of one that has stopped there are none.
pub fn numbers(found: &Found) -> Result<Vec<u32>, Error> {
    let Some(reply) = client::ask(found, Request::Processes)? else {
        return Ok(Vec::new());
    };
    let words = reply.text.split_whitespace();
    Ok(words.filter_map(|word| word.parse().ok()).collect())
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let store = state::Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        found.now_made(&store)?;
        let numbers = numbers(&found)?;
        if self.format == Form::Json {
            println!("{}", serde_json::json!(numbers));
            return Ok(0);
        }
        let header = ["UID", "PID", "PPID", "STAT", "TIME", "COMMAND"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        // One that has ended meanwhile is none of them any more.
        for process in numbers.into_iter().filter_map(Process::read) {
            let time = (process.user_time + process.system_time).as_secs();
            rows.push(vec![
                process.user.to_string(),
                process.number.to_string(),
                process.parent.to_string(),
                process.state.to_string(),
                format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60),
                text::shown(&process.command),
            ]);
        }
        print!("{}", text::table(&rows));
        Ok(0)
    }
}
