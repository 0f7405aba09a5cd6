//! Properties of a bundle's configuration: what they do, and which values are errors.

use crate::Result;
use crate::manager::Manager;
use crate::place::{Bundle, MOUNTS};
use crate::test::{Kind, Test, note};
use std::fs;
use std::os::unix::fs::symlink;

pub const TESTS: &[Test] = &[
    Test::common(
        "the_specifications_version_is_checked",
        versions,
        "runtime-tools, contest: misc_props",
    )
    .because("crun 1.8 takes 1.0 only. runc doesn't look at it."),
    Test::common(
        "unknown_members_are_ignored",
        unknown_members,
        "runtime-tools, contest: misc_props",
    ),
    Test::common(
        "wrong_values_are_errors",
        wrong_values,
        "runtime-tools: linux_ns_path_type; contest: process_rlimits_fail; bats mounts, run",
    )
    .because("What crun and runc don't check reaches the kernel or nobody; here it is an error with the member's name."),
    Test::common(
        "unknown_capabilities_are_warned_of",
        unknown_capabilities,
        "contest: process_capabilities_fail; bats capabilities",
    ),
    Test::common(
        "privileges_can_be_given_up",
        no_new_privileges,
        "runtime-tools: process; contest: no_new_privileges",
    ),
    Test::common(
        "programs_are_looked_up_in_the_containers_path",
        path,
        "runtime-tools: process; bats exec: PATH",
    ),
    Test::common(
        "namespaces_left_out_are_the_callers",
        no_namespaces,
        "runtime-tools: linux_ns_nopath, linux_ns_itype; contest: ns_itype",
    ),
    Test::common(
        "a_hostname_takes_a_namespace_of_its_own",
        hostname_without_namespace,
        "runtime-tools: hostname; bats: config validation",
    ),
    Test::common(
        "the_root_can_be_anywhere",
        roots,
        "bats run: rootfs set to .; contest: root",
    ),
    Test::common(
        "mounts_are_made_in_their_order",
        mount_order,
        "runtime-tools: mounts; bats mounts: order",
    ),
    Test::common(
        "mount_options_are_honoured",
        mount_options,
        "runtime-tools: mounts; contest: mounts_recursive; bats mounts_recursive",
    )
    .because("In crun an option doesn't undo an earlier one."),
    Test::common(
        "bind_mounts_are_known_by_their_options",
        binds,
        "bats mounts: bind; youki#2891",
    ),
    Test::own(
        "what_the_kernel_lacks_is_refused_by_name",
        lacking,
        "others have it: contest seccomp, sysctl, devices, uid_mappings, time_ns, net_devices; bats userns, idmap",
    ),
];

/// Creates a container of this bundle whose configuration has `to` instead of `from`, and removes it again; whether
/// that has to fail, and say this.
fn refuses(runc: &Manager, what: &str, [from, to]: [&str; 2], text: &str) -> Result<()> {
    runc.place().write_bundle("true", &Bundle::default())?;
    runc.edit(from, to)?;
    let outcome = runc.run(&["create", "a"])?;
    outcome.expect_error(what, 1, text);
    if outcome.status == Some(0) {
        runc.run(&["delete", "-f", "a"])?;
    }
    Ok(())
}

/// Runs a container and notes what it prints otherwise; warnings are no difference.
fn prints(runc: &Manager, what: &str, expected: &str) -> Result<()> {
    let outcome = runc.run(&["run", "a"])?;
    if outcome.status != Some(0) || outcome.output != expected {
        note(
            Kind::Effect,
            format!("{what}: {outcome:?} instead of {expected:?}"),
        );
    }
    Ok(())
}

fn versions() -> Result<()> {
    const VERSION: &str = r#""ociVersion": "1.0.2""#;
    let runc = Manager::new("versions")?;
    for version in ["1.0.0", "1.1.0-rc.1", "1.3.0"] {
        runc.place().write_bundle("echo ran", &Bundle::default())?;
        runc.edit(VERSION, &format!(r#""ociVersion": "{version}""#))?;
        prints(&runc, version, "ran\n")?;
    }
    for version in ["2.0.0", "nonsense", ""] {
        let other = format!(r#""ociVersion": "{version}""#);
        refuses(&runc, &other, [VERSION, &other], "version")?;
    }
    Ok(())
}

fn unknown_members() -> Result<()> {
    let bundle = Bundle {
        others: r#", "nonsense": { "a": [1] }"#,
        linux: r#", "nonsense": true"#,
        process: r#""/", "nonsense": "text""#,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("unknown-members", "echo ran", &bundle)?;
    prints(&runc, "unknown members", "ran\n")
}

fn wrong_values() -> Result<()> {
    const CWD: &str = r#""cwd": "/""#;
    const NAMESPACE: &str = r#"{ "type": "uts" }"#;
    let runc = Manager::new("wrong-values")?;
    fs::write(runc.path("file"), "")?;
    for (change, text) in [
        ([CWD, r#""cwd": "relative""#], "cwd"),
        ([CWD, r#""cwd": 7"#], "cwd"),
        (
            [
                CWD,
                r#""cwd": "/", "rlimits": [{ "type": "RLIMIT_CORE", "soft": 1, "hard": 1 },
                    { "type": "RLIMIT_CORE", "soft": 2, "hard": 2 }]"#,
            ],
            "rlimit",
        ),
        (
            [
                CWD,
                r#""cwd": "/", "rlimits": [{ "type": "RLIMIT_CORE", "soft": 2, "hard": 1 }]"#,
            ],
            "rlimit",
        ),
        (
            [r#""args": ["/bin/sh", "-c", "true"]"#, r#""args": []"#],
            "args",
        ),
        ([NAMESPACE, r#"{ "type": "nonsense" }"#], "namespace"),
        (
            [NAMESPACE, r#"{ "type": "uts" }, { "type": "pid" }"#],
            "namespace",
        ),
        (
            [
                NAMESPACE,
                r#"{ "type": "uts", "path": "/proc/self/ns/pid" }"#,
            ],
            "namespace",
        ),
        (
            [NAMESPACE, r#"{ "type": "uts", "path": "/etc/passwd" }"#],
            "namespace",
        ),
        ([r#""path": "root""#, r#""path": "missing""#], "missing"),
        ([r#""path": "root""#, r#""path": "file""#], "directory"),
        ([r#""ociVersion""#, r#""other""#], "ociVersion"),
        ([r#""linux""#, r#""linux": 5, "other""#], "linux"),
        ([MOUNTS, r#"{ "type": "proc" }"#], "destination"),
        (
            [
                MOUNTS,
                r#"{ "destination": "/x", "type": "nonsense", "source": "x" }"#,
            ],
            "mount",
        ),
        (
            [
                MOUNTS,
                r#"{ "destination": "/x", "type": "tmpfs", "source": "x", "options": ["nonsense"] }"#,
            ],
            "nonsense",
        ),
    ] {
        let words: Vec<&str> = change[1].split_whitespace().collect();
        refuses(&runc, &words.join(" "), change, text)?;
    }
    Ok(())
}

fn unknown_capabilities() -> Result<()> {
    let bundle = Bundle {
        process: r#""/", "capabilities": { "bounding": ["CAP_KILL", "CAP_NONSENSE"] }"#,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("unknown-capabilities", "true", &bundle)?;
    let message = "ignoring unknown or unavailable capabilities: [CAP_NONSENSE]";
    runc.fails(&["run", "a"], 0, message)
}

fn no_new_privileges() -> Result<()> {
    let script = "grep NoNewPrivs /proc/self/status";
    let runc = Manager::with_script("privileges", script)?;
    prints(&runc, "without it", "NoNewPrivs:\t0\n")?;
    let bundle = Bundle {
        process: r#""/", "noNewPrivileges": true"#,
        ..Bundle::default()
    };
    runc.place().write_bundle(script, &bundle)?;
    prints(&runc, "with it", "NoNewPrivs:\t1\n")
}

fn path() -> Result<()> {
    let bundle = Bundle {
        program: r#""env", "sh", "-c""#,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("path", "echo found", &bundle)?;
    fs::create_dir(runc.path("root/opt"))?;
    symlink("/bin/busybox", runc.path("root/opt/env"))?;
    let outcome = runc.run(&["run", "a"])?;
    outcome.expect_error("outside of PATH", 127, "env");
    runc.edit("PATH=/bin", "PATH=/bin:/opt")?;
    prints(&runc, "inside", "found\n")
}

fn no_namespaces() -> Result<()> {
    let runc = Manager::with_script("no-namespaces", "hostname; [ $$ = 1 ] || echo other")?;
    runc.edit(r#"{ "type": "pid" },"#, "")?;
    runc.edit(r#", { "type": "uts" }"#, "")?;
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname")?;
    prints(&runc, "pid and uts", &format!("{hostname}other\n"))
}

fn hostname_without_namespace() -> Result<()> {
    let bundle = Bundle {
        others: r#", "hostname": "mine""#,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("hostname", "true", &bundle)?;
    runc.edit(r#", { "type": "uts" }"#, "")?;
    runc.fails(
        &["create", "a"],
        1,
        "unable to set hostname without a private UTS namespace",
    )
}

fn roots() -> Result<()> {
    const PATH: &str = r#""path": "root""#;
    let runc = Manager::new("anywhere")?;
    let absolute = runc.path("root");
    for path in [&absolute, "./root", "root/"] {
        runc.place().write_bundle("echo ran", &Bundle::default())?;
        runc.edit(PATH, &format!(r#""path": "{path}""#))?;
        prints(&runc, path, "ran\n")?;
    }
    let configuration = fs::read_to_string(runc.path("config.json"))?;
    let configuration = configuration.replace(r#""path": "root/""#, r#""path": ".""#);
    fs::write(runc.path("root/config.json"), configuration)?;
    let mut command = runc.command(&["run", "a"]);
    let outcome = runc.finish(command.current_dir(&absolute))?;
    outcome.expect("the bundle itself", 0, "ran\n");
    Ok(())
}

fn mount_order() -> Result<()> {
    let mounts = r#"{ "destination": "/proc", "type": "proc", "source": "proc" },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
        { "destination": "/a", "type": "tmpfs", "source": "tmpfs" },
        { "destination": "/a/b", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k"] },
        { "destination": "/a/b/file", "source": "given", "options": ["bind"] },
        { "destination": "/bin/file", "source": "given", "options": ["bind"] },
        { "destination": "/a", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k"] },
        { "destination": "/a/c", "source": "/etc", "options": ["rbind", "ro"] }"#;
    let bundle = Bundle {
        mounts,
        ..Bundle::default()
    };
    let script = "ls /a; cat /bin/file; cat /a/c/hostname; touch /a/c/x 2> /dev/null || echo read-only; \
        cut -d ' ' -f 5 /proc/self/mountinfo | grep /a";
    let runc = Manager::with_bundle("mount-order", script, &bundle)?;
    fs::write(runc.path("given"), "given\n")?;
    let hostname = fs::read_to_string("/etc/hostname")?;
    let expected = format!("c\ngiven\n{hostname}read-only\n/a\n/a/b\n/a/b/file\n/a\n/a/c\n");
    prints(&runc, "mounts", &expected)
}

fn mount_options() -> Result<()> {
    let mounts = r#"{ "destination": "/proc", "type": "proc", "source": "proc" },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs" },
        { "destination": "/one", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "noexec", "ro", "mode=711"] },
        { "destination": "/two", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "rw", "noexec", "exec", "nodev", "size=64k"] },
        { "destination": "/three", "source": "given", "options": ["bind", "noexec"] }"#;
    let bundle = Bundle {
        mounts,
        ..Bundle::default()
    };
    let script = "for at in one two; do grep \" /$at \" /proc/self/mountinfo | cut -d ' ' -f 6; done; \
        grep \" /three \" /proc/self/mountinfo | grep -o noexec; \
        stat -c %a /one; touch /one/x 2> /dev/null || echo read-only; \
        cat /bin/busybox > /two/x 2> /dev/null || echo full; /three/program 2> /dev/null || echo $?";
    let runc = Manager::with_bundle("mount-options", script, &bundle)?;
    fs::create_dir(runc.path("given"))?;
    fs::copy("/bin/busybox", runc.path("given/program"))?;
    prints(
        &runc,
        "options",
        "ro,nosuid,noexec,relatime\nrw,nodev,relatime\nnoexec\n711\nread-only\nfull\n126\n",
    )
}

fn binds() -> Result<()> {
    let runc = Manager::new("binds")?;
    fs::create_dir(runc.path("given"))?;
    fs::write(runc.path("given/file"), "given\n")?;
    for kind in ["", r#""type": "none","#, r#""type": "bind","#] {
        let mounts = format!(
            r#"{MOUNTS}, {{ "destination": "/data", {kind} "source": "given", "options": ["rbind", "rprivate"] }}"#
        );
        let bundle = Bundle {
            mounts: &mounts,
            ..Bundle::default()
        };
        runc.place().write_bundle("cat /data/file", &bundle)?;
        prints(&runc, kind, "given\n")?;
    }
    Ok(())
}

/// What would leave a container less isolated than it asks for, were it ignored.
fn lacking() -> Result<()> {
    const NAMESPACE: &str = r#"{ "type": "uts" }"#;
    let runc = Manager::new("lacking")?;
    for (name, value) in [
        ("seccomp", r#"{ "defaultAction": "SCMP_ACT_ALLOW" }"#),
        (
            "devices",
            r#"[{ "path": "/dev/x", "type": "c", "major": 1, "minor": 3 }]"#,
        ),
        ("sysctl", r#"{ "net.ipv4.ip_forward": "1" }"#),
        (
            "uidMappings",
            r#"[{ "containerID": 0, "hostID": 1000, "size": 1 }]"#,
        ),
        ("netDevices", r#"{ "eth0": {} }"#),
        ("timeOffsets", r#"{ "boottime": { "secs": 1 } }"#),
        ("intelRdt", r#"{ "closID": "x" }"#),
        ("mountLabel", r#""system_u""#),
        ("rootfsPropagation", r#""shared""#),
        ("personality", r#"{ "domain": "LINUX32" }"#),
    ] {
        let text = format!("linux.{name}");
        let with_it = format!(r#"{NAMESPACE}], "{name}": {value}"#);
        refuses(&runc, name, [&format!("{NAMESPACE}]"), &with_it], &text)?;
    }
    for namespace in ["user", "time"] {
        let both = format!(r#"{NAMESPACE}, {{ "type": "{namespace}" }}"#);
        refuses(&runc, namespace, [NAMESPACE, &both], "linux.namespaces")?;
    }
    Ok(())
}
