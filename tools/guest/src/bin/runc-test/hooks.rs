//! Hooks: programs of the caller at points of a container's life.

use crate::Result;
use crate::manager::{IDLE, Manager};
use crate::place::Bundle;
use crate::runtime;
use crate::test::{Kind, Test, note};
use std::fs;
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    Test::common(
        "hooks_run_in_their_order",
        order,
        "runtime-tools: hooks; contest: hooks, create_runtime; bats hooks",
    )
    .because(
        "poststart hooks run after the program has been started: crun runs them before startContainer hooks, this runc with \
         create.",
    ),
    Test::common("hooks_read_the_state", state, "runtime-tools: hooks_stdin")
    .because("crun says created, or starting, where the specification says creating and created. Hooks in the container are told its number of the process, or 0; here it is the host's."),
    Test::common(
        "a_failed_early_hook_leaves_nothing",
        early_failure,
        "runtime-tools, contest: prestart_fail; bats hooks: fail",
    ),
    Test::common(
        "a_failed_start_hook_stops_the_container",
        start_failure,
        "bats hooks: fail",
    )
    .because("Elsewhere the container's process runs these hooks after start has returned."),
    Test::common(
        "a_failed_poststart_hook_stops_the_container",
        poststart_failure,
        "runtime-tools, contest: poststart_fail",
    )
    .because("A rule of specification 1.3. These versions ignore the failure, or run the hook with create."),
    Test::common(
        "a_failed_poststop_hook_is_warned_of",
        poststop_failure,
        "runtime-tools, contest: poststop_fail",
    ),
    Test::common("a_late_hook_is_killed", late, "specification: timeout"),
    Test::common("a_hook_can_ask_for_the_state", asks, "runtime-tools: hooks")
    .because("Both write down a container's state when create is done."),
    Test::common(
        "a_hook_without_an_environment_has_the_runtimes",
        environment,
        "contest: start_container_hook_env_inherit; youki#3380",
    ),
    Test::own(
        "hooks_inside_reach_nothing_outside",
        isolated,
        "elsewhere they are in the container's process list, as it is made before its program",
    ),
    Test::own(
        "a_hook_inside_inherits_the_environment",
        inherits,
        "elsewhere it has the runtime's (contest: start_container_hook_env_inherit)",
    ),
];

/// A hook that runs a script with the shell of where it runs.
fn hook(script: &str) -> String {
    let script = script.replace('\\', r"\\").replace('"', r#"\""#);
    format!(r#"{{ "path": "/bin/sh", "args": ["sh", "-c", "{script}"], "env": ["PATH=/bin"] }}"#)
}

fn with_hooks(name: &str, script: &str, hooks: &[(&str, String)]) -> Result<Manager> {
    let runc = Manager::new(name)?;
    let lists: Vec<String> = hooks
        .iter()
        .map(|(point, hook)| format!("\"{point}\": [{hook}]"))
        .collect();
    let others = format!(", \"hooks\": {{ {} }}", lists.join(", "));
    let bundle = Bundle {
        others: &others,
        ..Bundle::default()
    };
    runc.place().write_bundle(script, &bundle)?;
    Ok(runc)
}

fn order() -> Result<()> {
    let root = "/tmp/runc-test-hooks/root";
    let outside = &format!("{root}/trace");
    let hooks = [
        ("prestart", hook(&format!("echo prestart >> {outside}"))),
        (
            "createRuntime",
            [1, 2]
                .map(|number| hook(&format!("echo createRuntime {number} >> {outside}")))
                .join(", "),
        ),
        (
            "createContainer",
            // It sees the container's mounts, where those will be the root.
            hook(&format!(
                "[ -e {root}/proc/version ] && echo createContainer >> {outside}"
            )),
        ),
        ("startContainer", hook("echo startContainer >> /trace")),
        ("poststart", hook(&format!("echo poststart >> {outside}"))),
        ("poststop", hook(&format!("echo poststop >> {outside}"))),
    ];
    let script = "while ! grep -q poststart /trace; do sleep 0.01; done; echo program >> /trace";
    let runc = with_hooks("hooks", script, &hooks)?;
    let trace = || fs::read_to_string(outside);
    let created = "prestart\ncreateRuntime 1\ncreateRuntime 2\ncreateContainer\n";
    let started = format!("{created}startContainer\npoststart\nprogram\n");
    runc.does(&["create", "a"])?;
    if trace()? != created {
        return Err(trace()?.into());
    }
    runc.does(&["start", "a"])?;
    runc.becomes("a", "stopped")?;
    if trace()? != started {
        return Err(trace()?.into());
    }
    runc.does(&["delete", "a"])?;
    if trace()? != format!("{started}poststop\n") {
        return Err(trace()?.into());
    }
    fs::remove_file(outside)?;
    runc.expect(&["run", "a"], 0, "")?;
    if trace()? != format!("{started}poststop\n") {
        return Err(trace()?.into());
    }
    Ok(())
}

fn state() -> Result<()> {
    let points = [
        "prestart",
        "createRuntime",
        "createContainer",
        "startContainer",
        "poststart",
        "poststop",
    ];
    let hooks = points.map(|point| {
        let path = match point {
            "startContainer" => String::new(),
            _ => "/tmp/runc-test-hooks-state/root".to_owned(),
        };
        (point, hook(&format!("cat > {path}/{point}")))
    });
    let runc = with_hooks("hooks-state", IDLE, &hooks)?;
    runc.does(&["create", "a"])?;
    let number = runc.state("a", "pid")?;
    runc.does(&["start", "a"])?;
    runc.does(&["delete", "-f", "a"])?;
    for (point, status, number) in [
        ("prestart", "creating", number.as_str()),
        ("createRuntime", "creating", &number),
        ("createContainer", "creating", &number),
        ("startContainer", "created", &number),
        ("poststart", "running", &number),
        ("poststop", "stopped", "0"),
    ] {
        let state = fs::read_to_string(runc.path(&format!("root/{point}")))
            .map_err(|error| format!("{point}: {error}"))?
            .replace([' ', '\n'], "");
        let says = |text: String| state.contains(&text);
        if !says(format!("\"status\":\"{status}\""))
            || !says(format!("\"pid\":{number},"))
            || !says("\"id\":\"a\"".to_owned())
        {
            note(Kind::Effect, format!("{point}: {state}"));
        }
    }
    Ok(())
}

fn early_failure() -> Result<()> {
    for point in ["prestart", "createRuntime", "createContainer"] {
        let hooks = [(point, format!("{}, {}", hook("true"), hook("exit 3")))];
        let runc = with_hooks("hooks-early", IDLE, &hooks)?;
        let message = format!("error running {point} hook #1: exit status 3");
        runc.fails(&["create", "a"], 1, &message)?;
        runc.fails(&["run", "a"], 125, &message)?;
        runc.expect(&["list", "-q"], 0, "")?;
    }
    Ok(())
}

fn start_failure() -> Result<()> {
    let hooks = [("startContainer", hook("exit 3"))];
    let runc = with_hooks("hooks-start", IDLE, &hooks)?;
    runc.does(&["create", "a"])?;
    runc.fails(
        &["start", "a"],
        1,
        "error running startContainer hook #0: exit status 3",
    )?;
    runc.becomes("a", "stopped")
}

fn poststart_failure() -> Result<()> {
    let runc = with_hooks("hooks-poststart", IDLE, &[("poststart", hook("exit 3"))])?;
    let message = "error running poststart hook #0: exit status 3";
    runc.does(&["create", "a"])?;
    runc.fails(&["start", "a"], 1, message)?;
    runc.becomes("a", "stopped")?;
    runc.fails(&["run", "-d", "b"], 125, message)?;
    runc.expect(&["list", "-q"], 0, "a\n")
}

fn poststop_failure() -> Result<()> {
    let runc = with_hooks("hooks-poststop", "true", &[("poststop", hook("exit 3"))])?;
    let message = "warning: error running poststop hook #0: exit status 3";
    runc.fails(&["run", "a"], 0, message)?;
    runc.does(&["create", "a"])?;
    runc.fails(&["delete", "-f", "a"], 0, message)?;
    runc.expect(&["list", "-q"], 0, "")
}

fn late() -> Result<()> {
    let hook = r#"{ "path": "/bin/sleep", "args": ["sleep", "1000"], "timeout": 1 }"#;
    let runc = with_hooks("hooks-late", IDLE, &[("createRuntime", hook.to_owned())])?;
    let start = Instant::now();
    runc.fails(
        &["create", "a"],
        1,
        "error running createRuntime hook #0: not done in 1 s",
    )?;
    if start.elapsed() < Duration::from_secs(1) {
        return Err("it was killed too early".into());
    }
    Ok(())
}

fn environment() -> Result<()> {
    let file = "/tmp/runc-test-hooks-environment/said";
    let hook = format!(r#"{{ "path": "/bin/sh", "args": ["sh", "-c", "echo $MARK > {file}"] }}"#);
    let runc = with_hooks("hooks-environment", IDLE, &[("createRuntime", hook)])?;
    let outcome = runc.finish(runc.command(&["create", "a"]).env("MARK", "callers"))?;
    outcome.expect("create a", 0, "");
    let said = fs::read_to_string(file)?;
    if said != "callers\n" {
        note(Kind::Effect, format!("the hook sees {said:?}"));
    }
    Ok(())
}

fn asks() -> Result<()> {
    let root = "/tmp/runc-test-hooks-asks";
    let runtime = runtime::words().join(" ");
    let script = format!("{runtime} --root {root}/state state a > {root}/said");
    let runc = with_hooks("hooks-asks", IDLE, &[("createRuntime", hook(&script))])?;
    runc.does(&["create", "a"])?;
    let said = fs::read_to_string(format!("{root}/said"))?;
    if !said.contains("\"status\": \"creating\"") {
        note(Kind::Effect, said);
    }
    Ok(())
}

/// A hook with the container's mounts is alone in a process list; one that is found in the container is who the program
/// is, and jailed as that is.
fn isolated() -> Result<()> {
    let runc = Manager::new("hooks-isolated")?;
    let shared = runc.path("shared");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    let look = "echo $$ $(id -u); ls -d /proc/[0-9]*; kill -9 -1";
    let outside = hook(&format!(
        "{{ {look}; echo alone; }} > {shared}/outside 2> {shared}/words"
    ));
    let inside = hook(&format!(
        "{{ {look}; umount /proc; [ -e /proc/1 ] && echo alone; }} > /tmp/inside 2> /tmp/errors"
    ));
    let bundle = Bundle {
        process: r#""/", "user": { "uid": 7, "gid": 7 }"#,
        mounts: r#"{ "destination": "/proc", "type": "proc" }, { "destination": "/tmp", "type": "bind",
            "source": "shared", "options": ["bind"] }"#,
        others: &format!(
            r#", "hooks": {{ "createContainer": [{outside}], "startContainer": [{inside}] }}"#
        ),
        ..Bundle::default()
    };
    runc.place().write_bundle(IDLE, &bundle)?;
    runc.does(&["create", "a"])?;
    runc.does(&["start", "a"])?;
    runc.is("a", "running")?;
    for (file, user) in [("outside", 0), ("inside", 7)] {
        let said = fs::read_to_string(format!("{shared}/{file}"))?;
        if said != format!("1 {user}\n/proc/1\nalone\n") {
            note(Kind::Effect, format!("{file}: {said}"));
        }
    }
    Ok(())
}

fn inherits() -> Result<()> {
    let hook = r#"{ "path": "/bin/sh", "args": ["sh", "-c", "echo $WORD > /said"] }"#;
    let hooks = [("startContainer", hook.to_owned())];
    let runc = with_hooks("hooks-inherit", IDLE, &hooks)?;
    runc.does(&["run", "-d", "a"])?;
    match fs::read_to_string(runc.path("root/said"))?.as_str() {
        "a b\n" => Ok(()),
        said => Err(said.into()),
    }
}
