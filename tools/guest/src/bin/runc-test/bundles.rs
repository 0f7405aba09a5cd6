//! Containers from OCI bundles.

use crate::Result;
use crate::place::{Bundle, Place, expect, outcome};
use crate::test::Test;
use std::fs;
use std::os::unix::fs::symlink;

pub const TESTS: &[Test] = &[
    Test::common(
        "a_bundle_sets_the_process_up",
        sets_the_process_up,
        "runtime-tools: process, process_user, process_rlimits, hostname; bats umask, rlimits",
    ),
    Test::common(
        "capabilities_are_those_asked_for",
        capabilities_are_those_asked_for,
        "runtime-tools, contest: process_capabilities; bats capabilities",
    ),
    Test::common(
        "priorities_are_set",
        priorities_are_set,
        "contest: process_oom_score_adj, set_scheduler_policy, set_io_priority; bats scheduler, ioprio",
    )
    .because("The scheduler and the I/O priority are newer than these versions."),
    Test::common(
        "a_read_only_root_cannot_be_written",
        read_only_root_cannot_be_written,
        "runtime-tools, contest: root_readonly_true",
    ),
    Test::common(
        "masked_paths_are_hidden",
        masked_paths_are_hidden,
        "runtime-tools: linux_masked_paths, linux_readonly_paths; contest: masked_paths, readonly_paths; bats mask",
    ),
    Test::common(
        "a_device_folder_is_filled",
        device_folder_is_filled,
        "runtime-tools: default, linux_devices; contest: devices; bats dev",
    ),
    Test::own(
        "a_file_system_starts_with_a_copy",
        copies_up,
        "others copy with a process in the container (bats mounts: tmpcopyup)",
    ),
    Test::own(
        "a_domain_name_is_the_containers_own",
        domain_name,
        "newer than these versions (contest: domainname)",
    ),
];

/// Identity, environment, directory, mask, limits and hostname.
fn sets_the_process_up() -> Result<()> {
    let place = Place::new("process")?;
    place.make_root()?;
    let script = "echo $(id -u) $(id -g) $(id -G) $WORD; pwd; umask; ulimit -n; hostname; echo $$";
    let process = r#""/deep/down", "user": { "uid": 1000, "gid": 1001, "umask": 23, "additionalGids": [7] },
        "noNewPrivileges": true, "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 }]"#;
    let others = r#", "hostname": "bundle""#;
    let bundle = Bundle {
        process,
        others,
        ..Bundle::default()
    };
    let mut runc = place.bundle(script, &bundle)?;
    expect(
        &mut runc,
        0,
        "1000 1001 1001 7 a b\n/deep/down\n0027\n100\nbundle\n1\n",
    )
}

/// The five sets are what exec makes of those in the configuration; none without any.
fn capabilities_are_those_asked_for() -> Result<()> {
    let place = Place::new("capabilities")?;
    place.make_root()?;
    let script = "echo $(sed -n 's/^Cap...:[^0-9a-f]*0*//p' /proc/self/status | sed 's/^$/0/')";
    for (process, expected) in [
        (r#""/""#, "0 0 0 0 0\n"),
        (
            r#""/", "capabilities": { "bounding": ["CAP_KILL", "CAP_CHOWN"],
                "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] }"#,
            "0 21 21 21 0\n",
        ),
        (
            r#""/", "user": { "uid": 1000, "gid": 1000 }, "capabilities": { "bounding": ["CAP_KILL", "CAP_CHOWN"],
                "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"], "inheritable": ["CAP_KILL"],
                "ambient": ["CAP_KILL"] }"#,
            "20 20 20 21 20\n",
        ),
    ] {
        let bundle = Bundle {
            process,
            ..Bundle::default()
        };
        let mut runc = place.bundle(script, &bundle)?;
        expect(&mut runc, 0, expected)?;
    }
    Ok(())
}

/// Scheduling, I/O priority and the score for want of memory.
fn priorities_are_set() -> Result<()> {
    let place = Place::new("priorities")?;
    place.make_root()?;
    let script = "cat /proc/self/oom_score_adj; cut -d ' ' -f 19,41 /proc/$$/stat";
    let process = r#""/", "oomScoreAdj": -250, "scheduler": { "policy": "SCHED_BATCH", "nice": -3 },
        "ioPriority": { "class": "IOPRIO_CLASS_IDLE" }"#;
    let bundle = Bundle {
        process,
        ..Bundle::default()
    };
    let mut runc = place.bundle(script, &bundle)?;
    expect(&mut runc, 0, "-250\n-3 3\n")
}

/// The root is read-only; a tmpfs in it is not.
fn read_only_root_cannot_be_written() -> Result<()> {
    let place = Place::new("read-only")?;
    let root = place.make_root()?;
    let script = "touch /x 2> /dev/null || echo refused; touch /tmp/x && echo made";
    let mounts = r#"
        { "destination": "/proc", "type": "proc" },
        { "destination": "/dev", "type": "tmpfs" },
        { "destination": "/tmp", "type": "tmpfs", "options": ["mode=1777", "size=64k", "nosuid"] }"#;
    fs::create_dir(root.join("tmp"))?;
    let bundle = Bundle {
        root: r#", "readonly": true"#,
        mounts,
        ..Bundle::default()
    };
    let mut runc = place.bundle(script, &bundle)?;
    expect(&mut runc, 0, "refused\nmade\n")?;
    if fs::exists(root.join("tmp/x"))? {
        Err("the tmpfs was not mounted".into())
    } else {
        Ok(())
    }
}

/// A masked file reads empty, a masked folder is empty, a read-only path can't be written: whatever kind of file it is,
/// however often it is listed, and in proc as well.
fn masked_paths_are_hidden() -> Result<()> {
    let place = Place::new("masked")?;
    let root = place.make_root()?;
    fs::create_dir(root.join("folder"))?;
    fs::write(root.join("folder/secret"), "secret")?;
    fs::write(root.join("file"), "secret")?;
    fs::write(root.join("linked"), "secret")?;
    symlink("../../../linked", root.join("link"))?;
    symlink("nowhere", root.join("dangling"))?;
    fs::create_dir(root.join("fixed"))?;
    let script = "cat /file /linked /proc/version /dev/full; ls /folder; \
        for file in /fixed/x /proc/sys/kernel/hostname; do { echo x > $file; } 2> /dev/null || echo fixed; done; \
        echo x > /free && echo free";
    let linux = r#", "maskedPaths": ["/file", "/folder", "/missing", "/link", "/dangling", "/file",
            "/dev/full", "/proc/version", "/proc/missing"],
        "readonlyPaths": ["/fixed", "/missing", "/fixed", "/proc/sys"]"#;
    let bundle = Bundle {
        linux,
        ..Bundle::default()
    };
    let shown = "fixed\nfixed\nfree\n";
    expect(&mut place.bundle(script, &bundle)?, 0, shown)
}

/// A tmpfs on /dev has the devices that every container has, and no other.
fn device_folder_is_filled() -> Result<()> {
    let place = Place::new("devices")?;
    place.make_root()?;
    let script = "echo x > /dev/null; cat /dev/null; readlink /dev/stdin; ls /dev";
    let said = outcome(&mut place.bundle(script, &Bundle::default())?)?;
    let mut found = said.output.split_whitespace();
    if found.next() != Some("/proc/self/fd/0") {
        return Err(format!("{said:?}").into());
    }
    let every = [
        "fd", "full", "null", "ptmx", "random", "stderr", "stdin", "stdout", "tty", "urandom",
        "zero",
    ];
    // What else runtimes make: mount points, and a link that kernels once had.
    let (others, found): (Vec<&str>, Vec<&str>) =
        found.partition(|name| ["core", "mqueue", "pts", "shm"].contains(name));
    if found == every {
        Ok(())
    } else {
        Err(format!("{found:?}, {others:?}").into())
    }
}

/// A tmpfs with the option tmpcopyup holds what was there; what is written to it stays in it.
fn copies_up() -> Result<()> {
    let place = Place::new("copy-up")?;
    let root = place.make_root()?;
    fs::create_dir_all(root.join("etc/deep"))?;
    fs::write(root.join("etc/deep/file"), "text\n")?;
    symlink("deep/file", root.join("etc/link"))?;
    let mounts = r#"{ "destination": "/etc", "type": "tmpfs", "options": ["tmpcopyup"] },
        { "destination": "/dev", "type": "devtmpfs" }"#;
    let bundle = Bundle {
        mounts,
        ..Bundle::default()
    };
    let script = "cat /etc/link; echo more >> /etc/deep/file; cat /etc/deep/file";
    expect(&mut place.bundle(script, &bundle)?, 0, "text\ntext\nmore\n")?;
    let mounts = r#"{ "destination": "/etc", "type": "tmpfs", "options": ["ro", "tmpcopyup"] },
        { "destination": "/dev", "type": "devtmpfs" }"#;
    let bundle = Bundle {
        mounts,
        ..Bundle::default()
    };
    let script = "cat /etc/deep/file; { > /etc/deep/file; } 2> /dev/null || echo read-only";
    expect(&mut place.bundle(script, &bundle)?, 0, "text\nread-only\n")?;
    match fs::read_to_string(root.join("etc/deep/file"))?.as_str() {
        "text\n" => Ok(()),
        text => Err(format!("the original holds {text}").into()),
    }
}

/// The domain name is set for the container and nobody else.
fn domain_name() -> Result<()> {
    let place = Place::new("domain")?;
    place.make_root()?;
    let mounts = r#"{ "destination": "/proc", "type": "proc" }"#;
    let others = r#", "hostname": "web", "domainname": "example.org""#;
    let bundle = Bundle {
        mounts,
        others,
        ..Bundle::default()
    };
    let outside = fs::read_to_string("/proc/sys/kernel/domainname")?;
    let script = "hostname; cat /proc/sys/kernel/domainname";
    expect(&mut place.bundle(script, &bundle)?, 0, "web\nexample.org\n")?;
    match fs::read_to_string("/proc/sys/kernel/domainname")? {
        name if name == outside => Ok(()),
        name => Err(format!("{name} outside").into()),
    }
}
