//! overlay: what Documentation/filesystems/overlayfs.rst says of it.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::files::Place;
use crate::harness::Case;
use crate::users::as_user;
use gantry_abi::user::Errno;
use rustix::fs::{
    CWD, FileType, Mode, RawDir, RenameFlags, XattrFlags, mknodat, renameat_with, setxattr,
};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount, mount_remount, move_mount,
    unmount,
};
use std::ffi::CString;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

pub const CASES: &[Case] = &[
    Case {
        name: "overlay_merges_directories_and_hides_what_is_removed",
        test: merges,
    },
    Case {
        name: "overlay_copies_up_before_the_first_change",
        test: copies_up,
    },
    Case {
        name: "overlay_shares_pages_with_the_lower_file_until_copy_up",
        test: shares_pages,
    },
    Case {
        name: "overlay_renames_files_and_upper_directories_only",
        test: renames,
    },
    Case {
        name: "overlay_links_and_removed_files_live_on",
        test: links,
    },
    Case {
        name: "overlay_directory_reading_ends_while_entries_go",
        test: reading_ends,
    },
    Case {
        name: "overlay_stays_whole_under_changes_from_several_threads",
        test: races,
    },
    Case {
        name: "overlay_runs_programs_of_a_lower_layer",
        test: executes,
    },
    Case {
        name: "overlay_without_an_upper_layer_is_read_only",
        test: lower_only,
    },
    Case {
        name: "overlay_by_fsopen_takes_a_layer_at_a_time",
        test: by_descriptor,
    },
    Case {
        name: "overlay_checks_the_caller_and_refuses_bad_layers",
        test: refusals,
    },
    Case {
        name: "overlay_is_shown_in_the_mount_table",
        test: shown,
    },
];

/// A place with directories `low`, `lower`, `up`, `work` and `m`, in a tmpfs that can be upper whatever /tmp is.
pub(super) fn layers(name: &str) -> Check<Place> {
    let place = Place::new(name)?;
    let none = MountFlags::empty();
    ok("tmpfs", mount("tmpfs", place.text(), "tmpfs", none, None))?;
    for name in ["low", "lower", "up", "work", "m"] {
        place.directory(name)?;
    }
    Ok(place)
}

pub(super) fn mount_with(place: &Place, options: &str) -> rustix::io::Result<()> {
    let options = CString::new(options).map_err(|_| rustix::io::Errno::INVAL)?;
    mount(
        "overlay",
        place.at("m"),
        "overlay",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
}

pub(super) fn options(place: &Place) -> String {
    let top = place.text();
    format!("lowerdir={top}/low:{top}/lower,upperdir={top}/up,workdir={top}/work")
}

pub(super) fn overlay(place: &Place) -> Check {
    ok("mount", mount_with(place, &options(place)))
}

fn detach(place: &Place) -> Check {
    ok("umount", unmount(place.at("m"), UnmountFlags::empty()))
}

pub(super) fn content(place: &Place, name: &str) -> Check<String> {
    ok(name, fs::read_to_string(place.at(name)))
}

pub(super) fn names(place: &Place, name: &str) -> Check<Vec<String>> {
    crate::files::names_in(crate::files::directory(&place.at(name))?)
}

fn is_whiteout(place: &Place, name: &str) -> Check<bool> {
    let status = ok(name, fs::symlink_metadata(place.at(name)))?;
    Ok(status.mode() & 0o170_000 == 0o020_000 && status.rdev() == 0)
}

fn merges() -> Check {
    let place = layers("overlay-merges")?;
    for (name, text) in [
        ("lower/f", "lower"),
        ("low/f", "low"),
        ("lower/deep", "deep"),
        ("up/own", "up"),
        ("lower/gone", ""),
    ] {
        place.file(name, text)?;
    }
    for name in ["lower/d", "low/d", "lower/opaque", "low/opaque"] {
        place.directory(name)?;
    }
    place.file("lower/d/a", "")?;
    place.file("low/d/b", "")?;
    place.file("lower/opaque/below", "")?;
    ok(
        "whiteout",
        mknodat(
            CWD,
            place.at("low/gone"),
            FileType::CharacterDevice,
            Mode::empty(),
            0,
        ),
    )?;
    let mark = "trusted.overlay.opaque";
    ok(
        "opaque",
        setxattr(place.at("low/opaque"), mark, b"y", XattrFlags::empty()),
    )?;
    overlay(&place)?;
    equal(
        "names",
        names(&place, "m")?,
        ["d", "deep", "f", "opaque", "own"]
            .map(String::from)
            .to_vec(),
    )?;
    equal(
        "merged",
        names(&place, "m/d")?,
        vec!["a".into(), "b".into()],
    )?;
    equal("opaque", names(&place, "m/opaque")?, vec![])?;
    equal("the upper one wins", content(&place, "m/f")?, "low".into())?;
    ok("unlink", fs::remove_file(place.at("m/f")))?;
    ensure("a whiteout", is_whiteout(&place, "up/f")?)?;
    fails("rmdir", fs::remove_dir(place.at("m/d")), Errno::ENOTEMPTY)?;
    ok("rm -r", fs::remove_dir_all(place.at("m/d")))?;
    place.directory("m/d")?;
    equal("made again, empty", names(&place, "m/d")?, vec![])?;
    detach(&place)?;
    overlay(&place)?;
    equal("mounted again, empty", names(&place, "m/d")?, vec![])?;
    fails("gone", fs::metadata(place.at("m/f")), Errno::ENOENT)?;
    equal("below", names(&place, "lower/d")?, vec!["a".into()])
}

fn copies_up() -> Check {
    let place = layers("overlay-copies")?;
    place.directory("lower/d")?;
    ok(
        "chmod",
        fs::set_permissions(place.at("lower/d"), fs::Permissions::from_mode(0o2750)),
    )?;
    place.file("lower/d/f", "content")?;
    place.file("lower/d/g", "content")?;
    ok(
        "attribute",
        setxattr(
            place.at("lower/d/f"),
            "trusted.note",
            b"1",
            XattrFlags::empty(),
        ),
    )?;
    overlay(&place)?;
    let before = ok("stat", fs::metadata(place.at("m/d/f")))?;
    let mut early = ok("open", fs::File::open(place.at("m/d/f")))?;
    equal("nothing is copied", names(&place, "up")?, vec![])?;
    let mut file = ok(
        "open",
        fs::OpenOptions::new().append(true).open(place.at("m/d/f")),
    )?;
    equal("a copy", content(&place, "up/d/f")?, "content".into())?;
    ok("write", file.write_all(b" and more"))?;
    let mut text = String::new();
    ok("read", early.read_to_string(&mut text))?;
    equal(
        "seen by who opened it before",
        text.as_str(),
        "content and more",
    )?;
    equal("below", content(&place, "lower/d/f")?, "content".into())?;
    let after = ok("stat", fs::metadata(place.at("m/d/f")))?;
    equal("number", after.ino(), before.ino())?;
    equal("device", after.dev(), before.dev())?;
    let parent = ok("stat", fs::metadata(place.at("up/d")))?;
    equal("the parent's mode", parent.mode() & 0o7777, 0o2750)?;
    equal(
        "the attribute",
        ok(
            "getxattr",
            rustix::fs::getxattr(place.at("up/d/f"), "trusted.note", &mut [0; 4]),
        )?,
        1,
    )?;
    ok(
        "chmod",
        fs::set_permissions(place.at("m/d/g"), fs::Permissions::from_mode(0o600)),
    )?;
    equal("copied whole", content(&place, "up/d/g")?, "content".into())?;
    let below = ok("stat", fs::metadata(place.at("lower/d/g")))?;
    equal("mode below", below.mode() & 0o777, 0o644)
}

fn shares_pages() -> Check {
    let place = layers("overlay-pages")?;
    // More than the upper layer has room for: reading and mapping must not copy it.
    let size = 8 << 20;
    ok("write", fs::write(place.at("lower/f"), vec![7; size]))?;
    ok(
        "a small upper layer",
        mount(
            "tmpfs",
            place.at("up"),
            "tmpfs",
            MountFlags::empty(),
            Some(c"size=1m"),
        ),
    )?;
    for name in ["up/u", "up/w"] {
        place.directory(name)?;
    }
    let top = place.text();
    let options = format!("lowerdir={top}/lower,upperdir={top}/up/u,workdir={top}/up/w");
    ok("mount", mount_with(&place, &options))?;
    ok(
        "program",
        fs::copy("/bin/busybox", place.at("lower/busybox")),
    )?;
    let free = || -> Check<u64> {
        let text = ok("meminfo", fs::read_to_string("/proc/meminfo"))?;
        let line = text.lines().find(|line| line.starts_with("MemFree:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        number.ok_or_else(|| "no MemFree".to_owned())
    };
    let before = free()?;
    let mut file = ok("open", fs::File::open(place.at("m/f")))?;
    let mut piece = [0; 4096];
    while ok("read", file.read(&mut piece))? > 0 {
        ensure("content", piece.iter().all(|&byte| byte == 7))?;
    }
    let mut program = std::process::Command::new(place.at("m/busybox"));
    ensure("runs", ok("run", program.arg("true").status())?.success())?;
    let used = before.saturating_sub(free()?);
    ensure(&format!("{used} KiB for reading 8 MiB"), used < 4096)?;
    let write = fs::OpenOptions::new().write(true).open(place.at("m/f"));
    fails("no room for a copy", write, Errno::ENOSPC)?;
    let shorter = fs::OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(place.at("m/f"));
    ok("none is needed to begin anew", shorter)?;
    equal(
        "below",
        ok("stat", fs::metadata(place.at("lower/f")))?.len(),
        size as u64,
    )
}

fn renames() -> Check {
    let place = layers("overlay-renames")?;
    place.directory("lower/d")?;
    place.file("lower/d/x", "")?;
    place.directory("lower/e")?;
    place.file("lower/f", "f")?;
    place.file("lower/g", "g")?;
    overlay(&place)?;
    let rename =
        |from: &str, to: &str, flags| renameat_with(CWD, place.at(from), CWD, place.at(to), flags);
    let plain = RenameFlags::empty();
    fails(
        "a lower directory",
        rename("m/d", "m/new", plain),
        Errno::EXDEV,
    )?;
    ok("a lower file", rename("m/f", "m/d/f", plain))?;
    ensure("leaves a whiteout", is_whiteout(&place, "up/f")?)?;
    equal("moved", content(&place, "m/d/f")?, "f".into())?;
    place.directory("m/own")?;
    place.file("m/own/in", "own")?;
    ok("an upper directory", rename("m/own", "m/own2", plain))?;
    ok("rmdir", fs::remove_dir(place.at("m/e")))?;
    ok("onto a removed one", rename("m/own2", "m/e", plain))?;
    equal("only its own", names(&place, "m/e")?, vec!["in".into()])?;
    fails(
        "there already",
        rename("m/g", "m/e/in", RenameFlags::NOREPLACE),
        Errno::EEXIST,
    )?;
    ok("exchange", rename("m/g", "m/e/in", RenameFlags::EXCHANGE))?;
    equal("one", content(&place, "m/g")?, "own".into())?;
    equal("other", content(&place, "m/e/in")?, "g".into())?;
    fails(
        "exchange with a lower directory",
        rename("m/e", "m/d", RenameFlags::EXCHANGE),
        Errno::EXDEV,
    )?;
    detach(&place)?;
    overlay(&place)?;
    equal(
        "the same, mounted again",
        names(&place, "m")?,
        ["d", "e", "g"].map(String::from).to_vec(),
    )?;
    equal("opaque", names(&place, "m/e")?, vec!["in".into()])
}

fn links() -> Check {
    let place = layers("overlay-links")?;
    place.file("lower/f", "content")?;
    ok(
        "symlink",
        std::os::unix::fs::symlink("f", place.at("lower/s")),
    )?;
    overlay(&place)?;
    equal("through a link", content(&place, "m/s")?, "content".into())?;
    ok("link", fs::hard_link(place.at("m/f"), place.at("m/other")))?;
    ok("write", fs::write(place.at("m/other"), "changed"))?;
    equal("both names", content(&place, "m/f")?, "changed".into())?;
    let (one, other) = (
        ok("stat", fs::metadata(place.at("m/f")))?,
        ok("stat", fs::metadata(place.at("m/other")))?,
    );
    equal("one file", one.ino(), other.ino())?;
    equal("two names", one.nlink(), 2)?;
    let mut open = ok("open", fs::File::open(place.at("m/f")))?;
    for name in ["m/f", "m/other"] {
        ok("unlink", fs::remove_file(place.at(name)))?;
    }
    let mut text = String::new();
    ok("read", open.read_to_string(&mut text))?;
    equal("read after the last name went", text.as_str(), "changed")?;
    ok("chmod", rustix::fs::fchmod(&open, Mode::from(0o600)))?;
    equal("below", content(&place, "lower/f")?, "content".into())
}

fn reading_ends() -> Check {
    let place = layers("overlay-reading")?;
    for number in 0..300 {
        place.file(&format!("lower/f{number}"), "")?;
        if number % 2 == 0 {
            place.file(&format!("low/f{number}"), "")?;
        }
    }
    overlay(&place)?;
    let mut directory = ok("open", fs::File::open(place.at("m")))?;
    let mut seen = Vec::new();
    let mut room = [MaybeUninit::uninit(); 128];
    let mut entries = RawDir::new(&directory, &mut room);
    while let Some(entry) = entries.next() {
        let name = ok("getdents64", entry)?
            .file_name()
            .to_string_lossy()
            .into_owned();
        ensure(&format!("{name} again"), !seen.contains(&name))?;
        if name.starts_with('f') {
            ok("unlink", fs::remove_file(place.at(&format!("m/{name}"))))?;
        }
        seen.push(name);
    }
    equal("entries", seen.len(), 302)?;
    place.file("m/late", "")?;
    ok("rewind", directory.seek(SeekFrom::Start(0)))?;
    equal("after rewinding", names(&place, "m")?, vec!["late".into()])
}

/// Everything below a directory: names, kinds and content.
fn all(path: &str) -> Check<Vec<String>> {
    let mut lines = Vec::new();
    let mut left = vec![path.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in ok(&directory, fs::read_dir(&directory))? {
            let entry = ok(&directory, entry)?.path().to_string_lossy().into_owned();
            if ok(&entry, fs::symlink_metadata(&entry))?.is_dir() {
                left.push(entry.clone());
                lines.push(format!("{entry}/"));
            } else {
                let content = ok(&entry, fs::read_to_string(&entry))?;
                lines.push(format!("{entry} = {content}"));
            }
        }
    }
    lines.sort();
    Ok(lines)
}

/// Changes names out of few, whatever comes of it: the other threads may have been there first.
fn change_names(top: &str, seed: u64) {
    let mut state = seed;
    let mut below = |limit: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % limit
    };
    for round in 0..400 {
        let mut path = || {
            let depth = below(3);
            (0..=depth).fold(top.to_owned(), |path, _| {
                path + ["/a", "/b", "/c"][below(3) as usize]
            })
        };
        let (one, other) = (path(), path());
        let _ = match below(10) {
            0..=2 => fs::write(&one, format!("{round}")),
            3 => fs::create_dir(&one),
            4 => fs::remove_file(&one),
            5 => fs::remove_dir(&one),
            6 | 7 => fs::rename(&one, &other),
            8 => fs::hard_link(&one, &other),
            _ => fs::set_permissions(&one, fs::Permissions::from_mode(0o700)),
        };
    }
}

fn races() -> Check {
    let place = layers("overlay-races")?;
    for name in ["lower/a", "lower/a/b", "lower/c", "low/a"] {
        place.directory(name)?;
    }
    for name in [
        "lower/b",
        "lower/a/a",
        "lower/a/b/c",
        "low/a/c",
        "lower/c/a",
    ] {
        place.file(name, name)?;
    }
    let below = (all(&place.at("lower"))?, all(&place.at("low"))?);
    overlay(&place)?;
    let top = place.at("m");
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let top = &top;
            scope.spawn(move || change_names(top, seed));
        }
    });
    let seen = all(&top)?;
    detach(&place)?;
    overlay(&place)?;
    equal("seen by a new mount", all(&top)?, seen)?;
    equal(
        "below",
        (all(&place.at("lower"))?, all(&place.at("low"))?),
        below,
    )?;
    equal(
        "left in the working directory",
        names(&place, "work/work")?,
        vec![],
    )
}

fn executes() -> Check {
    let place = layers("overlay-executes")?;
    ok("copy", fs::copy("/bin/busybox", place.at("lower/busybox")))?;
    overlay(&place)?;
    let output = ok(
        "run",
        std::process::Command::new(place.at("m/busybox"))
            .args(["echo", "hello"])
            .output(),
    )?;
    equal(
        "output",
        String::from_utf8_lossy(&output.stdout).trim(),
        "hello",
    )?;
    equal("nothing is copied", names(&place, "up")?, vec![])
}

fn lower_only() -> Check {
    let place = layers("overlay-lower-only")?;
    place.file("lower/f", "f")?;
    place.file("low/g", "g")?;
    let top = place.text();
    ok(
        "mount",
        mount_with(&place, &format!("lowerdir={top}/low:{top}/lower")),
    )?;
    equal("names", names(&place, "m")?, vec!["f".into(), "g".into()])?;
    fails("write", fs::write(place.at("m/f"), ""), Errno::EROFS)?;
    fails("unlink", fs::remove_file(place.at("m/f")), Errno::EROFS)?;
    fails("mkdir", fs::create_dir(place.at("m/d")), Errno::EROFS)
}

fn by_descriptor() -> Check {
    let place = layers("overlay-fsopen")?;
    place.file("lower/f", "f")?;
    place.file("low/g", "g")?;
    let open = ok("fsopen", fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC))?;
    for (key, name) in [
        ("lowerdir+", "low"),
        ("lowerdir+", "lower"),
        ("upperdir", "up"),
        ("workdir", "work"),
    ] {
        ok(key, fsconfig_set_string(open.as_fd(), key, place.at(name)))?;
    }
    ok("create", fsconfig_create(open.as_fd()))?;
    let made = ok(
        "fsmount",
        fsmount(
            open.as_fd(),
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::empty(),
        ),
    )?;
    ok(
        "move_mount",
        move_mount(
            made.as_fd(),
            "",
            CWD,
            place.at("m"),
            MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
        ),
    )?;
    place.file("m/new", "")?;
    equal(
        "names",
        names(&place, "m")?,
        ["f", "g", "new"].map(String::from).to_vec(),
    )?;
    equal("written above", names(&place, "up")?, vec!["new".into()])
}

fn refusals() -> Check {
    let place = layers("overlay-refusals")?;
    place.file("lower/f", "f")?;
    place.directory("up/in")?;
    let top = place.text();
    for (options, error) in [
        (String::new(), Errno::EINVAL),
        (format!("lowerdir={top}/low"), Errno::EINVAL),
        (format!("lowerdir={top}/low:{top}/none"), Errno::ENOENT),
        (format!("lowerdir={top}/low:{top}/lower/f"), Errno::EINVAL),
        (
            format!("lowerdir={top}/low,upperdir={top}/up"),
            Errno::EINVAL,
        ),
        (
            format!("lowerdir={top}/low:{top}/lower,nosuch=1"),
            Errno::EINVAL,
        ),
        (format!("lowerdir={top}/low:{top}/low"), Errno::ELOOP),
        (
            format!("lowerdir={top}/low,upperdir={top}/up,workdir={top}/up/in"),
            Errno::EINVAL,
        ),
        (
            format!("lowerdir={top}/low,upperdir={top}/up,workdir=/proc"),
            Errno::EINVAL,
        ),
    ] {
        fails(&options, mount_with(&place, &options), error)?;
    }
    overlay(&place)?;
    as_user(1000, || {
        fails("write", fs::write(place.at("m/f"), ""), Errno::EACCES)?;
        fails("create", fs::write(place.at("m/new"), ""), Errno::EACCES)?;
        fails("unlink", fs::remove_file(place.at("m/f")), Errno::EACCES)
    })?;
    equal("nothing is copied", names(&place, "up")?, vec!["in".into()])
}

fn shown() -> Check {
    let place = layers("overlay-shown")?;
    overlay(&place)?;
    let table = ok("mounts", fs::read_to_string("/proc/self/mounts"))?;
    let begin = format!(
        "overlay {} overlay rw,relatime,{}",
        place.at("m"),
        options(&place)
    );
    ensure(
        &format!("no line {begin}"),
        table.lines().any(|line| line.starts_with(&begin)),
    )?;
    let types = ok("filesystems", fs::read_to_string("/proc/filesystems"))?;
    ensure(
        "/proc/filesystems",
        types.lines().any(|line| line == "nodev\toverlay"),
    )?;
    let remount = |flags| mount_remount(place.at("m"), flags, options(&place).as_str());
    ok("remount", remount(MountFlags::RDONLY))?;
    fails("write", fs::write(place.at("m/x"), ""), Errno::EROFS)?;
    ok("remount", remount(MountFlags::empty()))?;
    ok("write", fs::write(place.at("m/x"), ""))?;
    let status = ok("statfs", rustix::fs::statfs(place.at("m")))?;
    equal("magic number", status.f_type as u64, 0x794c_7630)?;
    let (above, below) = (
        ok("stat", fs::metadata(place.at("m")))?,
        ok("stat", fs::metadata(place.at("up")))?,
    );
    ensure("a device of its own", above.dev() != below.dev())
}
