//! `runc features`

use crate::cli::{Global, Verb};
use crate::config;
use crate::error::Error;
use crate::log::Log;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Print what of a config.json has an effect, as the runtime specification's features.md lays down:
      runc features";

#[derive(Args)]
pub struct Arguments {}

impl Verb for Arguments {
    fn carry_out(&self, _global: &Global, _log: &Log) -> Result<u8, Error> {
        println!("{:#}", config::features());
        Ok(0)
    }
}
