//! Masked and read-only paths of a context, and mounts that its manager has locked: seen from inside, by a root user
//! with every capability and no jail.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::container::{add_proc, create, enter_now, mount_at, root_of, vfs_root_with_program};
use crate::files::{directory, exists_at, names_in, write_at};
use crate::harness::Case;
use gantry_abi::context::PathRestriction::{Masked, ReadOnly};
use gantry_abi::context::{ContextType, CopyMountFlags, OpenFlags};
use gantry_abi::jail::JailKind;
use gantry_abi::user::mount::loosen;
use gantry_abi::user::{ContextDescriptor, Errno, calls};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, makedev, mkdirat, mknodat, symlinkat};
use rustix::mount::{
    MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    mount, mount_bind, mount_bind_recursive, mount_change, mount_move, mount_remount, move_mount,
    open_tree, unmount,
};
use std::ffi::CStr;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

pub const CASES: &[Case] = &[
    Case {
        name: "a_masked_directory_is_empty_and_a_masked_file_reads_as_empty",
        test: masked,
    },
    Case {
        name: "masks_cover_every_kind_of_path",
        test: shapes,
    },
    Case {
        name: "parts_of_proc_can_be_masked_and_read_only",
        test: proc,
    },
    Case {
        name: "a_mask_is_not_made_of_the_container",
        test: no_source,
    },
    Case {
        name: "locked_mounts_cannot_be_taken_away_or_loosened",
        test: locked,
    },
    Case {
        name: "no_copy_of_a_tree_shows_what_is_masked",
        test: copies,
    },
    Case {
        name: "no_new_proc_shows_what_is_masked",
        test: fresh_proc,
    },
    Case {
        name: "a_mask_is_a_line_of_mountinfo",
        test: text,
    },
    Case {
        name: "restrictions_are_for_managers",
        test: errors,
    },
];

fn empty_root() -> Check<(ContextDescriptor, OwnedFd)> {
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    for path in ["d", "d/below", "e", "proc"] {
        ok("mkdir", mkdirat(&root, path, Mode::from(0o755)))?;
    }
    for path in ["d/file", "e/file", "file"] {
        write_at(&root, path, "secret")?;
    }
    Ok((context, root))
}

fn mask(context: &ContextDescriptor, path: &CStr) -> Check {
    ok("mask", context.restrict_path(path, Masked))
}

fn protect(context: &ContextDescriptor, path: &CStr) -> Check {
    ok("make read-only", context.restrict_path(path, ReadOnly))
}

/// Does `work` in a process that has entered a context.
fn inside(context: &ContextDescriptor, work: impl FnOnce() -> Check) -> Check {
    run(|| {
        enter_now(context)?;
        work()
    })
}

/// What is at a path is a mask: empty, whatever is tried.
fn is_masked(path: &str) -> Check {
    let status = ok(path, fs::metadata(path))?;
    if status.is_dir() {
        equal(path, names_in(directory(path)?)?, Vec::new())?;
        let new = format!("{path}/new");
        fails("a new file", fs::write(&new, "x"), Errno::EROFS)?;
        fails("a new directory", fs::create_dir(&new), Errno::EROFS)?;
    } else {
        ensure("it is a regular file", status.is_file())?;
        equal(path, ok(path, fs::read_to_string(path))?, String::new())?;
        fails("write", fs::write(path, "x"), Errno::EROFS)?;
        let renamed = format!("{path}-renamed");
        fails("rename", fs::rename(path, renamed), Errno::EBUSY)?;
        fails("unlink", fs::remove_file(path), Errno::EBUSY)?;
    }
    let times = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec::default(),
        last_modification: rustix::fs::Timespec::default(),
    };
    fails(
        "chmod",
        rustix::fs::chmod(path, Mode::from(0o777)),
        Errno::EROFS,
    )?;
    fails(
        "utimensat",
        rustix::fs::utimensat(CWD, path, &times, AtFlags::empty()),
        Errno::EROFS,
    )
}

fn masked() -> Check {
    let (context, root) = empty_root()?;
    mask(&context, c"/d")?;
    mask(&context, c"/file")?;
    protect(&context, c"/e")?;
    inside(&context, || {
        is_masked("/d")?;
        is_masked("/file")?;
        fails("below a mask", fs::read("/d/file"), Errno::ENOENT)?;
        equal(
            "a read-only file",
            ok("read", fs::read_to_string("/e/file"))?,
            "secret".to_owned(),
        )?;
        fails("write", fs::write("/e/file", "x"), Errno::EROFS)?;
        fails("a new file", fs::write("/e/new", "x"), Errno::EROFS)?;
        ok("elsewhere", fs::write("/new", "x"))
    })?;
    ensure(
        "the manager's view is the context's",
        !exists_at(&root, "d/file"),
    )
}

fn shapes() -> Check {
    let (context, root) = empty_root()?;
    let out = "../../../../file";
    ok("symlink", symlinkat(out, &root, "link"))?;
    ok("symlink", symlinkat("/e/file", &root, "d/absolute"))?;
    ok("symlink", symlinkat("/nowhere", &root, "dangling"))?;
    let mode = Mode::from(0o666);
    ok(
        "mknod",
        mknodat(
            &root,
            "device",
            FileType::CharacterDevice,
            mode,
            makedev(1, 5),
        ),
    )?;
    ok("mknod", mknodat(&root, "pipe", FileType::Fifo, mode, 0))?;
    for path in [
        c"/link",
        c"/d/absolute",
        c"/device",
        c"/pipe",
        c"//d/./below/",
    ] {
        mask(&context, path)?;
        mask(&context, path)?;
        // Read-only already, and a mask stays one.
        protect(&context, path)?;
    }
    let count = |text: Vec<u8>| String::from_utf8_lossy(&text).lines().count();
    equal(
        "one mount a path",
        count(ok("LIST_MOUNTS", context.list_mounts())?),
        6,
    )?;
    for missing in [c"/missing", c"/dangling", c"/d/missing/x"] {
        fails(
            "what isn't there",
            context.restrict_path(missing, Masked),
            Errno::ENOENT,
        )?;
    }
    inside(&context, || {
        for path in ["/file", "/e/file", "/device", "/pipe", "/d/below"] {
            is_masked(path)?;
        }
        Ok(())
    })
}

fn proc() -> Check {
    let context = vfs_root_with_program()?;
    add_proc(&context)?;
    mask(&context, c"/proc/version")?;
    mask(&context, c"/proc/sys/kernel")?;
    let names_outside = names_in(directory("/proc/sys")?)?;
    protect(&context, c"/proc/sys")?;
    fails(
        "a process's own entry",
        context.restrict_path(c"/proc/1/status", Masked),
        Errno::EOPNOTSUPP,
    )?;
    inside(&context, || {
        is_masked("/proc/version")?;
        equal(
            "/proc/sys/kernel",
            names_in(directory("/proc/sys/kernel")?)?,
            Vec::new(),
        )?;
        equal(
            "/proc/sys",
            names_in(directory("/proc/sys")?)?,
            names_outside,
        )?;
        ensure(
            "other entries are there",
            fs::read("/proc/self/status").is_ok() && fs::read("/proc/meminfo").is_ok(),
        )
    })
}

/// The image's own /dev/null is a link to something that matters, and a member exchanges it: the mask is neither.
fn no_source() -> Check {
    let (context, root) = empty_root()?;
    ok("mkdir", mkdirat(&root, "dev", Mode::from(0o755)))?;
    ok("symlink", symlinkat("/e/file", &root, "dev/null"))?;
    mask(&context, c"/file")?;
    inside(&context, || {
        is_masked("/file")?;
        ok("unlink", fs::remove_file("/dev/null"))?;
        ok("a new /dev/null", fs::write("/dev/null", "content"))?;
        is_masked("/file")?;
        equal(
            "the link's target",
            ok("read", fs::read_to_string("/e/file"))?,
            "secret".to_owned(),
        )?;
        // Under another name of its directory it is as masked.
        ok("rename", fs::rename("/e", "/other"))
    })
}

fn locked() -> Check {
    let (context, root) = empty_root()?;
    ok("mkdir", mkdirat(&root, "m", Mode::from(0o755)))?;
    mount_at(&root, "tmpfs", "m")?;
    protect(&context, c"/m")?;
    mask(&context, c"/d")?;
    protect(&context, c"/e")?;
    inside(&context, || {
        for path in ["/m", "/d", "/e"] {
            for flags in [
                UnmountFlags::empty(),
                UnmountFlags::DETACH,
                UnmountFlags::FORCE,
            ] {
                fails(path, unmount(path, flags), Errno::EINVAL)?;
            }
            fails("move", mount_move(path, "/proc"), Errno::EINVAL)?;
            fails(
                "remount",
                mount_remount(path, MountFlags::empty(), ""),
                Errno::EPERM,
            )?;
            fails(
                "remount of the mount",
                mount_remount(path, MountFlags::BIND, ""),
                Errno::EPERM,
            )?;
            ok(
                "more restrictions",
                mount_remount(
                    path,
                    MountFlags::BIND
                        | MountFlags::RDONLY
                        | MountFlags::NOSUID
                        | MountFlags::NODEV
                        | MountFlags::NOEXEC,
                    "",
                ),
            )?;
            ok(
                "propagation",
                mount_change(path, MountPropagationFlags::PRIVATE),
            )?;
            let place = directory(path)?;
            fails(
                "mount_setattr",
                loosen(place.as_raw_fd(), CopyMountFlags::READ_ONLY),
                Errno::EPERM,
            )?;
        }
        fails(
            "the tmpfs's options",
            mount_remount("/m", MountFlags::RDONLY, "size=1g"),
            Errno::EPERM,
        )?;
        // A cover of one's own can go, and shows the mask again.
        ok(
            "cover",
            mount("own", "/d", "tmpfs", MountFlags::empty(), None),
        )?;
        ok("write", fs::write("/d/own", "x"))?;
        ok("uncover", unmount("/d", UnmountFlags::DETACH))?;
        is_masked("/d")
    })
}

fn copies() -> Check {
    let (context, _root) = empty_root()?;
    mask(&context, c"/d/below")?;
    inside(&context, || {
        ok("mkdir", fs::create_dir("/copy"))?;
        fails("bind", mount_bind("/d", "/copy"), Errno::EINVAL)?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        fails("open_tree", open_tree(CWD, "/d", flags), Errno::EINVAL)?;
        ok("recursive bind", mount_bind_recursive("/d", "/copy"))?;
        is_masked("/copy/below")?;
        for flags in [UnmountFlags::empty(), UnmountFlags::DETACH] {
            fails(
                "umount in the copy",
                unmount("/copy/below", flags),
                Errno::EINVAL,
            )?;
        }
        // What is held of the copy shows nothing once the copy is gone.
        let held = directory("/copy")?;
        ok("detach the copy", unmount("/copy", UnmountFlags::DETACH))?;
        is_empty_below(&held)?;
        let tree = ok(
            "open_tree",
            open_tree(CWD, "/d", flags | OpenTreeFlags::AT_RECURSIVE),
        )?;
        let held = ok(
            "hold a directory of it",
            rustix::fs::openat(&tree, ".", OFlags::PATH, Mode::empty()),
        )?;
        drop(tree);
        is_empty_below(&held)?;
        // A new root would have no mounts below it.
        let root = ok(
            "unshare_open",
            ContextDescriptor::open(ContextType::VfsRoot, OpenFlags::empty()),
        )?;
        ok("attach", root.attach_root(directory("/d")?.as_raw_fd()))?;
        fails("create", root.create(), Errno::EINVAL)
    })
}

fn is_empty_below(held: &OwnedFd) -> Check {
    let below = ok(
        "open what was masked",
        rustix::fs::openat(
            held,
            "below",
            OFlags::PATH | OFlags::DIRECTORY,
            Mode::empty(),
        ),
    )?;
    equal("what was masked", names_in(&below)?, Vec::new())?;
    fails(
        "a new file",
        rustix::fs::openat(
            &below,
            "x",
            OFlags::CREATE | OFlags::WRONLY,
            Mode::from(0o644),
        ),
        Errno::EROFS,
    )
}

fn fresh_proc() -> Check {
    let (context, _root) = empty_root()?;
    add_proc(&context)?;
    let new_proc = || mount("proc", "/e", "proc", MountFlags::empty(), None);
    inside(&context, || {
        ok("before", new_proc())?;
        ok("umount", unmount("/e", UnmountFlags::empty()))
    })?;
    mask(&context, c"/proc/version")?;
    inside(&context, || {
        fails("mount", new_proc(), Errno::EPERM)?;
        let fs = ok(
            "fsopen",
            rustix::mount::fsopen("proc", rustix::mount::FsOpenFlags::FSOPEN_CLOEXEC),
        )?;
        ok("fsconfig", rustix::mount::fsconfig_create(&fs))?;
        fails(
            "fsmount",
            rustix::mount::fsmount(
                &fs,
                rustix::mount::FsMountFlags::FSMOUNT_CLOEXEC,
                MountAttrFlags::empty(),
            ),
            Errno::EPERM,
        )?;
        // A root of one's own doesn't help.
        let own = create(ContextType::VfsRoot)?;
        let root = root_of(&own)?;
        ok("mkdir", mkdirat(&root, "e", Mode::from(0o755)))?;
        enter_now(&own)?;
        fails("mount in a new root", new_proc(), Errno::EPERM)
    })
}

fn text() -> Check {
    let (context, _root) = empty_root()?;
    add_proc(&context)?;
    mask(&context, c"/d")?;
    inside(&context, || {
        let table = ok(
            "/proc/self/mountinfo",
            fs::read_to_string("/proc/self/mountinfo"),
        )?;
        let line = table.lines().find(|line| line.contains(" /d "));
        let fields: Vec<&str> = line.ok_or("no line")?.split(' ').collect();
        equal(
            "the fields after the numbers",
            fields.get(3..).unwrap_or_default().join(" "),
            "/ /d ro,nosuid,nodev,noexec - mask mask ro".to_owned(),
        )?;
        let mounts = ok("/proc/mounts", fs::read_to_string("/proc/mounts"))?;
        ensure(
            "it is in /proc/mounts",
            mounts.contains("mask /d mask ro,nosuid,nodev,noexec 0 0\n"),
        )
    })
}

fn errors() -> Check {
    let described = ok(
        "unshare_open",
        ContextDescriptor::open(ContextType::VfsRoot, OpenFlags::empty()),
    )?;
    fails(
        "before create",
        described.restrict_path(c"/", ReadOnly),
        Errno::ENXIO,
    )?;
    let list = create(ContextType::ProcessList)?;
    fails(
        "another type",
        list.restrict_path(c"/", ReadOnly),
        Errno::EINVAL,
    )?;
    let (context, root) = empty_root()?;
    fails(
        "the root",
        context.restrict_path(c"/", Masked),
        Errno::EBUSY,
    )?;
    fails("no path", context.restrict_path(c"", Masked), Errno::ENOENT)?;
    fails(
        "below a file",
        context.restrict_path(c"/file/x", Masked),
        Errno::ENOTDIR,
    )?;
    run(|| {
        ok("jail", calls::set_jail(JailKind::UntilExit as i32))?;
        fails("jailed", context.restrict_path(c"/d", Masked), Errno::EPERM)
    })?;
    crate::users::as_user(1000, || {
        fails(
            "by a user",
            context.restrict_path(c"/d", Masked),
            Errno::EPERM,
        )
    })?;
    // The manager is bound by its own locks: they have no key.
    mask(&context, c"/d")?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    let place = ok(
        "open the mask",
        rustix::fs::openat(&root, "d", OFlags::PATH, Mode::empty()),
    )?;
    fails(
        "move by the manager",
        move_mount(&place, "", &root, "e", flags),
        Errno::EINVAL,
    )
}
