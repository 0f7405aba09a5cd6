//! D4, D6 and D7: runc on images and arguments that want to mislead it.

use crate::attack::{ALONE, Class, Result, Scene};
use crate::attempts::Attempts;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub const MASKS: Class = Class {
    name: "D4",
    title: "files of the container's own taken for masks",
    unjailed: false,
    inside: stand_by,
    outside: look_behind_masks,
    ..ALONE
};

pub const LINKED_FOLDERS: Class = Class {
    name: "D6",
    title: "images whose /dev, /proc and others are links",
    unjailed: false,
    inside: stand_by,
    outside: mount_on_links,
    ..ALONE
};

pub const LOOSE_PARSING: Class = Class {
    name: "D7",
    title: "names and numbers read loosely",
    unjailed: false,
    inside: stand_by,
    outside: mislead,
    ..ALONE
};

/// The attacker is the image.
fn stand_by(attempts: &mut Attempts) -> Result<()> {
    attempts.count += 1;
    Ok(())
}

/// A bundle with BusyBox in its root.
struct Bundle(PathBuf);

impl Bundle {
    fn new(scene: &Scene<'_>, name: &str) -> Result<Self> {
        let place = scene.canaries.place().join(name);
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("root/bin"))?;
        fs::copy("/bin/busybox", place.join("root/bin/busybox"))?;
        symlink("busybox", place.join("root/bin/sh"))?;
        Ok(Bundle(place))
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// Runs a script in it, with these mounts and further members of `linux` and `process`.
    fn run(
        &self,
        id: &str,
        script: &str,
        mounts: &str,
        linux: &str,
        process: &str,
    ) -> Result<Output> {
        let script = script.replace('\\', r"\\").replace('"', r#"\""#);
        fs::write(
            self.0.join("config.json"),
            format!(
                r#"{{ "ociVersion": "1.2.0", "root": {{ "path": "root" }}, "mounts": [{mounts}],
                "process": {{ "args": ["/bin/sh", "-c", "{script}"], "env": ["PATH=/bin"], "cwd": "/" {process} }},
                "linux": {{ "namespaces": [{{ "type": "pid" }}, {{ "type": "mount" }}, {{ "type": "uts" }}] {linux} }} }}"#
            ),
        )?;
        let mut runc = Command::new("/bin/runc");
        runc.arg("run").arg("--bundle").arg(&self.0).arg(id);
        Ok(runc.stdin(Stdio::null()).output()?)
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PROC: &str = r#"{ "destination": "/proc", "type": "proc", "source": "proc" }"#;

/// An image whose null device is something else; its hidden files by every other way.
fn look_behind_masks(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let script = "cat /file; cat /folder/file; cat ./folder/../file; ls /folder; echo x > /file; echo x > /folder/x; \
        ln /file /again && cat /again; mv /file /moved && cat /moved; mv /folder /gone && cat /gone/file; \
        umount /file && cat /file; umount /folder && cat /folder/file; mkdir /here && mount --bind / /here && cat /here/file; \
        echo x > /dev/null; cat /proc/1/root/file; chroot / cat /file; echo done";
    for target in ["/file", "/proc/kmsg", "/folder/file", "../file"] {
        let bundle = Bundle::new(scene, "masks")?;
        let root = bundle.root();
        fs::create_dir_all(root.join("folder"))?;
        fs::create_dir_all(root.join("dev"))?;
        fs::write(root.join("file"), "hidden-content")?;
        fs::write(root.join("folder/file"), "hidden-content")?;
        symlink(target, root.join("dev/null"))?;
        let linux = r#", "maskedPaths": ["/file", "/folder", "/missing"]"#;
        let output = bundle.run("masks", script, PROC, linux, "")?;
        let text = String::from_utf8_lossy(&output.stdout);
        attempts.never(
            format!("a masked file was read with /dev/null at {target}"),
            text.contains("hidden-content"),
        );
        let kept = ["file", "folder/file"].iter().all(|name| {
            fs::read_to_string(root.join(name)).is_ok_and(|text| text == "hidden-content")
        });
        attempts.never(
            format!("a masked file was changed with /dev/null at {target}"),
            !kept,
        );
        let errors = String::from_utf8_lossy(&output.stderr);
        if !text.contains("done") && !errors.contains("runc: ") {
            return Err(format!("the attack did not run: {errors}").into());
        }
    }
    Ok(())
}

/// Images in which the places of usual mounts lead out.
fn mount_on_links(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let names = ["dev", "proc", "sys", "etc", "dev/pts", "dev/shm"];
    let targets = [
        "/",
        "..",
        "../../../../../..",
        "/etc",
        "/tmp/escape-host",
        "/tmp/escape-host/shown",
    ];
    for name in names {
        for target in targets {
            let bundle = Bundle::new(scene, "links")?;
            let place = bundle.root().join(name);
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent)?;
            }
            symlink(target, &place)?;
            let kind = if name == "dev" { "devtmpfs" } else { "tmpfs" };
            let mounts = format!(
                r#"{{ "destination": "/{name}", "type": "{kind}", "source": "{kind}" }},
                {{ "destination": "/{name}/below", "type": "tmpfs", "source": "tmpfs" }},
                {{ "destination": "/{name}/../above", "type": "tmpfs", "source": "tmpfs" }}"#
            );
            bundle.run(
                "links",
                &format!("echo out > /{name}/written"),
                &mounts,
                "",
                "",
            )?;
            for found in ["below", "above", "written"] {
                for host in [
                    "/",
                    "/etc",
                    "/tmp",
                    "/tmp/escape-host",
                    "/tmp/escape-host/shown",
                ] {
                    let path = Path::new(host).join(found);
                    attempts.never(
                        format!("{} was made by /{name} -> {target}", path.display()),
                        path.exists(),
                    );
                }
            }
        }
    }
    Ok(())
}

/// Names of containers that are paths, and users that aren't numbers.
fn mislead(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let long = "x".repeat(5000);
    let bundle = Bundle::new(scene, "names")?;
    for id in [
        "../x",
        "a/b",
        "/x",
        "..",
        ".",
        "",
        "a b",
        "a\nb",
        "-x",
        "x/../../y",
        "\u{e4}",
        &long,
    ] {
        let output = bundle.run(id, "echo ran", "", "", "")?;
        let ran = String::from_utf8_lossy(&output.stdout).contains("ran");
        attempts.never(
            format!("the name {:?} was taken", id.get(..20).unwrap_or(id)),
            ran,
        );
    }
    for user in [
        "-1",
        "4294967296",
        "18446744073709551616",
        "1.5",
        "\"0\"",
        "\"0x0\"",
        "\" 1\"",
        "[0]",
    ] {
        let process = format!(r#", "user": {{ "uid": {user}, "gid": 0 }}"#);
        let output = bundle.run("names", "echo ran", "", "", &process)?;
        let ran = String::from_utf8_lossy(&output.stdout).contains("ran");
        attempts.never(format!("the user {user} was taken"), ran);
    }
    for place in ["/x", "/run/x", "/run/runc/../x", "/y", "/run/y", "/tmp/x"] {
        attempts.never(format!("{place} was made"), Path::new(place).exists());
    }
    Ok(())
}
