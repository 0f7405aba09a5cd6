//! Statements 28 to 35: the root filesystem of a VFS root.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::container::{create, enter_now, root_of};
use crate::files::{Place, directory, exists_at, names_in, read_at, write_at};
use crate::harness::Case;
use crate::users::become_user;
use gantry_abi::context::{ContextType, OpenFlags};
use gantry_abi::user::{ContextDescriptor, Errno};
use rustix::fs::{Mode, OFlags, chmod, mkdirat, openat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::fs;
use std::os::fd::AsRawFd;

pub const CASES: &[Case] = &[
    Case {
        name: "s28_a_negative_descriptor_means_a_ramfs",
        test: negative,
    },
    Case {
        name: "s29_attach_checks_the_descriptor",
        test: attach_errors,
    },
    Case {
        name: "s30_a_mounted_file_system_is_shared",
        test: shared,
    },
    Case {
        name: "s31_the_last_successful_attach_counts",
        test: last_attach,
    },
    Case {
        name: "s32_a_plain_directory_becomes_the_root",
        test: plain_directory,
    },
    Case {
        name: "s33_the_sources_restrictions_hold_inside",
        test: restrictions,
    },
    Case {
        name: "s34_an_attached_source_is_busy_until_create",
        test: busy_source,
    },
    Case {
        name: "s35_the_hosts_root_can_be_attached",
        test: host_root,
    },
];

fn described() -> Check<ContextDescriptor> {
    ok(
        "open",
        ContextDescriptor::open(ContextType::VfsRoot, OpenFlags::empty()),
    )
}

/// A place with a tmpfs mounted on `name` in it.
fn tmpfs(place: &Place, name: &str, flags: MountFlags) -> Check<String> {
    let path = place.directory(name)?;
    ok(
        "mount a tmpfs",
        mount("tmpfs", path.as_str(), "tmpfs", flags, None),
    )?;
    Ok(path)
}

fn attach(context: &ContextDescriptor, path: &str) -> Check {
    ok("attach", context.attach_root(directory(path)?.as_raw_fd()))
}

/// The mounts that a context has, a line each.
fn mounts(context: &ContextDescriptor) -> Check<Vec<String>> {
    let text = ok("LIST_MOUNTS", context.list_mounts())?;
    Ok(String::from_utf8_lossy(&text)
        .lines()
        .map(str::to_owned)
        .collect())
}

fn negative() -> Check {
    for number in [-1, -5, i32::MIN] {
        let context = described()?;
        ok("attach a negative descriptor", context.attach_root(number))?;
        ok("create", context.create())?;
        equal(
            "the root's entries",
            names_in(root_of(&context)?)?,
            Vec::<String>::new(),
        )?;
        ensure(
            "it is a RAMFS",
            mounts(&context)?.concat().contains(" - ramfs "),
        )?;
    }
    Ok(())
}

fn attach_errors() -> Check {
    let context = described()?;
    fails(
        "a closed descriptor",
        context.attach_root(900),
        Errno::EBADF,
    )?;
    let file = ok("open a file", fs::File::open(crate::container::program()?))?;
    fails(
        "a file",
        context.attach_root(file.as_raw_fd()),
        Errno::ENOTDIR,
    )?;
    let place = Place::new("s29")?;
    let private = place.directory("private")?;
    ok("chmod", chmod(private.as_str(), Mode::from(0o700)))?;
    let held = directory(&private)?;
    run(|| {
        become_user(1000)?;
        fails(
            "an unsearchable directory",
            context.attach_root(held.as_raw_fd()),
            Errno::EACCES,
        )
    })?;
    let name = create(ContextType::Hostname)?;
    fails(
        "a root for a hostname",
        name.attach_root(held.as_raw_fd()),
        Errno::EINVAL,
    )?;
    let unnamed = ok(
        "open",
        ContextDescriptor::open(ContextType::Hostname, OpenFlags::empty()),
    )?;
    fails(
        "a root for a hostname before create",
        unnamed.attach_root(held.as_raw_fd()),
        Errno::EINVAL,
    )?;
    ok("create", context.create())?;
    fails(
        "after create",
        context.attach_root(held.as_raw_fd()),
        Errno::EBUSY,
    )?;
    fails(
        "a negative one after create",
        context.attach_root(-1),
        Errno::EBUSY,
    )
}

fn shared() -> Check {
    let place = Place::new("s30")?;
    let outside = tmpfs(&place, "m", MountFlags::empty())?;
    ok("write", fs::write(format!("{outside}/before"), "before"))?;
    let context = described()?;
    attach(&context, &outside)?;
    ok("create", context.create())?;
    run(|| {
        enter_now(&context)?;
        equal(
            "a file of before",
            ok("read", fs::read_to_string("/before"))?,
            "before".to_owned(),
        )?;
        ok("write inside", fs::write("/inside", "inside"))
    })?;
    equal(
        "seen outside",
        ok("read", fs::read_to_string(format!("{outside}/inside")))?,
        "inside".to_owned(),
    )?;
    ok(
        "write outside",
        fs::write(format!("{outside}/outside"), "outside"),
    )?;
    let root = root_of(&context)?;
    equal(
        "seen inside",
        read_at(&root, "outside")?,
        "outside".to_owned(),
    )?;
    equal("one mount", mounts(&context)?.len(), 1)
}

fn last_attach() -> Check {
    let place = Place::new("s31")?;
    let (first, second) = (place.directory("first")?, place.directory("second")?);
    place.file("first/one", "")?;
    place.file("second/two", "")?;
    let context = described()?;
    attach(&context, &first)?;
    attach(&context, &second)?;
    ok("create", context.create())?;
    equal(
        "the last one",
        names_in(root_of(&context)?)?,
        vec!["two".to_owned()],
    )?;
    let context = described()?;
    attach(&context, &first)?;
    ok("attach -1", context.attach_root(-1))?;
    ok("create", context.create())?;
    equal(
        "back to a RAMFS",
        names_in(root_of(&context)?)?,
        Vec::<String>::new(),
    )?;
    let context = described()?;
    attach(&context, &first)?;
    fails(
        "attach a closed descriptor",
        context.attach_root(900),
        Errno::EBADF,
    )?;
    ok("create", context.create())?;
    equal(
        "a failing attach changes nothing",
        names_in(root_of(&context)?)?,
        vec!["one".to_owned()],
    )
}

fn plain_directory() -> Check {
    let place = Place::new("s32")?;
    let path = place.directory("root")?;
    place.directory("root/deep")?;
    place.directory("root/deep/er")?;
    place.file("secret", "secret")?;
    ok(
        "symlink",
        rustix::fs::symlink("../../secret", place.at("root/link").as_str()),
    )?;
    ok(
        "symlink",
        rustix::fs::symlink("/secret", place.at("root/absolute").as_str()),
    )?;
    let context = described()?;
    attach(&context, &path)?;
    ok("create", context.create())?;
    equal("one mount", mounts(&context)?.len(), 1)?;
    run(|| {
        enter_now(&context)?;
        equal(
            "the root",
            names_in(directory("/")?)?,
            ["absolute", "deep", "link"].map(str::to_owned).to_vec(),
        )?;
        for path in [
            "../secret",
            "/../secret",
            "/deep/../../secret",
            "/deep/er/../../../../secret",
            "/link",
            "/absolute",
        ] {
            fails(path, fs::read(path), Errno::ENOENT)?;
        }
        ok("chdir", rustix::process::chdir("/deep/er"))?;
        fails("dots", fs::read("../../../secret"), Errno::ENOENT)?;
        let here = ok("getcwd", rustix::process::getcwd(Vec::new()))?;
        equal("getcwd", here.to_bytes(), b"/deep/er".as_slice())
    })?;
    // A directory that is moved out of the root while somebody is in it doesn't lead out either.
    let root = root_of(&context)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let moved = ok("open", openat(&root, "deep/er", flags, Mode::empty()))?;
    ok(
        "rename",
        fs::rename(place.at("root/deep"), place.at("moved")),
    )?;
    ensure(
        "a moved directory leads nowhere",
        !exists_at(&moved, "../../secret"),
    )
}

fn restrictions() -> Check {
    let place = Place::new("s33")?;
    let path = tmpfs(&place, "m", MountFlags::empty())?;
    ok(
        "copy a program",
        fs::copy(crate::container::program()?, format!("{path}/program")),
    )?;
    let restricted = MountFlags::BIND
        | MountFlags::RDONLY
        | MountFlags::NOSUID
        | MountFlags::NODEV
        | MountFlags::NOEXEC;
    ok(
        "make a device",
        rustix::fs::mknodat(
            rustix::fs::CWD,
            format!("{path}/null").as_str(),
            rustix::fs::FileType::CharacterDevice,
            Mode::from(0o666),
            rustix::fs::makedev(1, 3),
        ),
    )?;
    ok("remount", mount_remount(path.as_str(), restricted, ""))?;
    let context = described()?;
    attach(&context, &path)?;
    ok("create", context.create())?;
    let line = mounts(&context)?.concat();
    for option in ["ro", "nosuid", "nodev", "noexec"] {
        let options = line.split(' ').nth(5).unwrap_or_default();
        ensure(
            "the mount's options",
            options.split(',').any(|known| known == option),
        )?;
    }
    run(|| {
        enter_now(&context)?;
        fails("write", fs::write("/new", ""), Errno::EROFS)?;
        fails("a device", fs::File::open("/null"), Errno::EACCES)?;
        let run = std::process::Command::new("/program").status();
        fails("a program", run, Errno::EACCES)
    })
}

fn busy_source() -> Check {
    let place = Place::new("s34")?;
    let path = tmpfs(&place, "m", MountFlags::empty())?;
    ok("write", fs::write(format!("{path}/file"), "kept"))?;
    let context = described()?;
    attach(&context, &path)?;
    fails(
        "umount between attach and create",
        unmount(path.as_str(), UnmountFlags::empty()),
        Errno::EBUSY,
    )?;
    ok("create", context.create())?;
    // Afterwards the host may unmount it, or is told that it is busy.
    match unmount(path.as_str(), UnmountFlags::empty()) {
        Ok(()) => ensure(
            "it is gone from the host",
            fs::metadata(format!("{path}/file")).is_err(),
        )?,
        Err(error) => equal("umount after create", error, rustix::io::Errno::BUSY)?,
    }
    let root = root_of(&context)?;
    equal(
        "the context keeps its files",
        read_at(&root, "file")?,
        "kept".to_owned(),
    )?;
    write_at(&root, "new", "new")?;
    ok("mkdir", mkdirat(&root, "directory", Mode::from(0o755)))
}

fn host_root() -> Check {
    let context = described()?;
    attach(&context, "/")?;
    ok("create", context.create())?;
    equal("one mount", mounts(&context)?.len(), 1)?;
    let outside = names_in(directory("/")?)?;
    equal("the same entries", names_in(root_of(&context)?)?, outside)?;
    let program = crate::container::program()?;
    run(|| {
        enter_now(&context)?;
        ensure("the program is there", fs::metadata(&program).is_ok())?;
        // Mounts of the host are not carried along.
        fails("/proc is empty", fs::read("/proc/version"), Errno::ENOENT)
    })
}
