//! EROFS: images that mkfs.erofs made, mounted from files.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::files::Place;
use crate::harness::Case;
use crate::users::as_user;
use gantry_abi::user::Errno;
use rustix::fs::{CWD, getxattr};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount, move_mount, unmount,
};
use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::{Command, Stdio};

pub const CASES: &[Case] = &[
    Case {
        name: "erofs_shows_what_mkfs_put_in",
        test: content,
    },
    Case {
        name: "erofs_is_read_only_and_keeps_its_image_busy",
        test: read_only,
    },
    Case {
        name: "erofs_lies_under_an_overlay",
        test: under_overlay,
    },
    Case {
        name: "erofs_refuses_what_is_no_image",
        test: refusals,
    },
];

/// The images of the kernel's own tests.
const IMAGES: [&[u8]; 2] = [
    include_bytes!("../../../../../../kernel/core/src/fs/erofs/tests/compact.erofs.gz"),
    include_bytes!("../../../../../../kernel/core/src/fs/erofs/tests/extended.erofs.gz"),
];

/// A place with an image, unpacked, and a directory `m` to mount it on.
fn with_image(name: &str, packed: &[u8]) -> Check<Place> {
    let place = Place::new(name)?;
    place.directory("m")?;
    let image = ok("create", fs::File::create(place.at("image")))?;
    let mut gunzip = ok(
        "gunzip",
        Command::new("/bin/busybox")
            .arg("gunzip")
            .stdin(Stdio::piped())
            .stdout(image)
            .spawn(),
    )?;
    let mut input = gunzip.stdin.take().ok_or("no input")?;
    ok("write", input.write_all(packed))?;
    drop(input);
    ensure("gunzip", ok("wait", gunzip.wait())?.success())?;
    Ok(place)
}

fn mount_image(place: &Place) -> rustix::io::Result<()> {
    let none = MountFlags::empty();
    mount(place.at("image"), place.at("m"), "erofs", none, None)
}

fn mounted(name: &str, packed: &[u8]) -> Check<Place> {
    let place = with_image(name, packed)?;
    ok("mount", mount_image(&place))?;
    Ok(place)
}

fn names(place: &Place, name: &str) -> Check<Vec<String>> {
    crate::files::names_in(crate::files::directory(&place.at(name))?)
}

fn content() -> Check {
    for (number, image) in IMAGES.into_iter().enumerate() {
        let place = mounted(&format!("erofs-content-{number}"), image)?;
        let hello = ok("read", fs::read_to_string(place.at("m/deep/link")))?;
        equal("through a link", hello.as_str(), "hello from an image\n")?;
        let large = ok("read", fs::read(place.at("m/large")))?;
        let expected: Vec<u8> = (0..10000)
            .map(|i| ((i * 7 + i / 256) % 251) as u8)
            .collect();
        ensure("content", large == expected)?;
        let sparse = ok("read", fs::read(place.at("m/sparse")))?;
        equal("size", sparse.len(), 40960)?;
        equal("data", &sparse[20480..20484], b"data".as_slice())?;
        equal("entries", names(&place, "m/many")?.len(), 120)?;
        let status = ok("stat", fs::metadata(place.at("m/large")))?;
        equal(
            "attributes",
            (status.mode(), status.uid(), status.gid(), status.mtime()),
            (0o104_750, 5, 70000, 1_000_000_000),
        )?;
        let (one, other) = (
            ok("stat", fs::metadata(place.at("m/etc/hello")))?,
            ok("stat", fs::metadata(place.at("m/deep/er/twin")))?,
        );
        equal("one file", (one.ino(), one.nlink()), (other.ino(), 2))?;
        let null = ok("stat", fs::metadata(place.at("m/null")))?;
        ensure("a device", null.file_type().is_char_device())?;
        ok("write to it", fs::write(place.at("m/null"), "x"))?;
        let mut value = [0; 100];
        let length = ok(
            "getxattr",
            getxattr(place.at("m/etc/hello"), "user.note", &mut value),
        )?;
        equal(
            "attribute",
            &value[..length],
            b"a note of some length".as_slice(),
        )?;
        let status = ok("statfs", rustix::fs::statfs(place.at("m")))?;
        equal("magic number", status.f_type as u64, 0xe0f5_e1e2)?;
    }
    Ok(())
}

fn read_only() -> Check {
    let place = with_image("erofs-read-only", IMAGES[0])?;
    place.directory("t")?;
    let none = MountFlags::empty();
    ok("tmpfs", mount("tmpfs", place.at("t"), "tmpfs", none, None))?;
    ok("copy", fs::copy(place.at("image"), place.at("t/image")))?;
    let image = place.at("t/image");
    ok("mount", mount(image, place.at("m"), "erofs", none, None))?;
    fails("write", fs::write(place.at("m/large"), ""), Errno::EROFS)?;
    fails("unlink", fs::remove_file(place.at("m/large")), Errno::EROFS)?;
    let table = ok("mounts", fs::read_to_string("/proc/self/mounts"))?;
    let line = format!("{} {} erofs ro", place.at("t/image"), place.at("m"));
    ensure(&line, table.lines().any(|found| found.starts_with(&line)))?;
    let unmounted = unmount(place.at("t"), UnmountFlags::empty());
    fails("umount what the image is in", unmounted, Errno::EBUSY)?;
    ok("unlink the image", fs::remove_file(place.at("t/image")))?;
    ensure("still there", fs::read(place.at("m/large")).is_ok())?;
    ok("umount", unmount(place.at("m"), UnmountFlags::empty()))?;
    ok("umount", unmount(place.at("t"), UnmountFlags::empty()))
}

fn under_overlay() -> Check {
    let place = with_image("erofs-overlay", IMAGES[1])?;
    for name in ["lower", "t"] {
        place.directory(name)?;
    }
    let open = ok("fsopen", fsopen("erofs", FsOpenFlags::FSOPEN_CLOEXEC))?;
    ok(
        "source",
        fsconfig_set_string(open.as_fd(), "source", place.at("image")),
    )?;
    ok("create", fsconfig_create(open.as_fd()))?;
    let made = ok(
        "fsmount",
        fsmount(
            open.as_fd(),
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::empty(),
        ),
    )?;
    let to = place.at("lower");
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    ok("move_mount", move_mount(made.as_fd(), "", CWD, to, empty))?;
    let none = MountFlags::empty();
    ok("tmpfs", mount("tmpfs", place.at("t"), "tmpfs", none, None))?;
    for name in ["t/up", "t/work"] {
        place.directory(name)?;
    }
    let top = place.text();
    let options = format!("lowerdir={top}/lower,upperdir={top}/t/up,workdir={top}/t/work");
    let options = ok("options", std::ffi::CString::new(options))?;
    ok(
        "overlay",
        mount(
            "overlay",
            place.at("m"),
            "overlay",
            none,
            Some(options.as_c_str()),
        ),
    )?;
    ok("write", fs::write(place.at("m/etc/hello"), "changed"))?;
    ok("rm -r", fs::remove_dir_all(place.at("m/many")))?;
    let changed = ok("read", fs::read_to_string(place.at("m/etc/hello")))?;
    equal("changed", changed.as_str(), "changed")?;
    equal("below", names(&place, "lower/many")?.len(), 120)?;
    fails("gone", fs::metadata(place.at("m/many")), Errno::ENOENT)
}

fn refusals() -> Check {
    let place = with_image("erofs-refusals", IMAGES[0])?;
    let at = place.at("m");
    let mount_at = |source: &str| mount(source, &at, "erofs", MountFlags::empty(), None);
    fails("nothing", mount_at(&place.at("none")), Errno::ENOENT)?;
    fails("a directory", mount_at(&place.text()), Errno::ENOTBLK)?;
    fails("a device", mount_at("/dev/null"), Errno::ENOTBLK)?;
    fails("a program", mount_at("/bin/busybox"), Errno::EINVAL)?;
    as_user(1000, || {
        fails("by a user", mount_at(&place.at("image")), Errno::EPERM)
    })?;
    let mut image = ok("read", fs::read(place.at("image")))?;
    image[1100] ^= 1;
    ok("write", fs::write(place.at("image"), image))?;
    fails("a wrong checksum", mount_image(&place), Errno::EBADMSG)?;
    let types = ok("filesystems", fs::read_to_string("/proc/filesystems"))?;
    ensure(
        "/proc/filesystems",
        types.lines().any(|line| line == "\terofs"),
    )
}
