//! The devices that every container has.

use crate::check::{Check, equal, ok};
use crate::child::run;
use crate::container::{create, enter_now};
use crate::files::{Place, directory, names_in};
use crate::harness::Case;
use gantry_abi::context::ContextType;
use rustix::fs::{major, minor};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

pub const CASES: &[Case] = &[Case {
    name: "the_default_devices_of_a_container",
    test: default_devices,
}];

fn default_devices() -> Check {
    let place = Place::new("devices")?;
    let path = place.directory("dev")?;
    let options = c"nodes=default,mode=755,size=64k";
    for kind in ["tmpfs", "devtmpfs"] {
        ok(
            "mount",
            mount(kind, path.as_str(), kind, MountFlags::NOSUID, Some(options)),
        )?;
        check_devices(&path)?;
        ok("umount", unmount(path.as_str(), UnmountFlags::empty()))?;
    }
    // Inside a container devtmpfs is never more than that.
    let context = create(ContextType::VfsRoot)?;
    run(|| {
        enter_now(&context)?;
        ok("mkdir", fs::create_dir("/dev"))?;
        ok(
            "mount",
            mount("dev", "/dev", "devtmpfs", MountFlags::empty(), None),
        )?;
        check_devices("/dev")
    })
}

fn check_devices(path: &str) -> Check {
    let names = names_in(directory(path)?)?;
    equal(
        "its names",
        names.join(" "),
        "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero".to_owned(),
    )?;
    for (name, major_number, minor_number) in [
        ("null", 1, 3),
        ("zero", 1, 5),
        ("full", 1, 7),
        ("random", 1, 8),
        ("urandom", 1, 9),
        ("tty", 5, 0),
    ] {
        let device = ok(name, fs::metadata(format!("{path}/{name}")))?;
        let number = device.rdev();
        equal(
            name,
            (major(number), minor(number)),
            (major_number, minor_number),
        )?;
        equal(name, device.permissions().mode() & 0o7777, 0o666)?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        let link = ok(name, fs::read_link(format!("{path}/{name}")))?;
        equal(name, link.to_string_lossy().into_owned(), target.to_owned())?;
    }
    Ok(())
}
