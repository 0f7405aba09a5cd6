//! What runc gives to start from, and that it runs.

use crate::Result;
use crate::place::{Place, expect, outcome};
use crate::runtime;
use crate::test::{Kind, Test, note};
use std::fs;
use std::process::Command;

pub const TESTS: &[Test] = &[
    Test::common(
        "spec_writes_a_bundle",
        spec_writes_a_bundle,
        "bats spec: generation correctness",
    ),
    Test::own(
        "an_example_layout_runs",
        example_layout_runs,
        "layout files",
    ),
    Test::own(
        "info_counts_contexts",
        info_counts_contexts,
        "others have no contexts (youki info)",
    ),
    Test::common("the_version_is_told", version, "bats version"),
    Test::common(
        "features_are_told",
        features,
        "bats features; contest: features",
    )
    .because("crun has had it since 1.10."),
    Test::common(
        "global_options_of_others_are_taken",
        global_options,
        "bats root, debug; how containerd and podman call a runtime",
    ),
    Test::own(
        "completions_name_the_commands",
        completions,
        "others come with files for that (youki completion)",
    ),
];

fn runc(words: &[&str]) -> Command {
    let mut command = runtime::command();
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
    let script = "id -u; echo $$; pwd; touch /x 2> /dev/null || echo read-only; ls /proc/sys > /dev/null && ls /dev";
    let file = place.path().join("config.json");
    let text = fs::read_to_string(&file)?
        .replace(r#""terminal": true"#, r#""terminal": false"#)
        .replace(r#""/bin/sh""#, r#""sh""#)
        .replacen(r#""sh""#, &format!(r#""sh", "-c", "{script}""#), 1);
    fs::write(&file, text)?;
    let said = outcome(&mut runc(&["run", "--bundle", &bundle, "test"]))?;
    let is_it = said.output.starts_with("0\n1\n/\nread-only\n");
    if said.status != Some(0) || !is_it || !said.errors.is_empty() {
        note(Kind::Effect, format!("run: {said:?}"));
    }
    fs::write(&file, "mine")?;
    let said = outcome(&mut runc(&["spec", "--bundle", &bundle]))?;
    said.expect_error("spec", 1, "exist");
    if fs::read(&file)? != b"mine" {
        note(Kind::Effect, "config.json was overwritten");
    }
    Ok(())
}

/// Lines as `runc version 1` and `spec: 1.3.0`.
fn version() -> Result<()> {
    for option in ["--version", "-v"] {
        let said = outcome(&mut runc(&[option]))?;
        let first = said.output.lines().next().unwrap_or_default();
        let is_told = first.contains("runc version ") || first.contains("crun version ");
        if said.status != Some(0) || !is_told || !said.output.contains("spec: 1.") {
            note(Kind::Effect, format!("{option}: {said:?}"));
        }
    }
    Ok(())
}

/// The members that features.md of the runtime specification demands, and the usual ones.
fn features() -> Result<()> {
    let said = outcome(&mut runc(&["features"]))?;
    if said.status != Some(0) {
        return Err(format!("{said:?}").into());
    }
    for text in [
        r#""ociVersionMin": "1."#,
        r#""ociVersionMax": "1."#,
        r#""hooks": ["#,
        r#""createContainer""#,
        r#""mountOptions": ["#,
        r#""rbind""#,
        r#""namespaces": ["#,
        r#""pid""#,
        r#""capabilities": ["#,
        r#""CAP_KILL""#,
    ] {
        if !said.output.contains(text) {
            note(Kind::Effect, format!("features: has no {text}"));
        }
    }
    Ok(())
}

/// What has no meaning here is accepted, so that those who always give it can call this runtime.
fn global_options() -> Result<()> {
    let place = Place::new("global")?;
    let state = place.path().join("state");
    fs::create_dir(&state)?;
    let root = state.display().to_string();
    for options in [
        ["--debug"].as_slice(),
        &["--systemd-cgroup"],
        &["--rootless", "false"],
        &["--log-format", "json"],
    ] {
        let mut list = runc(options);
        list.args(["--root", &root, "list", "-q"]);
        let said = outcome(&mut list)?;
        if said.status != Some(0) || !said.output.is_empty() {
            note(Kind::Effect, format!("{}: {said:?}", options.join(" ")));
        }
    }
    Ok(())
}

fn completions() -> Result<()> {
    for shell in ["bash", "zsh", "fish"] {
        let said = outcome(&mut runc(&["completion", shell]))?;
        if said.status != Some(0)
            || !["create", "exec"]
                .iter()
                .all(|verb| said.output.contains(verb))
        {
            return Err(format!("{shell}: {said:?}").into());
        }
    }
    Ok(())
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
