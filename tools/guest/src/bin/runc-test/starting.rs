//! What runc gives to start from, and that it runs.

use crate::place::{Place, expect, outcome};
use crate::{Result, Test};
use std::fs;
use std::process::Command;

pub const TESTS: &[(&str, Test)] = &[
    ("spec_writes_a_bundle", spec_writes_a_bundle),
    ("an_example_layout_runs", example_layout_runs),
    ("info_counts_contexts", info_counts_contexts),
];

fn runc(words: &[&str]) -> Command {
    let mut command = Command::new("/bin/runc");
    command.args(words);
    command
}

/// `runc spec` writes a bundle that can be run, and overwrites none.
fn spec_writes_a_bundle() -> Result<()> {
    let place = Place::new("spec")?;
    let root = place.make_root()?;
    fs::rename(root, place.path().join("rootfs"))?;
    let bundle = place.path().display().to_string();
    expect(&mut runc(&["spec", "--bundle", &bundle]), 0, "")?;
    let script = "id -u; hostname; echo $$; pwd; touch /x 2> /dev/null || echo read-only; ls /proc/sys > /dev/null && ls /dev";
    let mut run = runc(&["run", "--bundle", &bundle, "test", "sh", "-c", script]);
    let said = outcome(&mut run)?;
    let start = "0\nrunc\n1\n/\nread-only\n";
    if said.status != Some(0) || !said.output.starts_with(start) || !said.errors.is_empty() {
        return Err(format!("{said:?}").into());
    }
    let file = place.path().join("config.json");
    fs::write(&file, "mine")?;
    let said = outcome(&mut runc(&["spec", "--bundle", &bundle]))?;
    let errors = format!("runc: spec: {}: file exists\n", file.display());
    if said.status == Some(1) && said.errors == errors && fs::read(&file)? == b"mine" {
        Ok(())
    } else {
        Err(format!("{said:?}").into())
    }
}

/// The example of a layout file is one.
fn example_layout_runs() -> Result<()> {
    let place = Place::new("example")?;
    let layout = outcome(&mut runc(&["spec", "--layout"]))?;
    let file = place.path().join("layout.json");
    fs::write(&file, layout.output)?;
    let file = file.display().to_string();
    let expected = "bin\ndev\nproc\ntmp\n";
    expect(
        &mut runc(&["run", "-f", &file, "test", "ls", "/"]),
        0,
        expected,
    )
}

/// `runc info` counts what there is.
fn info_counts_contexts() -> Result<()> {
    let said = outcome(&mut runc(&["info"]))?;
    for line in [
        "kernel      Linux 6.1.0-gantry aarch64",
        "hostname    gantry",
        "contexts    0 process lists, 0 VFS roots, 0 hostnames",
    ] {
        if !said.output.lines().any(|found| found == line) {
            return Err(format!("nothing says \"{line}\": {said:?}").into());
        }
    }
    Ok(())
}
