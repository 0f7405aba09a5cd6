//! `runc completion`

use crate::cli::{self, Global, Verb};
use crate::error::Error;
use crate::log::Log;
use clap::{Args, ValueEnum};
use clap_complete::{Shell, generate};

pub const EXAMPLES: &str = "\
EXAMPLES
  Let bash complete runc's commands and options from now on:
      . <(runc completion bash)
  Let fish do so for good:
      runc completion fish > ~/.config/fish/completions/runc.fish";

/// The shells that there is a script for.
#[derive(Clone, Copy, ValueEnum)]
enum Name {
    Bash,
    Fish,
    Zsh,
}

#[derive(Args)]
pub struct Arguments {
    /// Shell to print a script for
    #[arg(value_name = "SHELL", value_enum)]
    shell: Name,
}

impl Verb for Arguments {
    fn carry_out(&self, _global: &Global, _log: &Log) -> Result<u8, Error> {
        let shell = match self.shell {
            Name::Bash => Shell::Bash,
            Name::Fish => Shell::Fish,
            Name::Zsh => Shell::Zsh,
        };
        let mut script = Vec::new();
        generate(shell, &mut cli::command(), "runc", &mut script);
        print!("{}", String::from_utf8_lossy(&script));
        Ok(0)
    }
}
