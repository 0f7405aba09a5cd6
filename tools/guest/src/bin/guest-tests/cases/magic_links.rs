//! Links of /proc that lead to an object itself don't lead out of a container.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{Child, Gate, run};
use crate::container::{
    add_proc, create, enter_after_exec, enter_now, script_command, start_command,
    vfs_root_with_program,
};
use crate::files::directory;
use crate::harness::Case;
use gantry_abi::context::ContextType;
use gantry_abi::user::{ContextDescriptor, Errno};
use rustix::fs::{OFlags, openat};
use rustix::process::DumpableBehavior;
use std::fs;
use std::os::unix::process::CommandExt;

pub const CASES: &[Case] = &[
    Case {
        name: "magic_links_lead_to_no_process_out_of_sight",
        test: out_of_sight,
    },
    Case {
        name: "magic_links_lead_into_no_other_root",
        test: other_root,
    },
    Case {
        name: "magic_links_of_the_same_root_lead_there",
        test: same_root,
    },
    Case {
        name: "mapped_files_are_links_to_what_is_mapped",
        test: mapped_files,
    },
    Case {
        name: "magic_links_lead_no_manager_out_of_a_container",
        test: from_outside,
    },
    Case {
        name: "sockets_pass_a_container_no_directory_of_others",
        test: passed_directories,
    },
];

const LINKS: [&str; 5] = ["exe", "root", "cwd", "fd/50", "task"];

/// The links of a process that a test looks at, with what it says when they are followed.
fn outcomes(process: i32) -> Vec<(String, Option<i32>)> {
    LINKS
        .iter()
        .map(|link| {
            let path = format!("/proc/{process}/{link}");
            let error = fs::metadata(&path).err();
            (path, error.and_then(|error| error.raw_os_error()))
        })
        .collect()
}

/// A container's root with /proc.
fn root() -> Check<ContextDescriptor> {
    let root = vfs_root_with_program()?;
    add_proc(&root)?;
    Ok(root)
}

/// A process with a directory at descriptor 50, in its working directory and as its root.
fn subject(enter: impl FnOnce() -> Check) -> Check<(Child, Gate)> {
    let mut end = Gate::new()?;
    let mut ready = Gate::new()?;
    let child = Child::start(|| {
        enter()?;
        let held = directory("/")?;
        let held = ok("dup", rustix::io::fcntl_dupfd_cloexec(&held, 50))?;
        equal("the descriptor", std::os::fd::AsRawFd::as_raw_fd(&held), 50)?;
        ready.open();
        end.wait()
    })?;
    ready.wait()?;
    Ok((child, end))
}

fn out_of_sight() -> Check {
    let root = root()?;
    let list = create(ContextType::ProcessList)?;
    let (host, mut end) = subject(|| Ok(()))?;
    let number = host.process();
    run(|| {
        enter_now(&list)?;
        enter_now(&root)?;
        for (path, error) in outcomes(number) {
            equal(&path, error, Some(Errno::ENOENT.number()))?;
        }
        // 1 is the caller itself here, not the host's.
        equal("the only process", outcomes(1)[1].1, None)
    })?;
    end.open();
    host.finish()
}

/// What a process that sees another one with another root gets of its links.
fn refused(number: i32) -> Check {
    for (path, error) in outcomes(number) {
        let expected = (!path.ends_with("task")).then_some(Errno::EACCES.number());
        equal(&path, error, expected)?;
        if expected.is_some() {
            fails(
                "opened as a place",
                rustix::fs::open(
                    path.as_str(),
                    OFlags::PATH | OFlags::CLOEXEC,
                    rustix::fs::Mode::empty(),
                ),
                Errno::EACCES,
            )?;
        }
    }
    fails(
        "a file behind it",
        fs::read(format!("/proc/{number}/root/etc/passwd")),
        Errno::EACCES,
    )?;
    fails(
        "execution of it",
        std::process::Command::new(format!("/proc/{number}/exe")).status(),
        Errno::EACCES,
    )
}

fn other_root() -> Check {
    let (first, second) = (root()?, root()?);
    // A container that shares the host's list sees its processes, and nothing of their files.
    let (host, mut end) = subject(|| Ok(()))?;
    let number = host.process();
    run(|| {
        enter_now(&first)?;
        refused(number)?;
        fails(
            "the first process's root",
            fs::metadata("/proc/1/root/etc"),
            Errno::EACCES,
        )
    })?;
    // So do two roots in one list.
    let list = create(ContextType::ProcessList)?;
    let (member, mut member_end) = subject(|| {
        enter_now(&list)?;
        enter_now(&second)
    })?;
    run(|| {
        enter_now(&list)?;
        enter_now(&first)?;
        refused(1)
    })?;
    // The host goes anywhere.
    for (path, error) in outcomes(member.process()) {
        equal(&path, error, None)?;
    }
    member_end.open();
    member.finish()?;
    end.open();
    host.finish()
}

fn same_root() -> Check {
    let root = root()?;
    let list = create(ContextType::ProcessList)?;
    let (member, mut end) = subject(|| {
        enter_now(&list)?;
        enter_now(&root)
    })?;
    run(|| {
        enter_now(&list)?;
        enter_now(&root)?;
        // Both run the host's program: its file is in another root.
        for (path, error) in outcomes(1) {
            let expected = path.ends_with("exe").then_some(Errno::EACCES.number());
            equal(&path, error, expected)?;
        }
        Ok(())
    })?;
    end.open();
    member.finish()
}

/// The links in a process's map_files.
fn mapped(process: &str) -> Check<Vec<std::path::PathBuf>> {
    let path = format!("/proc/{process}/map_files");
    let entries = ok(&path, fs::read_dir(&path))?;
    entries
        .map(|entry| ok(&path, entry).map(|entry| entry.path()))
        .collect()
}

fn mapped_files() -> Check {
    let program = ok("the program", fs::canonicalize("/proc/self/exe"))?;
    let links = mapped("self")?;
    ensure("the program is mapped", !links.is_empty())?;
    for link in &links {
        equal(
            "where it leads",
            ok("readlink", fs::read_link(link))?,
            program.clone(),
        )?;
        let size = ok("stat of what is mapped", fs::metadata(link))?.len();
        equal("its size", size, ok("stat", fs::metadata(&program))?.len())?;
        let name = link
            .file_name()
            .ok_or("no name")?
            .to_string_lossy()
            .into_owned();
        let first = name.split('-').next().unwrap_or_default();
        let maps = ok("maps", fs::read_to_string("/proc/self/maps"))?;
        ensure(
            &format!("{name} is in maps"),
            maps.contains(&format!("{first:0>8}-")),
        )?;
        fails(
            "another end",
            fs::read_link(format!("/proc/self/map_files/{first}-1")),
            Errno::ENOENT,
        )?;
    }
    // Only who may checkpoint processes is led there; the name is for everybody who may inspect the process.
    run(|| {
        crate::users::become_user(1000)?;
        ok(
            "stay inspectable",
            rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable),
        )?;
        let links = mapped("self")?;
        fails("followed by a user", fs::metadata(&links[0]), Errno::EPERM)
    })?;
    // In a container, the file of the program that came in from outside stays out of reach, as do the files of processes
    // out of sight.
    let (host, mut end) = subject(|| Ok(()))?;
    let (root, list) = (root()?, create(ContextType::ProcessList)?);
    run(|| {
        enter_now(&list)?;
        enter_now(&root)?;
        let links = mapped("self")?;
        fails(
            "followed in a container",
            fs::metadata(&links[0]),
            Errno::EACCES,
        )?;
        let other = fs::read_dir(format!("/proc/{}/map_files", host.process()));
        fails("of a process out of sight", other, Errno::ENOENT)
    })?;
    end.open();
    host.finish()
}

/// Who works in a container's tree from outside is itself in the container's /proc.
fn from_outside() -> Check {
    let root = root()?;
    let top = crate::container::root_of(&root)?;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let mode = rustix::fs::Mode::from(0o755);
    let held = directory("/")?;
    let descriptor = format!("proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held));
    for (index, link) in [
        "proc/self/root",
        "proc/self/cwd",
        "proc/self/exe",
        &descriptor,
    ]
    .into_iter()
    .enumerate()
    {
        fails(link, openat(&top, link, flags, mode), Errno::EXDEV)?;
        let name = format!("link{index}");
        ok(
            "symlink",
            rustix::fs::symlinkat(format!("/{link}"), &top, name.as_str()),
        )?;
        fails(
            "by a link",
            openat(&top, name.as_str(), flags, mode),
            Errno::EXDEV,
        )?;
        let below = format!("{name}/new");
        fails(
            "a directory below",
            rustix::fs::mkdirat(&top, below.as_str(), mode),
            Errno::EXDEV,
        )?;
        fails(
            "a file below",
            openat(&top, below.as_str(), OFlags::WRONLY | OFlags::CREATE, mode),
            Errno::EXDEV,
        )?;
    }
    // What a descriptor that lies in the container leads to is in there.
    let inside = format!("proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&top));
    ok(
        "a directory inside",
        openat(&top, inside.as_str(), flags, mode),
    )
    .map(drop)
}

fn passed_directories() -> Check {
    use rustix::net::{
        AddressFamily, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
    };
    use std::io::{IoSlice, IoSliceMut};
    use std::mem::MaybeUninit;
    use std::os::fd::AsFd;
    let root = root()?;
    let (ours, theirs) = ok(
        "socketpair",
        socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        ),
    )?;
    let outside = directory("/etc")?;
    let file = ok("open", fs::File::open("/proc/version"))?;
    let inside = crate::container::root_of(&root)?;
    // A directory of the container's own, a file of the host's, a directory of the host's.
    for passed in [inside.as_fd(), file.as_fd(), outside.as_fd()] {
        let passed = [passed];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&passed));
        ok(
            "sendmsg",
            sendmsg(
                &ours,
                &[IoSlice::new(b"x")],
                &mut control,
                SendFlags::empty(),
            ),
        )?;
    }
    let receive = || -> Check<(usize, bool)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let received = ok(
            "recvmsg",
            recvmsg(
                &theirs,
                &mut [IoSliceMut::new(&mut byte)],
                &mut control,
                RecvFlags::empty(),
            ),
        )?;
        let cut = received.flags.contains(ReturnFlags::CTRUNC);
        Ok((control.drain().count(), cut))
    };
    run(|| {
        enter_now(&root)?;
        equal("its own directory", receive()?, (1, false))?;
        equal("a file", receive()?, (1, false))?;
        equal("a directory of the host's", receive()?, (0, true))
    })?;
    // Nor does one come in with an exec.
    let mut program = script_command(&["descriptor:60"]);
    program.arg0("member");
    let lines = start_command(program, || {
        let kept = ok("dup", rustix::io::fcntl_dupfd_cloexec(&outside, 60))?;
        ok(
            "clear close-on-exec",
            rustix::io::fcntl_setfd(&kept, rustix::io::FdFlags::empty()),
        )?;
        std::mem::forget(kept);
        ensure_reachable(&outside)?;
        enter_after_exec(&root)
    })?
    .finish()?
    .lines;
    equal("after exec", lines, vec!["closed".to_owned()])
}

fn ensure_reachable(directory: &std::os::fd::OwnedFd) -> Check {
    ok(
        "before",
        openat(
            directory,
            "..",
            OFlags::PATH | OFlags::CLOEXEC,
            rustix::fs::Mode::empty(),
        ),
    )
    .map(drop)
}
