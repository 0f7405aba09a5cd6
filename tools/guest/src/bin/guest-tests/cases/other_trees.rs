//! Linux's calls on mounts and its ways of resolving a path, on the tree of another context through a descriptor of its
//! root.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::container::{add_proc, create, enter_now, mount_at, root_of};
use crate::files::{Place, exists_at, read_at, write_at};
use crate::harness::Case;
use gantry_abi::context::ContextType;
use gantry_abi::user::mount::set_attributes;
use gantry_abi::user::{ContextDescriptor, Errno};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat2, symlinkat};
use rustix::mount::{
    MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, move_mount,
    open_tree, unmount,
};
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

pub const CASES: &[Case] = &[
    Case {
        name: "copies_of_a_tree_move_between_contexts",
        test: copies,
    },
    Case {
        name: "a_mount_moves_inside_another_context",
        test: moves,
    },
    Case {
        name: "attributes_of_another_contexts_mounts_change_recursively",
        test: attributes,
    },
    Case {
        name: "every_restriction_of_a_walk_holds_in_another_context",
        test: restricted_walks,
    },
];

/// An empty context and its root, with directories.
fn tree(directories: &[&str]) -> Check<(ContextDescriptor, OwnedFd)> {
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    for path in directories {
        ok(path, mkdirat(&root, *path, Mode::from(0o755)))?;
    }
    Ok((context, root))
}

/// Looks at a context's tree from inside.
fn inside(context: &ContextDescriptor, look: impl FnOnce() -> Check) -> Check {
    run(|| {
        enter_now(context)?;
        look()
    })
}

const COPY: OpenTreeFlags = OpenTreeFlags::OPEN_TREE_CLONE.union(OpenTreeFlags::OPEN_TREE_CLOEXEC);

fn copies() -> Check {
    let place = Place::new("other-trees")?;
    place.directory("source")?;
    place.directory("source/below")?;
    place.file("source/file", "of the host")?;
    let host = crate::files::directory(&place.at(""))?;
    mount_at(&host, "tmpfs", "source/below")?;
    ok("write", fs::write(place.at("source/below/deep"), "deep"))?;
    let (context, root) = tree(&["plain", "whole", "own"])?;
    for (flags, to) in [
        (COPY, "plain"),
        (COPY | OpenTreeFlags::AT_RECURSIVE, "whole"),
    ] {
        let copy = ok("open_tree", open_tree(&host, "source", flags))?;
        // It can be used before it is anywhere.
        equal(
            "in the copy",
            read_at(&copy, "file")?.as_str(),
            "of the host",
        )?;
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        ok("move_mount", move_mount(&copy, "", &root, to, flags))?;
        fails(
            "move_mount again",
            move_mount(&copy, "", &root, "own", flags),
            Errno::EINVAL,
        )?;
    }
    equal("one mount", exists_at(&root, "plain/below/deep"), false)?;
    equal(
        "all mounts",
        read_at(&root, "whole/below/deep")?.as_str(),
        "deep",
    )?;
    // The other way round: what lies in the container, seen by the host.
    write_at(&root, "own/file", "of the container")?;
    let copy = ok("open_tree", open_tree(&root, "own", COPY))?;
    let to = place.directory("own")?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    ok("move_mount", move_mount(&copy, "", CWD, to.as_str(), flags))?;
    let content = ok("read", fs::read_to_string(format!("{to}/file")))?;
    equal("on the host", content.as_str(), "of the container")?;
    inside(&context, || {
        let content = ok("read inside", fs::read_to_string("/whole/below/deep"))?;
        equal("inside", content.as_str(), "deep")
    })?;
    for path in [to, place.at("source/below")] {
        ok("unmount", unmount(path.as_str(), UnmountFlags::DETACH))?;
    }
    Ok(())
}

fn moves() -> Check {
    let (context, root) = tree(&["from", "to", "locked"])?;
    mount_at(&root, "tmpfs", "locked")?;
    inside(&context, || {
        for path in ["/from", "/from/below"] {
            if !fs::exists(path).unwrap_or(false) {
                ok("mkdir", fs::create_dir(path))?;
            }
            ok(
                "mount inside",
                mount("tmpfs", path, "tmpfs", MountFlags::empty(), None),
            )?;
        }
        ok("write", fs::write("/from/file", "moved"))
    })?;
    let plain = MoveMountFlags::empty();
    fails(
        "into itself",
        move_mount(&root, "from", &root, "from/below", plain),
        Errno::ELOOP,
    )?;
    fails(
        "what was put there from outside",
        move_mount(&root, "locked", &root, "to", plain),
        Errno::EINVAL,
    )?;
    fails(
        "what is no mount",
        move_mount(&root, "to", &root, "from", plain),
        Errno::EINVAL,
    )?;
    ok("move_mount", move_mount(&root, "from", &root, "to", plain))?;
    ensure("it has left", !exists_at(&root, "from/file"))?;
    equal("it has come", read_at(&root, "to/file")?.as_str(), "moved")?;
    inside(&context, || {
        let mounts = ok("mounts", fs::metadata("/to/below"))?;
        ensure("with what is mounted below", mounts.is_dir())
    })
}

fn attributes() -> Check {
    let (context, root) = tree(&["m", "other", "proc"])?;
    add_proc(&context)?;
    mount_at(&root, "tmpfs", "m")?;
    ok("mkdir", mkdirat(&root, "m/below", Mode::from(0o755)))?;
    mount_at(&root, "tmpfs", "m/below")?;
    mount_at(&root, "tmpfs", "other")?;
    let mount = ok(
        "open",
        openat2(
            &root,
            "m",
            OFlags::PATH,
            Mode::empty(),
            ResolveFlags::empty(),
        ),
    )?;
    let read_only = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
    let no_execute = u64::from(MountAttrFlags::MOUNT_ATTR_NOEXEC.bits());
    let is_written = |path: &str| write_at(&root, path, "x").is_ok();
    let set = |set, clear, recursive| set_attributes(mount.as_raw_fd(), set, clear, recursive);
    ok("one mount", set(read_only, 0, false))?;
    equal("itself", is_written("m/file"), false)?;
    equal("the one below", is_written("m/below/file"), true)?;
    ok("and those below", set(read_only | no_execute, 0, true))?;
    equal("the one below", is_written("m/below/file"), false)?;
    equal("another one", is_written("other/file"), true)?;
    inside(&context, || {
        let table = ok("mountinfo", fs::read_to_string("/proc/self/mountinfo"))?;
        let options = |at: &str| -> Option<String> {
            let mut fields = table.lines().map(|line| line.split(' '));
            fields
                .find_map(|mut line| (line.nth(4)? == at).then(|| line.next().map(String::from))?)
        };
        for path in ["/m", "/m/below"] {
            let found = options(path).ok_or("not in mountinfo")?;
            ensure(&format!("{path}: {found}"), found.starts_with("ro,noexec"))?;
        }
        Ok(())
    })?;
    // What was restricted from outside stays so, whoever asks.
    fails("and back", set(0, read_only, true), Errno::EPERM)?;
    equal("the one below", is_written("m/below/file"), false)?;
    fails("an unknown attribute", set(1 << 40, 0, true), Errno::EINVAL)
}

fn restricted_walks() -> Check {
    let (context, root) = tree(&["d", "d/e", "m", "proc"])?;
    add_proc(&context)?;
    mount_at(&root, "tmpfs", "m")?;
    write_at(&root, "top", "of the container")?;
    write_at(&root, "d/file", "in d")?;
    write_at(&root, "m/file", "in m")?;
    for (to, link) in [
        ("/top", "d/absolute"),
        ("../top", "d/up"),
        ("../../../../../../top", "d/far"),
        ("file", "d/plain"),
    ] {
        ok("symlink", symlinkat(to, &root, link))?;
    }
    let read_only = OFlags::RDONLY | OFlags::CLOEXEC;
    let at = |start: &OwnedFd, path: &str, how| openat2(start, path, read_only, Mode::empty(), how);
    let directory = ok("d", at(&root, "d", ResolveFlags::empty()))?;
    let opens = |what: &str, path: &str, how| ok(what, at(&directory, path, how)).map(drop);
    let refuses =
        |what: &str, path: &str, how, error| fails(what, at(&directory, path, how), error);

    let beneath = ResolveFlags::BENEATH;
    opens("beneath", "e/../plain", beneath)?;
    for path in [
        "..",
        "../top",
        "/top",
        "absolute",
        "up",
        "far",
        "e/../../top",
    ] {
        refuses(path, path, beneath, Errno::EXDEV)?;
    }
    // The directory is the root of the walk: there is no top in it.
    let in_root = ResolveFlags::IN_ROOT;
    for path in ["/file", "../file", "../../../file", "plain", "/e/../plain"] {
        opens(path, path, in_root)?;
    }
    for path in ["../top", "absolute", "up", "far", "/top"] {
        refuses(path, path, in_root, Errno::ENOENT)?;
    }
    // And the whole tree's root is the root of every walk in it.
    for path in ["d/absolute", "d/up", "d/far", "/top", "../../top"] {
        let file = ok(path, at(&root, path, in_root))?;
        let mut content = [0; 16];
        let length = ok("read", rustix::io::read(&file, &mut content))?;
        equal(path, &content[..length], b"of the container".as_slice())?;
    }
    let no_links = ResolveFlags::NO_SYMLINKS;
    opens("without links", "file", no_links)?;
    refuses("a link", "plain", no_links, Errno::ELOOP)?;
    fails(
        "a link to a directory",
        at(&root, "proc/self/root", no_links),
        Errno::ELOOP,
    )?;
    let no_magic = ResolveFlags::NO_MAGICLINKS;
    opens("without links of proc", "plain", no_magic)?;
    fails(
        "a link of proc",
        at(&root, "proc/self/root", no_magic),
        Errno::ELOOP,
    )?;
    let one_mount = ResolveFlags::NO_XDEV;
    ok("in one mount", at(&root, "d/plain", one_mount))?;
    fails("into a mount", at(&root, "m/file", one_mount), Errno::EXDEV)?;
    let mount = ok("m", at(&root, "m", ResolveFlags::empty()))?;
    fails(
        "out of a mount",
        at(&mount, "../top", one_mount),
        Errno::EXDEV,
    )?;
    let cached = ResolveFlags::CACHED;
    opens("what is in the cache", "file", cached)?;
    let create = openat2(
        &directory,
        "new",
        OFlags::CREATE | OFlags::WRONLY,
        Mode::from(0o600),
        cached,
    );
    fails("making a file from the cache", create, Errno::EAGAIN)?;
    refuses("two roots", "file", beneath | in_root, Errno::EINVAL)
}
