//! Layers of overlays: given by descriptor, and asked for twice.

use super::overlay::{content, layers, mount_with, names, options, overlay};
use crate::check::{Check, equal, fails, ok};
use crate::files::Place;
use crate::harness::Case;
use gantry_abi::user::Errno;
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_fd, fsconfig_set_string, fsmount, fsopen, move_mount, unmount,
};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};

pub const CASES: &[Case] = &[
    Case {
        name: "overlay_by_fsopen_takes_layers_as_descriptors",
        test: of_descriptors,
    },
    Case {
        name: "overlay_mounted_twice_is_one_overlay",
        test: mounted_twice,
    },
];

fn open(kind: &str) -> Check<OwnedFd> {
    ok("fsopen", fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC))
}

fn made(context: &OwnedFd) -> Check<OwnedFd> {
    ok("create", fsconfig_create(context.as_fd()))?;
    let (flags, none) = (FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty());
    ok("fsmount", fsmount(context.as_fd(), flags, none))
}

/// Layers in a mount that is nowhere: an upper layer in memory that goes with the overlay.
fn of_descriptors() -> Check {
    let place = layers("overlay-descriptors")?;
    place.file("lower/f", "lower")?;
    place.file("low/g", "g")?;
    let context = open("tmpfs")?;
    let directory = ok("open", fs::File::open(place.at("low")))?;
    let refused = fsconfig_set_fd(context.as_fd(), "source", directory.as_fd());
    fails("tmpfs", refused, Errno::EINVAL)?;
    let memory = made(&context)?;
    let context = open("overlay")?;
    for name in ["upper", "work"] {
        ok("mkdir", mkdirat(&memory, name, Mode::RWXU))?;
    }
    let path = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for (key, name) in [("lowerdir+", "low"), ("lowerdir+", "lower")] {
        let layer = ok(name, openat(CWD, place.at(name), path, Mode::empty()))?;
        ok(key, fsconfig_set_fd(context.as_fd(), key, layer.as_fd()))?;
    }
    for (key, name) in [("upperdir", "upper"), ("workdir", "work")] {
        let layer = ok(name, openat(&memory, name, path, Mode::empty()))?;
        ok(key, fsconfig_set_fd(context.as_fd(), key, layer.as_fd()))?;
    }
    let overlay = made(&context)?;
    // The overlay keeps what it needs.
    drop((memory, context));
    let from = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    let moved = move_mount(overlay.as_fd(), "", CWD, place.at("m"), from);
    ok("move_mount", moved)?;
    place.file("m/f", "new")?;
    equal("written", content(&place, "m/f")?.as_str(), "new")?;
    equal("below", content(&place, "lower/f")?.as_str(), "lower")?;
    let expected = vec!["f".to_string(), "g".to_string()];
    equal("names", names(&place, "m")?, expected)?;
    mixed(&place)
}

/// Lower layers of both kinds have no order.
fn mixed(place: &Place) -> Check {
    let context = open("overlay")?;
    let lower = ok("open", fs::File::open(place.at("lower")))?;
    let given = fsconfig_set_fd(context.as_fd(), "lowerdir+", lower.as_fd());
    ok("lowerdir+", given)?;
    let named = fsconfig_set_string(context.as_fd(), "lowerdir+", place.at("low"));
    ok("lowerdir+", named)?;
    let created = fsconfig_create(context.as_fd());
    fails("create", created, Errno::EINVAL)
}

/// Two mounts of one upper directory show the same; with other layers it is refused.
fn mounted_twice() -> Check {
    let place = layers("overlay-twice")?;
    place.file("lower/f", "lower")?;
    overlay(&place)?;
    let second = place.directory("second")?;
    let other = options(&place).replace("/low:", "/second:");
    fails("other layers", mount_with(&place, &other), Errno::EBUSY)?;
    let context = open("overlay")?;
    for (key, name) in [
        ("lowerdir+", "low"),
        ("lowerdir+", "lower"),
        ("upperdir", "up"),
        ("workdir", "work"),
    ] {
        let set = fsconfig_set_string(context.as_fd(), key, place.at(name));
        ok(key, set)?;
    }
    let again = made(&context)?;
    let from = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    let moved = move_mount(again.as_fd(), "", CWD, &second, from);
    ok("move_mount", moved)?;
    drop(again);
    place.file("m/f", "seen")?;
    equal("content", content(&place, "second/f")?.as_str(), "seen")?;
    ok("umount", unmount(&second, UnmountFlags::empty()))?;
    equal("content", content(&place, "m/f")?.as_str(), "seen")
}
