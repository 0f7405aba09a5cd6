//! D5 and D10: settings that are written into files which the container controls, and control groups.

use crate::attack::{ALONE, Class, Result, Scene};
use crate::attempts::Attempts;
use gantry_abi::context::EnterFlags;
use gantry_abi::user::fork_and_run;
use rustix::mount::{MountFlags, mount};
use rustix::system::uname;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

pub const REDIRECTED_SETTINGS: Class = Class {
    name: "D5",
    title: "settings written into a /proc of the container's making",
    inside: replace_settings,
    outside: set,
    ..ALONE
};

pub const RESOURCE_GROUPS: Class = Class {
    name: "D10",
    title: "control files of resource groups",
    absent: no_groups,
    inside: write_controls,
    ..ALONE
};

/// Puts its own files where settings are expected, and waits for somebody to write there.
fn replace_settings(attempts: &mut Attempts) -> Result<()> {
    if attempts.role.jailed {
        let covered = mount("tmpfs", "/proc", "tmpfs", MountFlags::empty(), None);
        attempts.refused("covering /proc", covered);
        attempts.refused("renaming /proc", fs::rename("/proc", "/old"));
        attempts.refused(
            "setting the name",
            fs::write("/proc/sys/kernel/hostname", "attacker"),
        );
    } else {
        mount("tmpfs", "/proc", "tmpfs", MountFlags::empty(), None)?;
        fs::create_dir_all("/proc/sys/kernel")?;
        symlink("/shared/redirected", "/proc/sys/kernel/hostname")?;
        attempts.count += 1;
    }
    for _ in 0..500 {
        if Path::new("/shared/set").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let name = uname().nodename().to_string_lossy().into_owned();
    attempts.never(
        format!("the name that was set did not arrive: {name}"),
        name != "settled",
    );
    attempts.never(
        "the name was written into a file of the container's",
        Path::new("/shared/redirected").exists(),
    );
    Ok(())
}

/// Sets what a manager sets, through descriptors.
fn set(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    for container in scene.containers {
        container.name.set_hostname(b"settled")?;
        let seen = fork_and_run(|| {
            let entered = container.name.enter(EnterFlags::CURRENT_PROGRAM).is_ok();
            i32::from(!entered || uname().nodename().to_bytes() != b"settled")
        })?;
        attempts.never("the name did not arrive", !seen.success());
    }
    Ok(fs::write(scene.canaries.place().join("shared/set"), "")?)
}

fn no_groups() -> Option<String> {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let exists = known.contains("cgroup") || Path::new("/sys/fs/cgroup").exists();
    (!exists).then(|| "no cgroup files".to_owned())
}

/// Writes every control file of a hierarchy that it mounts.
fn write_controls(attempts: &mut Attempts) -> Result<()> {
    fs::create_dir_all("/tmp/groups")?;
    for kind in ["cgroup", "cgroup2"] {
        let mounted = mount(kind, "/tmp/groups", kind, MountFlags::empty(), None);
        attempts.refused(format!("mounting {kind}"), mounted);
    }
    let mut places = vec![Path::new("/sys/fs/cgroup").to_owned()];
    while let Some(place) = places.pop() {
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                places.push(entry.path());
            } else {
                attempts.refused(
                    format!("writing {}", entry.path().display()),
                    fs::write(entry.path(), "max"),
                );
            }
        }
    }
    Ok(())
}
