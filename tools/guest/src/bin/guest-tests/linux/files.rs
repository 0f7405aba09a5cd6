//! Files, names and permissions.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::files::Place;
use crate::harness::Case;
use crate::users::as_user;
use gantry_abi::user::Errno;
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, chmod, open, openat, renameat_with, statat, symlink,
    unlinkat,
};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

pub const CASES: &[Case] = &[
    Case {
        name: "files_keep_what_is_written",
        test: contents,
    },
    Case {
        name: "holes_read_as_zero",
        test: holes,
    },
    Case {
        name: "appending_writes_at_the_end",
        test: append,
    },
    Case {
        name: "truncating_cuts_and_grows",
        test: truncate,
    },
    Case {
        name: "links_count_and_keep_files",
        test: links,
    },
    Case {
        name: "renaming_moves_and_replaces",
        test: renaming,
    },
    Case {
        name: "symbolic_links_are_followed_to_a_limit",
        test: symbolic_links,
    },
    Case {
        name: "directories_list_what_is_in_them",
        test: directories,
    },
    Case {
        name: "removed_files_stay_usable",
        test: removed,
    },
    Case {
        name: "permissions_hold_for_ordinary_users",
        test: permissions,
    },
    Case {
        name: "a_sticky_directory_protects_its_files",
        test: sticky,
    },
    Case {
        name: "the_umask_takes_bits_away",
        test: umask,
    },
    Case {
        name: "descriptors_run_out_at_the_limit",
        test: descriptor_limit,
    },
    Case {
        name: "a_descriptor_and_its_copy_share_the_position",
        test: shared_position,
    },
    Case {
        name: "times_move_as_they_should",
        test: times,
    },
];

fn contents() -> Check {
    let place = Place::new("contents")?;
    let data: Vec<u8> = (0..300_000_u32).map(|index| (index % 241) as u8).collect();
    ok("write", fs::write(place.at("file"), &data))?;
    ensure("read back", ok("read", fs::read(place.at("file")))? == data)?;
    let file = ok("open", fs::File::open(place.at("file")))?;
    let mut piece = [0; 1000];
    ok("pread", file.read_exact_at(&mut piece, 123_456))?;
    ensure("a piece", piece.as_slice() == &data[123_456..124_456])?;
    let status = ok("stat", fs::metadata(place.at("file")))?;
    equal("size", status.len(), 300_000)?;
    ensure("blocks", status.blocks() * 512 >= 300_000)
}

fn holes() -> Check {
    let place = Place::new("holes")?;
    let mut file = ok("create", fs::File::create_new(place.at("file")))?;
    ok("write behind the end", file.write_all_at(b"end", 100_000))?;
    equal("size", ok("stat", file.metadata())?.len(), 100_003)?;
    let content = ok("read", fs::read(place.at("file")))?;
    ensure("the hole", content[..100_000].iter().all(|&byte| byte == 0))?;
    ensure("few blocks", ok("stat", file.metadata())?.blocks() <= 16)?;
    ok("seek", file.seek(SeekFrom::End(-3)))?;
    ok("write", file.write_all(b"END"))?;
    equal(
        "the end",
        &ok("read", fs::read(place.at("file")))?[100_000..],
        b"END".as_slice(),
    )
}

fn append() -> Check {
    let place = Place::new("append")?;
    let path = place.file("file", "begin ")?;
    let file = || ok("open", fs::OpenOptions::new().append(true).open(&path));
    let (mut first, mut second) = (file()?, file()?);
    ok("write", first.write_all(b"one "))?;
    ok("write", second.write_all(b"two "))?;
    ok("write", first.write_all(b"three"))?;
    equal(
        "all in order",
        ok("read", fs::read_to_string(&path))?,
        "begin one two three".to_owned(),
    )
}

fn truncate() -> Check {
    let place = Place::new("truncate")?;
    let path = place.file("file", "0123456789")?;
    let file = ok("open", fs::OpenOptions::new().write(true).open(&path))?;
    ok("cut", file.set_len(4))?;
    equal(
        "cut",
        ok("read", fs::read_to_string(&path))?,
        "0123".to_owned(),
    )?;
    ok("grow", file.set_len(8))?;
    equal(
        "grown with zeros",
        ok("read", fs::read(&path))?,
        b"0123\0\0\0\0".to_vec(),
    )?;
    ok("open with O_TRUNC", fs::File::create(&path))?;
    equal("empty", ok("stat", fs::metadata(&path))?.len(), 0)
}

fn links() -> Check {
    let place = Place::new("links")?;
    let path = place.file("first", "content")?;
    ok("link", fs::hard_link(&path, place.at("second")))?;
    equal("two links", ok("stat", fs::metadata(&path))?.nlink(), 2)?;
    ok("unlink", fs::remove_file(&path))?;
    equal(
        "the other name",
        ok("read", fs::read_to_string(place.at("second")))?,
        "content".to_owned(),
    )?;
    equal(
        "one link",
        ok("stat", fs::metadata(place.at("second")))?.nlink(),
        1,
    )?;
    fails(
        "link onto a name",
        fs::hard_link(place.at("second"), place.at("second")),
        Errno::EEXIST,
    )?;
    fails(
        "link of a directory",
        fs::hard_link(place.text(), place.at("third")),
        Errno::EPERM,
    )
}

fn renaming() -> Check {
    let place = Place::new("rename")?;
    let (a, b) = (place.file("a", "a")?, place.file("b", "b")?);
    ok("rename", fs::rename(&a, &b))?;
    equal(
        "replaced",
        ok("read", fs::read_to_string(&b))?,
        "a".to_owned(),
    )?;
    fails("the old name", fs::metadata(&a), Errno::ENOENT)?;
    let inner = place.directory("d")?;
    place.directory("d/e")?;
    fails(
        "into itself",
        fs::rename(&inner, place.at("d/e/f")),
        Errno::EINVAL,
    )?;
    fails(
        "a directory onto a file",
        fs::rename(&inner, &b),
        Errno::ENOTDIR,
    )?;
    fails(
        "a file onto a directory",
        fs::rename(&b, &inner),
        Errno::EISDIR,
    )?;
    place.directory("full")?;
    place.file("full/file", "")?;
    fails(
        "onto a full directory",
        fs::rename(&inner, place.at("full")),
        Errno::ENOTEMPTY,
    )?;
    let exclusive = renameat_with(CWD, b.as_str(), CWD, inner.as_str(), RenameFlags::NOREPLACE);
    fails("without replacing", exclusive, Errno::EEXIST)?;
    ok(
        "exchange",
        renameat_with(CWD, b.as_str(), CWD, inner.as_str(), RenameFlags::EXCHANGE),
    )?;
    ensure(
        "exchanged",
        ok("stat", fs::metadata(&b))?.is_dir() && ok("stat", fs::metadata(&inner))?.is_file(),
    )
}

fn symbolic_links() -> Check {
    let place = Place::new("symlinks")?;
    place.file("target", "content")?;
    ok("symlink", symlink("target", place.at("link").as_str()))?;
    equal(
        "followed",
        ok("read", fs::read_to_string(place.at("link")))?,
        "content".to_owned(),
    )?;
    equal(
        "readlink",
        ok("readlink", fs::read_link(place.at("link")))?
            .to_string_lossy()
            .into_owned(),
        "target".to_owned(),
    )?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
    fails(
        "O_NOFOLLOW",
        open(place.at("link").as_str(), flags, Mode::empty()),
        Errno::ELOOP,
    )?;
    ok("symlink", symlink("loop", place.at("loop").as_str()))?;
    fails("a loop", fs::read(place.at("loop")), Errno::ELOOP)?;
    ok("symlink", symlink("nowhere", place.at("dangling").as_str()))?;
    fails(
        "a dangling link",
        fs::read(place.at("dangling")),
        Errno::ENOENT,
    )?;
    ok(
        "create through a dangling link",
        fs::write(place.at("dangling"), "new"),
    )?;
    equal(
        "its target",
        ok("read", fs::read_to_string(place.at("nowhere")))?,
        "new".to_owned(),
    )
}

fn directories() -> Check {
    let place = Place::new("directories")?;
    for number in 0..500 {
        place.file(&format!("file-{number:03}"), "")?;
    }
    let names = crate::files::names_in(crate::files::directory(&place.text())?)?;
    equal("entries", names.len(), 500)?;
    equal(
        "the last",
        names.last().cloned(),
        Some("file-499".to_owned()),
    )?;
    fails(
        "rmdir of a full directory",
        fs::remove_dir(place.text()),
        Errno::ENOTEMPTY,
    )?;
    fails(
        "mkdir of what is there",
        rustix::fs::mkdir(place.text().as_str(), Mode::from(0o755)),
        Errno::EEXIST,
    )?;
    fails(
        "unlink of a directory",
        unlinkat(CWD, place.text().as_str(), AtFlags::empty()),
        Errno::EISDIR,
    )?;
    fails(
        "a name of 256 bytes",
        fs::write(place.at(&"x".repeat(256)), ""),
        Errno::ENAMETOOLONG,
    )?;
    ok(
        "a name of 255 bytes",
        fs::write(place.at(&"x".repeat(255)), ""),
    )?;
    let before = ok("stat", fs::metadata(place.text()))?.nlink();
    place.directory("sub")?;
    equal(
        "a directory's links",
        ok("stat", fs::metadata(place.text()))?.nlink(),
        before + 1,
    )
}

fn removed() -> Check {
    let place = Place::new("removed")?;
    let path = place.file("file", "still here")?;
    let mut file = ok("open", fs::File::open(&path))?;
    ok("unlink", fs::remove_file(&path))?;
    let mut content = String::new();
    ok("read", file.read_to_string(&mut content))?;
    equal("content", content, "still here".to_owned())?;
    equal("links", ok("stat", file.metadata())?.nlink(), 0)?;
    let directory = place.directory("gone")?;
    let held = crate::files::directory(&directory)?;
    ok("rmdir", fs::remove_dir(&directory))?;
    let flags = OFlags::CREATE | OFlags::WRONLY;
    fails(
        "create in a removed directory",
        openat(&held, "new", flags, Mode::from(0o644)),
        Errno::ENOENT,
    )
}

fn permissions() -> Check {
    let place = Place::new("permissions")?;
    let secret = place.file("secret", "secret")?;
    ok("chmod", chmod(secret.as_str(), Mode::from(0o600)))?;
    let closed = place.directory("closed")?;
    place.file("closed/file", "")?;
    ok("chmod", chmod(closed.as_str(), Mode::from(0o700)))?;
    let group = place.file("group", "group")?;
    ok("chown", std::os::unix::fs::chown(&group, None, Some(1000)))?;
    ok("chmod", chmod(group.as_str(), Mode::from(0o640)))?;
    as_user(1000, || {
        fails("read", fs::read(&secret), Errno::EACCES)?;
        fails(
            "search",
            fs::metadata(place.at("closed/file")),
            Errno::EACCES,
        )?;
        fails("create", fs::write(place.at("new"), ""), Errno::EACCES)?;
        fails(
            "chmod",
            chmod(secret.as_str(), Mode::from(0o666)),
            Errno::EPERM,
        )?;
        fails(
            "chown",
            std::os::unix::fs::chown(&secret, Some(1000), None),
            Errno::EPERM,
        )?;
        equal(
            "read by group",
            ok("read", fs::read_to_string(&group))?,
            "group".to_owned(),
        )?;
        fails("write by group", fs::write(&group, ""), Errno::EACCES)
    })?;
    ensure("root reads all", fs::read(&secret).is_ok())
}

fn sticky() -> Check {
    let place = Place::new("sticky")?;
    let shared = place.directory("shared")?;
    ok("chmod", chmod(shared.as_str(), Mode::from(0o1777)))?;
    as_user(1000, || {
        ok("create", fs::write(place.at("shared/first"), ""))
    })?;
    as_user(1001, || {
        fails(
            "unlink",
            fs::remove_file(place.at("shared/first")),
            Errno::EPERM,
        )?;
        fails(
            "rename",
            fs::rename(place.at("shared/first"), place.at("shared/mine")),
            Errno::EPERM,
        )?;
        ok("create", fs::write(place.at("shared/second"), ""))?;
        ok("its own", fs::remove_file(place.at("shared/second")))
    })?;
    as_user(1000, || {
        ok("the owner", fs::remove_file(place.at("shared/first")))
    })
}

fn umask() -> Check {
    let place = Place::new("umask")?;
    run(|| {
        let before = rustix::process::umask(Mode::from(0o027));
        ensure("an earlier mask", before != Mode::from(0o027))?;
        let flags = OFlags::CREATE | OFlags::WRONLY;
        ok(
            "open",
            open(place.at("file").as_str(), flags, Mode::from(0o666)),
        )?;
        ok(
            "mkdir",
            rustix::fs::mkdir(place.at("directory").as_str(), Mode::from(0o777)),
        )?;
        let mode = |name: &str| -> Check<u32> {
            Ok(ok(
                "stat",
                statat(CWD, place.at(name).as_str(), AtFlags::empty()),
            )?
            .st_mode
                & 0o7777)
        };
        equal("the file", mode("file")?, 0o640)?;
        equal("the directory", mode("directory")?, 0o750)
    })
}

fn descriptor_limit() -> Check {
    run(|| {
        let limit = rustix::process::Rlimit {
            current: Some(20),
            maximum: Some(20),
        };
        ok(
            "limit",
            rustix::process::setrlimit(rustix::process::Resource::Nofile, limit),
        )?;
        let mut files = Vec::new();
        loop {
            match fs::File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => break equal("the error", error.raw_os_error(), Some(24))?,
            }
        }
        ensure("most of them", files.len() > 10 && files.len() < 20)?;
        drop(files.pop());
        ok("one more", fs::File::open("/dev/null")).map(drop)
    })
}

fn shared_position() -> Check {
    let place = Place::new("position")?;
    let path = place.file("file", "abcdef")?;
    let mut file = ok("open", fs::File::open(&path))?;
    let mut copy = ok("dup", file.try_clone())?;
    let mut two = [0; 2];
    ok("read", file.read_exact(&mut two))?;
    ok("read", copy.read_exact(&mut two))?;
    equal("through the copy", &two, b"cd")?;
    run(|| {
        let mut inherited = [0; 1];
        ok("read", copy.read_exact(&mut inherited))?;
        equal("in a child", &inherited, b"e")
    })?;
    equal("the position", ok("seek", file.stream_position())?, 5)
}

fn times() -> Check {
    let place = Place::new("times")?;
    let path = place.file("file", "x")?;
    let before = ok("stat", fs::metadata(&path))?;
    let nanoseconds =
        |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    std::thread::sleep(std::time::Duration::from_millis(5));
    ok("write", fs::write(&path, "y"))?;
    let after = ok("stat", fs::metadata(&path))?;
    ensure(
        "written later",
        nanoseconds(after.mtime(), after.mtime_nsec())
            > nanoseconds(before.mtime(), before.mtime_nsec()),
    )?;
    std::thread::sleep(std::time::Duration::from_millis(5));
    ok("chmod", chmod(path.as_str(), Mode::from(0o600)))?;
    let changed = ok("stat", fs::metadata(&path))?;
    equal(
        "not written",
        (changed.mtime(), changed.mtime_nsec()),
        (after.mtime(), after.mtime_nsec()),
    )?;
    ensure(
        "but changed",
        nanoseconds(changed.ctime(), changed.ctime_nsec())
            > nanoseconds(after.ctime(), after.ctime_nsec()),
    )
}
