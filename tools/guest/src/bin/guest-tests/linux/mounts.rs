//! mount(2) and its kin in the caller's own tree.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::files::Place;
use crate::harness::Case;
use crate::users::as_user;
use gantry_abi::user::Errno;
use rustix::mount::{
    MountFlags, UnmountFlags, mount, mount_bind, mount_move, mount_remount, unmount,
};
use std::fs;

pub const CASES: &[Case] = &[
    Case {
        name: "a_mount_covers_and_uncovers",
        test: covers,
    },
    Case {
        name: "a_bind_mount_shows_the_same_files",
        test: bind,
    },
    Case {
        name: "a_mount_can_move",
        test: moves,
    },
    Case {
        name: "a_read_only_mount_refuses_writes",
        test: read_only,
    },
    Case {
        name: "a_tmpfs_has_its_limit",
        test: limit,
    },
    Case {
        name: "mount_errors",
        test: errors,
    },
];

fn tmpfs(path: &str) -> Check {
    ok(
        "mount",
        mount("tmpfs", path, "tmpfs", MountFlags::empty(), None),
    )
}

fn covers() -> Check {
    let place = Place::new("covers")?;
    let path = place.directory("m")?;
    place.file("m/below", "")?;
    tmpfs(&path)?;
    fails(
        "what is covered",
        fs::metadata(place.at("m/below")),
        Errno::ENOENT,
    )?;
    place.file("m/above", "")?;
    let table = ok("/proc/self/mounts", fs::read_to_string("/proc/self/mounts"))?;
    ensure(
        "it is in /proc/self/mounts",
        table
            .lines()
            .any(|line| line.starts_with(&format!("tmpfs {path} tmpfs rw"))),
    )?;
    tmpfs(&path)?;
    fails(
        "covered again",
        fs::metadata(place.at("m/above")),
        Errno::ENOENT,
    )?;
    ok("umount", unmount(path.as_str(), UnmountFlags::empty()))?;
    ensure("uncovered", fs::metadata(place.at("m/above")).is_ok())?;
    ok("umount", unmount(path.as_str(), UnmountFlags::empty()))?;
    ensure("uncovered again", fs::metadata(place.at("m/below")).is_ok())?;
    fails(
        "once too often",
        unmount(path.as_str(), UnmountFlags::empty()),
        Errno::EINVAL,
    )
}

fn bind() -> Check {
    let place = Place::new("bind")?;
    let (from, to) = (place.directory("from")?, place.directory("to")?);
    place.file("from/file", "content")?;
    ok("bind", mount_bind(from.as_str(), to.as_str()))?;
    equal(
        "the same file",
        ok("read", fs::read_to_string(place.at("to/file")))?,
        "content".to_owned(),
    )?;
    place.file("to/new", "")?;
    ensure(
        "written there, seen here",
        fs::metadata(place.at("from/new")).is_ok(),
    )?;
    ok(
        "read-only",
        mount_remount(to.as_str(), MountFlags::BIND | MountFlags::RDONLY, ""),
    )?;
    fails(
        "write through the bind",
        fs::write(place.at("to/x"), ""),
        Errno::EROFS,
    )?;
    ok("write beside it", fs::write(place.at("from/x"), ""))?;
    fails(
        "rename across mounts",
        fs::rename(place.at("from/x"), place.at("to/y")),
        Errno::EXDEV,
    )?;
    ok("umount", unmount(to.as_str(), UnmountFlags::empty()))
}

fn moves() -> Check {
    let place = Place::new("moves")?;
    let (from, to) = (place.directory("from")?, place.directory("to")?);
    tmpfs(&from)?;
    place.file("from/file", "")?;
    ok("move", mount_move(from.as_str(), to.as_str()))?;
    ensure("it is there", fs::metadata(place.at("to/file")).is_ok())?;
    fails(
        "and not here",
        fs::metadata(place.at("from/file")),
        Errno::ENOENT,
    )?;
    let below = place.directory("to/below")?;
    fails(
        "into itself",
        mount_move(to.as_str(), below.as_str()),
        Errno::ELOOP,
    )
}

fn read_only() -> Check {
    let place = Place::new("read-only")?;
    let path = place.directory("m")?;
    tmpfs(&path)?;
    let file = place.file("m/file", "")?;
    let open = ok("open", fs::OpenOptions::new().write(true).open(&file))?;
    fails(
        "remount with a writer",
        mount_remount(path.as_str(), MountFlags::RDONLY, ""),
        Errno::EBUSY,
    )?;
    drop(open);
    ok(
        "remount",
        mount_remount(path.as_str(), MountFlags::RDONLY, ""),
    )?;
    fails("write", fs::write(&file, "x"), Errno::EROFS)?;
    fails("mkdir", fs::create_dir(place.at("m/d")), Errno::EROFS)?;
    fails("unlink", fs::remove_file(&file), Errno::EROFS)?;
    ok(
        "remount",
        mount_remount(path.as_str(), MountFlags::empty(), ""),
    )?;
    ok("write", fs::write(&file, "x"))
}

fn limit() -> Check {
    let place = Place::new("limit")?;
    let path = place.directory("m")?;
    ok(
        "mount",
        mount(
            "tmpfs",
            path.as_str(),
            "tmpfs",
            MountFlags::empty(),
            Some(c"size=64k"),
        ),
    )?;
    fails(
        "more than fits",
        fs::write(place.at("m/large"), vec![1; 100_000]),
        Errno::ENOSPC,
    )?;
    ok("unlink", fs::remove_file(place.at("m/large")))?;
    ok("what fits", fs::write(place.at("m/small"), vec![1; 60_000]))
}

fn errors() -> Check {
    let place = Place::new("mount-errors")?;
    let path = place.directory("m")?;
    let file = place.file("file", "")?;
    fails(
        "an unknown type",
        mount("x", path.as_str(), "nosuchfs", MountFlags::empty(), None),
        Errno::ENODEV,
    )?;
    fails(
        "nothing there",
        mount(
            "x",
            place.at("none").as_str(),
            "tmpfs",
            MountFlags::empty(),
            None,
        ),
        Errno::ENOENT,
    )?;
    fails(
        "onto a file",
        mount("x", file.as_str(), "tmpfs", MountFlags::empty(), None),
        Errno::ENOTDIR,
    )?;
    fails(
        "no mount",
        unmount(path.as_str(), UnmountFlags::empty()),
        Errno::EINVAL,
    )?;
    as_user(1000, || {
        fails(
            "by a user",
            mount("x", path.as_str(), "tmpfs", MountFlags::empty(), None),
            Errno::EPERM,
        )?;
        fails(
            "umount by a user",
            unmount("/tmp", UnmountFlags::empty()),
            Errno::EPERM,
        )
    })
}
