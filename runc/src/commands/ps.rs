//! `runc ps`

use super::list::Form;
use crate::cli::{Global, Verb};
use crate::client;
use crate::error::Error;
use crate::log::Log;
use crate::processes::{Process, Selection};
use crate::protocol::Request;
use crate::state::{self, Found};
use clap::{Args, ValueEnum};

pub const EXAMPLES: &str = "\
EXAMPLES
  List the processes of the container web, by the numbers that the host knows them by:
      runc ps web
  List what they use, or columns of your choice:
      runc ps web aux
      runc ps web -o pid,stat,etime,rss,args
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

    /// Columns of the table, as options of ps(1) name them [default: -ef]
    #[arg(
        value_name = "PS-OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    options: Vec<String>,
}

/// The numbers of a container's processes; of one that has stopped there are none.
pub fn numbers(found: &Found) -> Result<Vec<u32>, Error> {
    let Some(reply) = client::ask(found, Request::Processes)? else {
        return Ok(Vec::new());
    };
    let words = reply.text.split_whitespace();
    Ok(words.filter_map(|word| word.parse().ok()).collect())
}

impl Arguments {
    /// The form, which may follow the id as well, and what is left for ps.
    fn form(&self) -> (Form, &[String]) {
        let (value, rest) = match self.options.as_slice() {
            [name, value, rest @ ..] if name == "-f" || name == "--format" => {
                (value.as_str(), rest)
            }
            [both, rest @ ..] => (both.strip_prefix("--format=").unwrap_or_default(), rest),
            [] => return (self.format, &[]),
        };
        match Form::from_str(value, false) {
            Ok(form) => (form, rest),
            Err(_) => (self.format, &self.options),
        }
    }
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let (form, options) = self.form();
        let selection = Selection::parse(options)?;
        let store = state::Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        found.now_made(&store)?;
        let numbers = numbers(&found)?;
        if form == Form::Json {
            println!("{}", serde_json::json!(numbers));
            return Ok(0);
        }
        // One that has ended meanwhile is none of them any more.
        let processes: Vec<Process> = numbers.into_iter().filter_map(Process::read).collect();
        print!("{}", selection.table(&processes));
        Ok(0)
    }
}
