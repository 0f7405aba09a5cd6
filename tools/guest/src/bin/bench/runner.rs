//! Running rows, each in a process of its own: one that fails or hangs leaves the others alone.
use crate::rows::{ALL, Row};
use gantry_abi::user::signal::{self, SignalSet};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, setpgid, waitpid};
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;

/// How long a row may take, in nanoseconds.
const LIMIT: u64 = 300_000_000_000;
const CHILD: SignalSet = SignalSet::EMPTY.with(Signal::CHILD.as_raw());

/// Runs the rows of these names, or all.
pub fn run(names: &[String]) -> ExitCode {
    if let Some(unknown) = names
        .iter()
        .find(|name| ALL.iter().all(|row| row.name != **name))
    {
        eprintln!("bench: there is no row {unknown}; --list names them");
        return ExitCode::FAILURE;
    }
    let prepared =
        fs::create_dir_all(crate::files::FOLDER).and_then(|()| Ok(signal::block(CHILD)?));
    let old_mask = match prepared {
        Ok(mask) => mask,
        Err(error) => {
            eprintln!("bench: cannot prepare {}: {error}", crate::files::FOLDER);
            return ExitCode::FAILURE;
        }
    };
    for row in ALL
        .iter()
        .filter(|row| names.is_empty() || names.iter().any(|name| name == row.name))
    {
        if let Err(reason) = run_apart(row, old_mask) {
            println!("row {} missing {reason}", row.name);
        }
    }
    // What is left there is in memory and goes with the machine.
    let _ = fs::remove_dir_all(crate::files::FOLDER);
    ExitCode::SUCCESS
}

/// Runs a row in a process group of its own, which prints the figure.
fn run_apart(row: &Row, mask: SignalSet) -> Result<(), String> {
    let child = gantry_abi::user::fork(|| {
        let outcome = prepare_child(mask).and_then(|()| (row.measure)());
        let line = match outcome {
            Ok(figure) => format!("row {} {figure:.1}\n", row.name),
            Err(error) => format!("row {} missing {error}\n", row.name),
        };
        i32::from(
            io::stdout()
                .write_all(line.as_bytes())
                .and_then(|()| io::stdout().flush())
                .is_err(),
        )
    });
    let child = child.map_err(|error| format!("fork: {error}"))?;
    let Some(child) = Pid::from_raw(child) else {
        return Err("fork gave no process".to_string());
    };
    let outcome = wait(child);
    // Peers that a failed row left behind; usually there are none.
    let _ = kill_process_group(child, Signal::KILL);
    outcome
}

fn prepare_child(mask: SignalSet) -> io::Result<()> {
    setpgid(None, None)?;
    signal::set_mask(mask)?;
    Ok(())
}

fn wait(child: Pid) -> Result<(), String> {
    loop {
        let ended =
            waitpid(Some(child), WaitOptions::NOHANG).map_err(|error| format!("wait: {error}"))?;
        if let Some((_, status)) = ended {
            return match status.terminating_signal() {
                Some(signal) => Err(format!("killed by signal {signal}")),
                None => Ok(()),
            };
        }
        match signal::wait(CHILD, Some(LIMIT)) {
            Ok(Some(_)) => {}
            Ok(None) => {
                let _ = kill_process_group(child, Signal::KILL);
                let _ = waitpid(Some(child), WaitOptions::empty());
                return Err("hangs".to_string());
            }
            Err(error) => return Err(format!("sigtimedwait: {error:?}")),
        }
    }
}
