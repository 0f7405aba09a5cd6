//! `runc list`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::state::Store;
use crate::{text, time};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::time::SystemTime;

pub const EXAMPLES: &str = "\
EXAMPLES
  List all containers:
      runc list
  List their names alone, or everything about them for another program:
      runc list -q
      runc list -f json";

/// The form of a list.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Table,
    Json,
}

#[derive(Args)]
pub struct Arguments {
    /// List names only
    #[arg(short, long)]
    quiet: bool,

    /// Form of the list
    #[arg(short, long, value_name = "FORM", value_enum, default_value = "table")]
    format: Form,
}

impl Verb for Arguments {
    fn carry_out(&self, global: &Global, log: &Log) -> Result<u8, Error> {
        let store = Store::new(global.root());
        let ids = match store.ids()? {
            Some(ids) => ids,
            None if global.names_root() => {
                let root = store.root().display();
                return Err(Error::new(format!(
                    "the state directory {root} does not exist"
                )));
            }
            None => Vec::new(),
        };
        let mut states = Vec::new();
        for id in &ids {
            match state_of(&store, id) {
                Ok(Some(state)) => states.push(state),
                // It was removed meanwhile, or never was one.
                Ok(None) => {}
                Err(error) => log.warning(&format!("{id}: {error}")),
            }
        }
        if self.quiet {
            for state in &states {
                println!("{}", word(state, "id"));
            }
        } else if self.format == Form::Json {
            println!("{}", Value::Array(states));
        } else {
            print!("{}", table(&states));
        }
        Ok(0)
    }
}

fn state_of(store: &Store, id: &str) -> Result<Option<Value>, Error> {
    let Some(found) = store.find(id)? else {
        return Ok(None);
    };
    match found.state(store) {
        Ok(state) => Ok(Some(state)),
        Err(error) if store.find(id)?.is_some() => Err(error),
        Err(_) => Ok(None),
    }
}

fn word(state: &Value, name: &str) -> String {
    match &state[name] {
        Value::String(text) => text::shown(text),
        Value::Null => String::new(),
        value => value.to_string(),
    }
}

fn table(states: &[Value]) -> String {
    let header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for state in states {
        let created = time::from_text(&word(state, "created"));
        let age = created.and_then(|time| SystemTime::now().duration_since(time).ok());
        rows.push(vec![
            word(state, "id"),
            word(state, "pid"),
            word(state, "status"),
            word(state, "bundle"),
            age.map_or(String::new(), text::age),
            word(state, "owner"),
        ]);
    }
    text::table(&rows)
}
