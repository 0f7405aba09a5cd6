//! What the flags of a mount do, and how they change (mount(2), mount_setattr(2)).

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{Child, End};
use crate::container;
use crate::files::{Place, directory};
use crate::harness::Case;
use gantry_abi::context::CopyMountFlags;
use gantry_abi::user::Errno;
use gantry_abi::user::mount::{loosen, restrict};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, makedev, mknodat, utimensat};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

pub const CASES: &[Case] = &[
    Case {
        name: "a_noexec_mount_runs_nothing",
        test: no_execute,
    },
    Case {
        name: "a_nosuid_mount_gives_no_user",
        test: no_setuid,
    },
    Case {
        name: "a_nodev_mount_opens_no_device",
        test: no_devices,
    },
    Case {
        name: "a_nosymfollow_mount_follows_no_link",
        test: no_links,
    },
    Case {
        name: "access_times_move_as_the_mount_says",
        test: access_times,
    },
    Case {
        name: "a_remount_keeps_the_policy_for_access_times",
        test: remount_keeps_policy,
    },
    Case {
        name: "a_recursive_change_is_made_of_all_mounts_or_none",
        test: all_or_none,
    },
    Case {
        name: "a_recursive_bind_takes_mounts_along",
        test: recursive_bind,
    },
    Case {
        name: "a_link_to_a_mount_is_not_followed_on_request",
        test: unmount_no_follow,
    },
    Case {
        name: "shared_propagation_is_refused",
        test: propagation,
    },
    Case {
        name: "mount_tables_show_options",
        test: options,
    },
];

fn tmpfs(path: &str, flags: MountFlags) -> Check {
    ok("mount", mount("tmpfs", path, "tmpfs", flags, None))
}

fn remount(path: &str, flags: MountFlags) -> Check {
    ok("remount", mount_remount(path, MountFlags::BIND | flags, ""))
}

/// The options of the mount at a path, as mountinfo shows them.
fn options_of(path: &str) -> Check<String> {
    let table = ok(
        "/proc/self/mountinfo",
        fs::read_to_string("/proc/self/mountinfo"),
    )?;
    let mut fields = table.lines().map(|line| line.split(' '));
    let found = fields.rfind(|fields| fields.clone().nth(4) == Some(path));
    Ok(found
        .and_then(|mut fields| fields.nth(5))
        .unwrap_or_default()
        .to_owned())
}

fn no_execute() -> Check {
    let place = Place::new("noexec")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    let program = place.at("m/true");
    ok("copy", fs::copy("/bin/busybox", &program))?;
    let run = || Command::new(&program).arg("true").status();
    ensure("it runs", ok("run", run())?.success())?;
    remount(&path, MountFlags::NOEXEC)?;
    fails("run", run(), Errno::EACCES)
}

fn no_setuid() -> Check {
    let place = Place::new("nosuid")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    let program = place.at("m/users");
    ok("copy", fs::copy(container::program()?, &program))?;
    ok(
        "chmod",
        fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)),
    )?;
    let users = || -> Check<String> {
        let mut command = container::script_command_at(&program, &["users"]);
        let output = ok("run", command.uid(1000).output())?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    equal("real and effective", users()?, "1000 0".to_owned())?;
    remount(&path, MountFlags::NOSUID)?;
    equal("on nosuid", users()?, "1000 1000".to_owned())
}

fn no_devices() -> Check {
    let place = Place::new("nodev")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    let device = place.at("m/null");
    ok(
        "mknod",
        mknodat(
            CWD,
            device.as_str(),
            FileType::CharacterDevice,
            Mode::from(0o666),
            makedev(1, 3),
        ),
    )?;
    ok("open", fs::File::open(&device))?;
    remount(&path, MountFlags::NODEV)?;
    fails("open on nodev", fs::File::open(&device), Errno::EACCES)?;
    ok("its attributes", fs::metadata(&device)).map(drop)
}

fn no_links() -> Check {
    let place = Place::new("nosymfollow")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    place.directory("m/d")?;
    place.file("m/d/file", "content")?;
    ok("symlink", symlink("d", place.at("m/link")))?;
    let through = place.at("m/link/file");
    ok("follow", fs::read(&through))?;
    remount(&path, MountFlags::NOSYMFOLLOW)?;
    fails("follow on nosymfollow", fs::read(&through), Errno::ELOOP)?;
    fails(
        "as the last part",
        fs::metadata(place.at("m/link")),
        Errno::ELOOP,
    )?;
    ok("readlink", fs::read_link(place.at("m/link")))?;
    ok("another way", fs::read(place.at("m/d/file")))?;
    ensure("it is shown", options_of(&path)?.contains(",nosymfollow"))
}

/// Sets the times of a file: accessed at 1000, modified at `modified` seconds.
fn set_times(path: &str, modified: i64) -> Check {
    let time = |seconds| Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time(1000),
        last_modification: time(modified),
    };
    ok("utimensat", utimensat(CWD, path, &times, AtFlags::empty()))
}

fn accessed(path: &str) -> Check<i64> {
    Ok(ok("stat", fs::metadata(path))?.atime())
}

fn access_times() -> Check {
    let place = Place::new("atime")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    let file = place.file("m/file", "content")?;
    let inner = place.directory("m/d")?;
    let touch = || -> Check {
        ok("read", fs::read(&file))?;
        ok("list", fs::read_dir(&inner))?.for_each(drop);
        Ok(())
    };
    // The change time is now, so that relative times move.
    for (flags, file_moves, directory_moves) in [
        (MountFlags::NOATIME, false, false),
        (
            MountFlags::NODIRATIME | MountFlags::STRICTATIME,
            true,
            false,
        ),
        (MountFlags::STRICTATIME, true, true),
        (MountFlags::RELATIME, true, true),
        (MountFlags::RELATIME | MountFlags::RDONLY, false, false),
    ] {
        remount(&path, MountFlags::empty())?;
        set_times(&file, 2000)?;
        set_times(&inner, 2000)?;
        remount(&path, flags)?;
        touch()?;
        let what = format!("{flags:?}");
        equal(&what, accessed(&file)? != 1000, file_moves)?;
        equal(&what, accessed(&inner)? != 1000, directory_moves)?;
    }
    // Once it is later than the last change, a relative time stays for a day.
    remount(&path, MountFlags::RELATIME)?;
    // A file of now: on a board that does not know the date the times set above are yet to come.
    let file = place.file("m/new", "content")?;
    std::thread::sleep(std::time::Duration::from_millis(20));
    ok("read", fs::read(&file))?;
    let first = ok("stat", fs::metadata(&file))?;
    std::thread::sleep(std::time::Duration::from_millis(20));
    ok("read", fs::read(&file))?;
    let second = ok("stat", fs::metadata(&file))?;
    equal("it stays", second.atime_nsec(), first.atime_nsec())?;
    remount(&path, MountFlags::STRICTATIME)?;
    ok("read", fs::read(&file))?;
    let third = ok("stat", fs::metadata(&file))?;
    ensure(
        "it moves",
        (third.atime(), third.atime_nsec()) > (second.atime(), second.atime_nsec()),
    )
}

fn remount_keeps_policy() -> Check {
    let place = Place::new("remount-policy")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::NOATIME | MountFlags::NODIRATIME)?;
    equal(
        "at first",
        options_of(&path)?,
        "rw,noatime,nodiratime".to_owned(),
    )?;
    remount(&path, MountFlags::NOSUID)?;
    equal(
        "without a word about times",
        options_of(&path)?,
        "rw,nosuid,noatime,nodiratime".to_owned(),
    )?;
    remount(&path, MountFlags::RELATIME)?;
    equal("with one", options_of(&path)?, "rw,relatime".to_owned())?;
    remount(&path, MountFlags::STRICTATIME | MountFlags::NOATIME)?;
    equal("strict wins", options_of(&path)?, "rw".to_owned())
}

fn all_or_none() -> Check {
    let place = Place::new("all-or-none")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    for name in ["m/a", "m/b", "m/c"] {
        tmpfs(&place.directory(name)?, MountFlags::empty())?;
    }
    let writer = ok(
        "a file open for writing",
        fs::File::create(place.at("m/b/file")),
    )?;
    let top = directory(&path)?;
    fails(
        "with a writer below",
        restrict(top.as_raw_fd(), CopyMountFlags::READ_ONLY, true),
        Errno::EBUSY,
    )?;
    for name in ["m", "m/a", "m/b", "m/c"] {
        equal(name, options_of(&place.at(name))?, "rw,relatime".to_owned())?;
    }
    drop(writer);
    ok(
        "without one",
        restrict(top.as_raw_fd(), CopyMountFlags::READ_ONLY, true),
    )?;
    for name in ["m", "m/a", "m/b", "m/c"] {
        fails(
            name,
            fs::write(place.at(&format!("{name}/new")), ""),
            Errno::EROFS,
        )?;
    }
    ok(
        "one again",
        loosen(top.as_raw_fd(), CopyMountFlags::READ_ONLY),
    )?;
    ok("write at the top", fs::write(place.at("m/new"), ""))?;
    fails(
        "write below",
        fs::write(place.at("m/a/new"), ""),
        Errno::EROFS,
    )
}

fn recursive_bind() -> Check {
    let place = Place::new("rbind")?;
    let (from, to) = (place.directory("from")?, place.directory("to")?);
    tmpfs(&from, MountFlags::empty())?;
    tmpfs(&place.directory("from/below")?, MountFlags::empty())?;
    place.file("from/below/file", "")?;
    ok("bind", mount_bind(from.as_str(), to.as_str()))?;
    fails(
        "not along",
        fs::metadata(place.at("to/below/file")),
        Errno::ENOENT,
    )?;
    ok("umount", unmount(to.as_str(), UnmountFlags::empty()))?;
    ok("rbind", mount_bind_recursive(from.as_str(), to.as_str()))?;
    ok("along", fs::metadata(place.at("to/below/file")))?;
    fails(
        "with a mount on it",
        unmount(to.as_str(), UnmountFlags::empty()),
        Errno::EBUSY,
    )?;
    // Each of the copies goes by itself.
    ok(
        "umount below",
        unmount(place.at("to/below").as_str(), UnmountFlags::empty()),
    )?;
    ok("the original", fs::metadata(place.at("from/below/file")))?;
    ok("umount", unmount(to.as_str(), UnmountFlags::empty()))
}

fn unmount_no_follow() -> Check {
    let place = Place::new("nofollow")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    let link = place.at("link");
    ok("symlink", symlink("m", &link))?;
    fails(
        "UMOUNT_NOFOLLOW",
        unmount(link.as_str(), UnmountFlags::NOFOLLOW),
        Errno::EINVAL,
    )?;
    fails(
        "MNT_EXPIRE with MNT_DETACH",
        unmount(path.as_str(), UnmountFlags::EXPIRE | UnmountFlags::DETACH),
        Errno::EINVAL,
    )?;
    ok(
        "through the link",
        unmount(link.as_str(), UnmountFlags::empty()),
    )
}

fn propagation() -> Check {
    let place = Place::new("propagation")?;
    let path = place.directory("m")?;
    tmpfs(&path, MountFlags::empty())?;
    let change = |flags| mount_change(path.as_str(), flags);
    for flags in [
        MountPropagationFlags::PRIVATE,
        MountPropagationFlags::DOWNSTREAM,
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    ] {
        ok("what it is already", change(flags))?;
    }
    for flags in [
        MountPropagationFlags::SHARED,
        MountPropagationFlags::UNBINDABLE,
        MountPropagationFlags::PRIVATE | MountPropagationFlags::DOWNSTREAM,
    ] {
        fails("what it can't be", change(flags), Errno::EINVAL)?;
    }
    Ok(())
}

fn options() -> Check {
    let place = Place::new("options")?;
    let path = place.directory("m")?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let data = c"size=1m,nr_inodes=1k,mode=700,uid=5,gid=6";
    ok(
        "mount",
        mount("source", path.as_str(), "tmpfs", flags, Some(data)),
    )?;
    let root = ok("stat", fs::metadata(&path))?;
    equal("owner", (root.uid(), root.gid()), (5, 6))?;
    equal("mode", root.permissions().mode() & 0o7777, 0o700)?;
    let mounts = ok("/proc/mounts", fs::read_to_string("/proc/mounts"))?;
    let line = format!(
        "source {path} tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,nr_inodes=1024,mode=700,uid=5,gid=6 0 0\n"
    );
    ensure(&mounts, mounts.contains(&line))?;
    fails(
        "proc with less than all shown",
        mount(
            "proc",
            path.as_str(),
            "proc",
            MountFlags::empty(),
            Some(c"hidepid=2"),
        ),
        Errno::EINVAL,
    )?;
    // A program of another user doesn't get in.
    let mut child = Child::start(|| {
        crate::users::become_user(1000)?;
        fails("list", fs::read_dir(&path), Errno::EACCES)
    })?;
    equal("the child", child.wait()?, End::Status(0))
}
