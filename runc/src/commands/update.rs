//! `runc update`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::state;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  What other runtimes take for limits is refused here, whatever it asks for:
      runc update --memory 64m web

EXIT STATUS
  1: always, as nothing is limited.";

/// The options are those of other runtimes, so that it is said which of them can't be had.
#[derive(Args)]
pub struct Arguments {
    /// Limits in a file
    #[arg(short, long, value_name = "FILE")]
    resources: Option<String>,

    #[arg(long, value_name = "SIZE", hide = true)]
    memory: Option<String>,

    #[arg(long, value_name = "SIZE", hide = true)]
    memory_reservation: Option<String>,

    #[arg(long, value_name = "SIZE", hide = true)]
    memory_swap: Option<String>,

    #[arg(long, value_name = "MICROSECONDS", hide = true)]
    cpu_period: Option<String>,

    #[arg(long, value_name = "MICROSECONDS", hide = true)]
    cpu_quota: Option<String>,

    #[arg(long, value_name = "WEIGHT", hide = true)]
    cpu_share: Option<String>,

    #[arg(long, value_name = "LIST", hide = true)]
    cpuset_cpus: Option<String>,

    #[arg(long, value_name = "LIST", hide = true)]
    cpuset_mems: Option<String>,

    #[arg(long, value_name = "N", hide = true)]
    pids_limit: Option<String>,

    #[arg(long, value_name = "WEIGHT", hide = true)]
    blkio_weight: Option<String>,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Arguments {
    fn first_limit(&self) -> Option<&'static str> {
        let limits = [
            ("--resources", &self.resources),
            ("--memory", &self.memory),
            ("--memory-reservation", &self.memory_reservation),
            ("--memory-swap", &self.memory_swap),
            ("--cpu-period", &self.cpu_period),
            ("--cpu-quota", &self.cpu_quota),
            ("--cpu-share", &self.cpu_share),
            ("--cpuset-cpus", &self.cpuset_cpus),
            ("--cpuset-mems", &self.cpuset_mems),
            ("--pids-limit", &self.pids_limit),
            ("--blkio-weight", &self.blkio_weight),
        ];
        limits
            .into_iter()
            .find(|(_, value)| value.is_some())
            .map(|(name, _)| name)
    }
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let store = state::Store::new(global.root());
        state::find(&store, &self.id)?;
        let asked = self.first_limit().unwrap_or("changing limits");
        Err(Error::new(format!(
            "{asked} is not supported: this kernel doesn't limit the resources of containers"
        )))
    }
}
