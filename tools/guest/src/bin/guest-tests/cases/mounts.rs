//! Statements 36 to 42: mounts of a context.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::container::{create, enter_now, mount_at, root_of};
use crate::files::{Place, directory, exists_at, names_in, read_at, write_at};
use crate::harness::Case;
use gantry_abi::context::{ContextType, CopyMountFlags};
use gantry_abi::user::mount::{WORKING_DIRECTORY, copy_mount};
use gantry_abi::user::{ContextDescriptor, Errno, calls};
use rustix::fs::{Mode, mkdirat, symlinkat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::ffi::CString;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

pub const CASES: &[Case] = &[
    Case {
        name: "s36_a_mount_through_open_root_is_inside_alone",
        test: through_open_root,
    },
    Case {
        name: "s37_copy_mount",
        test: copies,
    },
    Case {
        name: "s38_no_path_form_crashes_or_leads_out",
        test: path_forms,
    },
    Case {
        name: "s39_a_used_mount_is_busy",
        test: busy,
    },
    Case {
        name: "s40_the_root_cannot_be_unmounted",
        test: root_stays,
    },
    Case {
        name: "s41_remounting_the_root_read_only_stops_writes",
        test: remount_root,
    },
    Case {
        name: "s42_the_last_holder_takes_every_mount_along",
        test: last_holder,
    },
];

/// How many mounts there are in all contexts, by what a new one's number tells of nothing: the host's own table.
fn host_mounts() -> Check<usize> {
    Ok(
        ok("/proc/self/mounts", fs::read_to_string("/proc/self/mounts"))?
            .lines()
            .count(),
    )
}

fn inside_mounts(context: &ContextDescriptor) -> Check<usize> {
    let text = ok("LIST_MOUNTS", context.list_mounts())?;
    Ok(String::from_utf8_lossy(&text).lines().count())
}

fn text(path: &str) -> Check<CString> {
    ok("a path", CString::new(path))
}

fn copy(from: &str, context: &ContextDescriptor, to: &str) -> gantry_abi::user::Result<()> {
    let from = CString::new(from).map_err(|_| Errno::EINVAL)?;
    let to = CString::new(to).map_err(|_| Errno::EINVAL)?;
    copy_mount(
        WORKING_DIRECTORY,
        &from,
        context,
        &to,
        CopyMountFlags::empty(),
    )
}

fn through_open_root() -> Check {
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    ok("mkdir", mkdirat(&root, "m", Mode::from(0o755)))?;
    let before = host_mounts()?;
    mount_at(&root, "tmpfs", "m")?;
    equal("the host's mounts", host_mounts()?, before)?;
    equal("the context's mounts", inside_mounts(&context)?, 2)?;
    write_at(&root, "m/file", "inside")?;
    run(|| {
        enter_now(&context)?;
        equal(
            "the file inside",
            ok("read", fs::read_to_string("/m/file"))?,
            "inside".to_owned(),
        )?;
        fails(
            "umount inside",
            unmount("/m", UnmountFlags::empty()),
            Errno::EINVAL,
        )
    })
}

fn copies() -> Check {
    let place = Place::new("s37")?;
    let mounted = place.directory("m")?;
    ok(
        "mount",
        mount(
            "tmpfs",
            mounted.as_str(),
            "tmpfs",
            MountFlags::empty(),
            None,
        ),
    )?;
    place.directory("m/sub")?;
    place.file("m/sub/file", "content")?;
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    for name in ["whole", "part", "restricted"] {
        ok("mkdir", mkdirat(&root, name, Mode::from(0o755)))?;
    }
    write_at(&root, "one", "")?;
    ok("a mount", copy(&mounted, &context, "/whole"))?;
    ok(
        "a subdirectory",
        copy(&place.at("m/sub"), &context, "/part"),
    )?;
    ok("a file", copy(&place.at("m/sub/file"), &context, "/one"))?;
    equal(
        "the mount",
        read_at(&root, "whole/sub/file")?,
        "content".to_owned(),
    )?;
    equal(
        "the subdirectory",
        names_in(directory_at(&root, "part")?)?,
        vec!["file".to_owned()],
    )?;
    equal("the file", read_at(&root, "one")?, "content".to_owned())?;
    ensure(
        "nothing above the subdirectory",
        !exists_at(&root, "part/../sub"),
    )?;
    ok(
        "remount read-only",
        mount_remount(mounted.as_str(), MountFlags::BIND | MountFlags::RDONLY, ""),
    )?;
    ok("a read-only mount", copy(&mounted, &context, "/restricted"))?;
    fails(
        "a write through it",
        write_errno(&root, "restricted/new"),
        Errno::EROFS,
    )?;
    ok(
        "the copy of before isn't restricted",
        write_errno(&root, "whole/new"),
    )?;
    fails(
        "onto a mount point",
        copy(&mounted, &context, "/whole"),
        Errno::EBUSY,
    )?;
    fails("onto the root", copy(&mounted, &context, "/"), Errno::EBUSY)?;
    fails(
        "onto the root by dots",
        copy(&mounted, &context, "/part/../.."),
        Errno::EBUSY,
    )?;
    fails(
        "onto nothing",
        copy(&mounted, &context, "/none"),
        Errno::ENOENT,
    )?;
    fails(
        "from nothing",
        copy(&place.at("none"), &context, "/part"),
        Errno::ENOENT,
    )?;
    write_at(&root, "plain", "")?;
    fails(
        "a directory onto a file",
        copy(&mounted, &context, "/plain"),
        Errno::ENOTDIR,
    )?;
    ok("mkdir", mkdirat(&root, "empty", Mode::from(0o755)))?;
    fails(
        "a file onto a directory",
        copy(&place.at("m/sub/file"), &context, "/empty"),
        Errno::EISDIR,
    )?;
    let name = create(ContextType::Hostname)?;
    fails(
        "into another type",
        copy(&mounted, &name, "/"),
        Errno::EINVAL,
    )?;
    let flags = 0x4000;
    let from = text(&mounted)?;
    let unknown = calls::copy_mount(WORKING_DIRECTORY, &from, context.number(), c"/empty", flags);
    fails("unknown flags", unknown, Errno::EINVAL)?;
    let closed = calls::copy_mount(WORKING_DIRECTORY, &from, 900, c"/empty", 0);
    fails("into a closed descriptor", closed, Errno::EBADF)?;
    let own = place.directory("own")?;
    ok(
        "into the caller's own",
        calls::copy_mount(WORKING_DIRECTORY, &from, -1, text(&own)?.as_c_str(), 0),
    )?;
    ensure(
        "it is there",
        fs::metadata(format!("{own}/sub/file")).is_ok(),
    )
}

fn directory_at(root: &std::os::fd::OwnedFd, path: &str) -> Check<std::os::fd::OwnedFd> {
    let flags =
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    ok(path, rustix::fs::openat(root, path, flags, Mode::empty()))
}

fn write_errno(root: &std::os::fd::OwnedFd, path: &str) -> rustix::io::Result<()> {
    use rustix::fs::OFlags;
    rustix::fs::openat(
        root,
        path,
        OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC,
        Mode::from(0o644),
    )
    .map(drop)
}

/// A context with a directory /a, and links that would lead out.
fn context_with_links() -> Check<(ContextDescriptor, OwnedFd)> {
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    for path in ["a", "p"] {
        ok("mkdir", mkdirat(&root, path, Mode::from(0o755)))?;
    }
    ok("symlink", symlinkat("../../../../../..", &root, "out"))?;
    ok("symlink", symlinkat("/", &root, "top"))?;
    Ok((context, root))
}

fn path_forms() -> Check {
    let place = Place::new("s38")?;
    let source = place.directory("source")?;
    place.file("source/inside", "")?;
    let long = format!("/{}", "a/".repeat(2047));
    let longer = "/x".repeat(2048);
    let same = [
        "/p/",
        "/a/../p",
        "//p",
        "/./p",
        "/a/./../p",
        "p",
        "/out/p",
        "/top/p",
    ];
    for form in same {
        let (context, root) = context_with_links()?;
        ok(form, copy(&source, &context, form))?;
        ensure("it is mounted on p inside", exists_at(&root, "p/inside"))?;
    }
    let (context, _root) = context_with_links()?;
    fails("an empty path", copy(&source, &context, ""), Errno::ENOENT)?;
    fails("4095 bytes", copy(&source, &context, &long), Errno::ENOENT)?;
    fails(
        "4096 bytes",
        copy(&source, &context, &longer),
        Errno::ENAMETOOLONG,
    )?;
    for form in ["/out", "/top", "/..", "/../..", "/."] {
        fails(form, copy(&source, &context, form), Errno::EBUSY)?;
    }
    fails(
        "a host path behind a link out",
        copy(&source, &context, &format!("/out{source}")),
        Errno::ENOENT,
    )?;
    equal("nothing was mounted", inside_mounts(&context)?, 1)
}

fn busy() -> Check {
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    ok("mkdir", mkdirat(&root, "m", Mode::from(0o755)))?;
    run(|| {
        enter_now(&context)?;
        ok(
            "mount",
            mount("m", "/m", "tmpfs", MountFlags::empty(), None),
        )?;
        ok("write", fs::write("/m/file", "open"))?;
        let file = ok("open", fs::File::open("/m/file"))?;
        fails(
            "with an open file",
            unmount("/m", UnmountFlags::empty()),
            Errno::EBUSY,
        )?;
        drop(file);
        ok("chdir", rustix::process::chdir("/m"))?;
        fails(
            "with the working directory",
            unmount("/m", UnmountFlags::empty()),
            Errno::EBUSY,
        )?;
        ok("MNT_DETACH", unmount("/m", UnmountFlags::DETACH))?;
        equal(
            "the detached file",
            ok("read", fs::read_to_string("file"))?,
            "open".to_owned(),
        )?;
        fails("by its path", fs::read("/m/file"), Errno::ENOENT)?;
        ok("chdir", rustix::process::chdir("/"))?;
        fails(
            "once more",
            unmount("/m", UnmountFlags::empty()),
            Errno::EINVAL,
        )
    })
}

fn root_stays() -> Check {
    fails(
        "the host's",
        unmount("/", UnmountFlags::empty()),
        Errno::EBUSY,
    )?;
    let context = create(ContextType::VfsRoot)?;
    run(|| {
        enter_now(&context)?;
        fails(
            "the container's",
            unmount("/", UnmountFlags::empty()),
            Errno::EBUSY,
        )?;
        fails(
            "the container's, lazily",
            unmount("/", UnmountFlags::DETACH),
            Errno::EBUSY,
        )?;
        fails(
            "covering it",
            mount("tmpfs", "/", "tmpfs", MountFlags::empty(), None),
            Errno::EBUSY,
        )?;
        equal(
            "it is there",
            names_in(directory("/")?)?,
            Vec::<String>::new(),
        )
    })
}

fn remount_root() -> Check {
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    run(|| {
        enter_now(&context)?;
        ok("write", fs::write("/before", ""))?;
        ok("remount", mount_remount("/", MountFlags::RDONLY, ""))?;
        fails("write", fs::write("/after", ""), Errno::EROFS)?;
        fails("remove", fs::remove_file("/before"), Errno::EROFS)
    })?;
    fails(
        "write from outside",
        write_errno(&root, "after"),
        Errno::EROFS,
    )?;
    run(|| {
        enter_now(&context)?;
        ok("remount", mount_remount("/", MountFlags::empty(), ""))?;
        ok("write again", fs::write("/after", ""))
    })
}

fn last_holder() -> Check {
    let place = Place::new("s42")?;
    let source = place.directory("m")?;
    ok(
        "mount",
        mount("tmpfs", source.as_str(), "tmpfs", MountFlags::empty(), None),
    )?;
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    for name in ["a", "b"] {
        ok("mkdir", mkdirat(&root, name, Mode::from(0o755)))?;
    }
    ok("copy_mount", copy(&source, &context, "/a"))?;
    ok("mkdir", mkdirat(&root, "a/below", Mode::from(0o755)))?;
    mount_at(&root, "tmpfs", "a/below")?;
    mount_at(&root, "tmpfs", "b")?;
    equal("mounts inside", inside_mounts(&context)?, 4)?;
    // A descriptor into the context doesn't keep it: it is dismantled with its last holder.
    let kept = root.as_raw_fd();
    drop(context);
    ensure(
        "the descriptor is still open",
        kept >= 0 && exists_at(&root, "a"),
    )?;
    ensure(
        "nothing is mounted there any more",
        !exists_at(&root, "a/below"),
    )?;
    ok(
        "the source can be unmounted",
        unmount(source.as_str(), UnmountFlags::empty()),
    )
}
