//! `runc delete`

use crate::cli::{Global, Verb};
use crate::config;
use crate::error::Error;
use crate::log::Log;
use crate::monitor;
use crate::protocol::Request;
use crate::state::{CONFIGURATION, Found, Status, Store};
use crate::{client, state};
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Remove a container that has ended, or whose program was never started:
      runc delete web
  Remove it whatever it does:
      runc delete --force web
  Remove all that have ended:
      runc list -q | xargs -n 1 runc delete

EXIT STATUS
  0: there is no such container any more. 1: it is still there, or there was none (without --force).";

#[derive(Args)]
pub struct Arguments {
    /// Kill the container first; one that does not exist is no error
    #[arg(short, long)]
    force: bool,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, log: &Log) -> Result<u8, Error> {
        let store = Store::new(global.root());
        config::check_id(&self.id)?;
        match self.delete(&store, log) {
            Err(error) if self.force => match store.find(&self.id)? {
                // There was none, or somebody else was faster.
                None => Ok(0),
                Some(found) if client::wake(&found)? => self.delete(&store, log).map(|()| 0),
                Some(_) => Err(error),
            },
            result => result.map(|()| 0),
        }
    }
}

impl Arguments {
    fn delete(&self, store: &Store, log: &Log) -> Result<(), Error> {
        let found = state::find(store, &self.id)?;
        match found.now_made(store)?.status {
            Status::Stopped => {}
            Status::Created => end(&found)?,
            _ if self.force => end(&found)?,
            status => {
                return Err(Error::new(format!(
                    "cannot delete container {} that is not stopped: {}",
                    self.id,
                    status.name()
                )));
            }
        }
        remove(store, &found, log)
    }
}

/// Ends a container and waits for its end. A monitor that is gone has ended it already.
fn end(found: &Found) -> Result<(), Error> {
    client::ask(found, Request::End).map(drop)
}

/// Runs what was to be run after the container's end, and removes its folder.
fn remove(store: &Store, found: &Found, log: &Log) -> Result<(), Error> {
    found.take_over(store)?;
    if let (Some(record), Some(exit)) = (found.record()?, found.exit()?) {
        let text = found.folder.read(CONFIGURATION);
        let text = text.map_err(|error| Error::system(CONFIGURATION, &error))?;
        if let Some(text) = text {
            let file = store.path(&found.id).join(CONFIGURATION);
            match config::parse(record.form, &file, record.bundle.clone(), text, &[]) {
                Ok(loaded) => {
                    let hooks = &loaded.container.hooks.poststop;
                    monitor::run_after_end(hooks, &record, exit, log);
                }
                Err(error) => log.warning(&format!("the poststop hooks are lost: {error}")),
            }
        }
    }
    store.remove(found)
}
