//! Containers that can't be made: what runc says, and that nothing is left.

use crate::Result;
use crate::place::{Bundle, Place, SYSTEM, expect_error, outcome};
use crate::test::Test;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

pub const TESTS: &[Test] = &[
    Test::own(
        "failed_operations_say_what_failed",
        say_what_failed,
        "layout files",
    ),
    Test::own(
        "no_link_leads_out",
        no_link_leads_out,
        "layout files (bats mounts: CVE-2021-30465)",
    ),
    Test::common(
        "no_working_directory_leads_out",
        no_working_directory_leads_out,
        "bats cwd: CVE-2024-21626",
    ),
    Test::common(
        "a_failed_bundle_is_as_it_was",
        failed_bundle_is_as_it_was,
        "specification: errors have no effect",
    )
    .because("Both leave the mount points that they have made; here what was made is undone. crun takes proc on /proc only."),
    Test::own(
        "others_than_root_are_refused",
        others_than_root_are_refused,
        "others run without root in user namespaces",
    ),
];

/// Each failed operation is named with its objects, its cause and, where there is a likely one, a remedy.
fn say_what_failed() -> Result<()> {
    let place = Place::new("errors")?;
    let cases = [
        (
            r#"{ "type": "copy_custom", "source": "/nowhere", "target": "/x" }"#,
            "copy /nowhere to /x: no such file or directory",
        ),
        (
            r#"{ "type": "copy_custom", "source": "/etc", "target": "/x" }"#,
            "copy /etc to /x: is a directory",
        ),
        (
            r#"{ "type": "directory", "target": "/a/b" }"#,
            "make the directory /a/b (its parent has to be made before): no such file or directory",
        ),
        (
            r#"{ "type": "mount", "source": null, "target": "/a", "fs_type": "proc" }"#,
            "mount proc on /a (a mount point has to be made before): no such file or directory",
        ),
        (
            r#"{ "type": "mount", "source": "/nowhere", "target": "/bin", "fs_type": "bind" }"#,
            "mount /nowhere on /bin: its source: no such file or directory",
        ),
        (
            r#"{ "type": "symlink", "path": "/bin/sh", "target": "other" }"#,
            "link /bin/sh to other: file exists",
        ),
    ];
    for (object, message) in cases {
        expect_error(
            &mut place.layout(&format!("{SYSTEM}, {object}"))?,
            125,
            message,
        )?;
    }
    let lost = place.path().join("lost");
    fs::write(&lost, "#!/nowhere/sh\n")?;
    fs::set_permissions(&lost, fs::Permissions::from_mode(0o755))?;
    let copy = format!(
        r#"{{ "type": "copy_custom", "source": "{}", "target": "/bin/lost" }}"#,
        lost.display()
    );
    let programs = [
        (
            "/bin/nothing",
            127,
            "execute /bin/nothing: it does not exist in the container",
        ),
        (
            "nothing",
            127,
            "execute nothing: it is in no directory of the container's PATH",
        ),
        ("/proc", 126, "execute /proc: permission denied"),
        (
            "/bin/lost",
            126,
            "execute /bin/lost: the interpreter that it asks for does not exist in the container",
        ),
    ];
    for (program, status, message) in programs {
        let mut runc = place.layout(&format!("{SYSTEM}, {copy}"))?;
        expect_error(runc.arg(program), status, message)?;
    }
    let root = r#"{ "type": "root_mount", "source": "/nowhere", "fs_type": "bind" }"#;
    let message = "create a VFS root from the directory /nowhere: no such file or directory";
    expect_error(&mut place.layout(root)?, 125, message)
}

/// Links in the tree are followed inside the tree, whatever they say.
fn no_link_leads_out() -> Result<()> {
    let place = Place::new("links")?;
    let outside = place.path().join("outside");
    fs::create_dir(&outside)?;
    for target in [
        outside.display().to_string(),
        "../../../../../tmp/runc-test-links/outside".into(),
    ] {
        let objects = format!(
            r#"{SYSTEM}, {{ "type": "symlink", "path": "/out", "target": "{target}" }},
            {{ "type": "directory", "target": "/out/made" }}"#
        );
        let message = "make the directory /out/made (its parent has to be made before): no such file or directory";
        expect_error(&mut place.layout(&objects)?, 125, message)?;
    }
    match fs::read_dir(&outside)?.next() {
        None => Ok(()),
        Some(_) => Err("something was made outside of the tree".into()),
    }
}

/// What was made in a bundle's root is removed when a later operation fails.
fn failed_bundle_is_as_it_was() -> Result<()> {
    let place = Place::new("undone")?;
    let root = place.path().join("root");
    fs::create_dir(&root)?;
    let mounts = r#"{ "destination": "/made/deep", "type": "tmpfs" },
        { "destination": "/made/deep/deeper", "type": "proc" },
        { "destination": "/file", "source": "/etc/passwd", "options": ["bind"] },
        { "destination": "/data", "source": "/nowhere", "options": ["bind"] }"#;
    let message = "mount /nowhere on /data: its source: no such file or directory";
    expect_error(
        &mut place.bundle(
            "true",
            &Bundle {
                mounts,
                ..Bundle::default()
            },
        )?,
        125,
        message,
    )?;
    match fs::read_dir(&root)?.next() {
        None => Ok(()),
        Some(left) => Err(format!("{} is left", left?.path().display()).into()),
    }
}

/// A user without privilege is told what it takes.
fn others_than_root_are_refused() -> Result<()> {
    let place = Place::new("user")?;
    let message = "use the state directory /run/runc (only root may, unless --root names another): permission denied";
    expect_error(place.layout(SYSTEM)?.uid(1000).gid(1000), 125, message)?;
    let state = place.path().join("state");
    fs::create_dir(&state)?;
    std::os::unix::fs::chown(&state, Some(1000), Some(1000))?;
    let message = "create a process list that dies with runc (only root may, outside of a jail): operation not permitted";
    let mut runc = place.layout(SYSTEM)?;
    let runc = runc.arg("--root").arg(&state);
    expect_error(runc.uid(1000).gid(1000), 125, message)
}

/// A working directory that the configuration names by a descriptor of runc's is refused, whatever its number.
fn no_working_directory_leads_out() -> Result<()> {
    let place = Place::new("working")?;
    place.make_root()?;
    for number in 0..20 {
        let path = format!("/proc/self/fd/{number}");
        let process = format!("\"{path}\"");
        let bundle = Bundle {
            process: &process,
            ..Bundle::default()
        };
        let said = outcome(&mut place.bundle("pwd; ls", &bundle)?)?;
        if number == 0 || said.status == Some(0) {
            said.expect_error(&path, 125, "");
        }
        if !said.output.is_empty() {
            return Err(format!("{path}: {said:?}").into());
        }
    }
    Ok(())
}
