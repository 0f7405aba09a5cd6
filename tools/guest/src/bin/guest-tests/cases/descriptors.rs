//! Statements 1 to 11: opening and creating.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::container::{create, root_of};
use crate::harness::Case;
use crate::users::as_user;
use gantry_abi::context::{ContextState, ContextType, EnterFlags, OpenFlags};
use gantry_abi::user::{ContextDescriptor, Errno, calls};
use rustix::fs::{FileType, fstat};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::system::{sethostname, uname};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

pub const CASES: &[Case] = &[
    Case {
        name: "s01_open_gives_distinct_close_on_exec_descriptors",
        test: distinct,
    },
    Case {
        name: "s02_a_negative_type_is_invalid",
        test: negative_type,
    },
    Case {
        name: "s03_unknown_types_and_flags_are_refused",
        test: unknown,
    },
    Case {
        name: "s04_an_ordinary_user_is_refused_whatever_it_asks",
        test: ordinary_user,
    },
    Case {
        name: "s05_a_jailed_process_is_refused",
        test: jailed,
    },
    Case {
        name: "s06_the_descriptor_as_a_file",
        test: as_a_file,
    },
    Case {
        name: "s07_create_wants_a_fresh_context_descriptor",
        test: create_errors,
    },
    Case {
        name: "s08_a_root_without_file_system_is_empty",
        test: empty_root,
    },
    Case {
        name: "s09_create_changes_nothing_for_the_caller",
        test: create_enters_nothing,
    },
    Case {
        name: "s10_ids_grow_and_are_never_reused",
        test: ids_grow,
    },
    Case {
        name: "s11_a_hostname_starts_as_the_creators",
        test: hostname_is_copied,
    },
];

fn distinct() -> Check {
    let mut seen = Vec::new();
    for context_type in ContextType::ALL {
        let context = ok(
            "open",
            ContextDescriptor::open(context_type, OpenFlags::empty()),
        )?;
        let flags = ok("F_GETFD", fcntl_getfd(context.as_fd()))?;
        ensure("close-on-exec is set", flags.contains(FdFlags::CLOEXEC))?;
        ensure(
            "the descriptors differ",
            seen.iter()
                .all(|other: &ContextDescriptor| other.number() != context.number()),
        )?;
        equal(
            "the type",
            ok("GET_INFO", context.info())?.context_type(),
            Some(context_type),
        )?;
        seen.push(context);
    }
    Ok(())
}

fn negative_type() -> Check {
    fails("open(-1)", calls::unshare_open(-1, 0), Errno::EINVAL)?;
    fails(
        "open(-1, unknown flags)",
        calls::unshare_open(-1, 0x80),
        Errno::EINVAL,
    )?;
    fails("reopen(-1)", calls::unshare_reopen(-1, 1), Errno::EINVAL)
}

fn unknown() -> Check {
    for number in [0, 4, 99] {
        fails(
            "open of an unknown type",
            calls::unshare_open(number, 0),
            Errno::EOPNOTSUPP,
        )?;
        fails(
            "open of an unknown type with unknown flags",
            calls::unshare_open(number, 0x80),
            Errno::EOPNOTSUPP,
        )?;
        fails(
            "reopen of an unknown type",
            calls::unshare_reopen(number, 1),
            Errno::EOPNOTSUPP,
        )?;
    }
    for flags in [2, 0x80, u32::MAX] {
        fails(
            "open with unknown flags",
            calls::unshare_open(1, flags),
            Errno::EINVAL,
        )?;
    }
    for number in [2, 3] {
        let flag = OpenFlags::KILL_ON_CLOSE.bits();
        fails(
            "KILL_ON_CLOSE of another type",
            calls::unshare_open(number, flag),
            Errno::EINVAL,
        )?;
    }
    ok(
        "KILL_ON_CLOSE of a list",
        calls::unshare_open(1, OpenFlags::KILL_ON_CLOSE.bits()),
    )
    .map(drop)
}

/// All five calls, with arguments that are wrong in themselves.
fn refuses_everything(expected: Errno) -> Check {
    for number in [-1, 0, 1, 2, 3, 99] {
        fails("open", calls::unshare_open(number, 0x80), expected)?;
        fails("reopen", calls::unshare_reopen(number, 1), expected)?;
        fails("create", calls::unshare_create(number), expected)?;
        fails("enter", calls::unshare_enter(number, 0), expected)?;
        fails(
            "copy_mount",
            calls::copy_mount(-100, c"/none", number, c"", 0x80),
            expected,
        )?;
    }
    Ok(())
}

fn ordinary_user() -> Check {
    let context = create(ContextType::Hostname)?;
    as_user(1000, || {
        refuses_everything(Errno::EPERM)?;
        fails(
            "enter a passed descriptor",
            context.enter(EnterFlags::CURRENT_PROGRAM),
            Errno::EPERM,
        )
    })
}

fn jailed() -> Check {
    for how in [1, 2] {
        let context = create(ContextType::Hostname)?;
        run(|| {
            ok("jail", calls::set_jail(how))?;
            refuses_everything(Errno::EPERM)?;
            fails(
                "enter",
                context.enter(EnterFlags::CURRENT_PROGRAM),
                Errno::EPERM,
            )
        })?;
    }
    Ok(())
}

fn as_a_file() -> Check {
    for context_type in ContextType::ALL {
        let context = ok(
            "open",
            ContextDescriptor::open(context_type, OpenFlags::empty()),
        )?;
        fails(
            "write",
            rustix::io::write(context.as_fd(), b"x"),
            Errno::EBADF,
        )?;
        fails(
            "lseek",
            rustix::fs::seek(context.as_fd(), rustix::fs::SeekFrom::Start(0)),
            Errno::ESPIPE,
        )?;
        let unknown = u32::from(b'u') << 8 | 200;
        fails(
            "an unknown request",
            calls::context_request(context.number(), unknown, 0),
            Errno::ENOTTY,
        )?;
        let mut bytes = [0; 128];
        let length = ok("read", rustix::io::read(context.as_fd(), &mut bytes))?;
        equal(
            "read returns the information",
            length,
            size_of::<gantry_abi::ioctl::ContextInfo>(),
        )?;
        let kept = ok("dup", rustix::io::dup(context.as_fd()))?;
        ok("create", context.create())?;
        drop(context);
        let kept = ContextDescriptor::from(gantry_abi::user::OwnedDescriptor::from(kept));
        equal(
            "the copy is the handle",
            ok("GET_INFO", kept.info())?.state(),
            Some(ContextState::Created),
        )?;
    }
    Ok(())
}

fn create_errors() -> Check {
    let file = ok(
        "open a file",
        fs::File::open(ok("the program", std::env::current_exe())?),
    )?;
    let (read, _write) = ok("pipe", rustix::pipe::pipe())?;
    let socket = ok(
        "socketpair",
        rustix::net::socketpair(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            rustix::net::SocketFlags::empty(),
            None,
        ),
    )?;
    fails("create(-1)", calls::unshare_create(-1), Errno::EBADF)?;
    fails(
        "create of a closed descriptor",
        calls::unshare_create(900),
        Errno::EBADF,
    )?;
    fails(
        "create of a file",
        calls::unshare_create(file.as_raw_fd()),
        Errno::EINVAL,
    )?;
    fails(
        "create of a pipe",
        calls::unshare_create(read.as_raw_fd()),
        Errno::EINVAL,
    )?;
    fails(
        "create of a socket",
        calls::unshare_create(socket.0.as_raw_fd()),
        Errno::EINVAL,
    )?;
    for context_type in ContextType::ALL {
        let context = create(context_type)?;
        fails("create twice", context.create(), Errno::EEXIST)?;
    }
    Ok(())
}

fn empty_root() -> Check {
    let context = create(ContextType::VfsRoot)?;
    let root = root_of(&context)?;
    let status = ok("stat of the root", fstat(&root))?;
    equal("the root's mode", status.st_mode & 0o7777, 0o755)?;
    equal(
        "the root's kind",
        FileType::from_raw_mode(status.st_mode),
        FileType::Directory,
    )?;
    equal("the root's owner", (status.st_uid, status.st_gid), (0, 0))?;
    equal(
        "the entries",
        crate::files::names_in(&root)?,
        Vec::<String>::new(),
    )?;
    let mounts = ok("LIST_MOUNTS", context.list_mounts())?;
    let mounts = String::from_utf8_lossy(&mounts);
    equal("the number of mounts", mounts.lines().count(), 1)?;
    ensure("it is a RAMFS", mounts.contains(" - ramfs "))
}

fn create_enters_nothing() -> Check {
    let links = || -> Check<Vec<_>> {
        ["pid", "mnt", "uts"]
            .iter()
            .map(|name| ok("ns", fs::read_link(format!("/proc/self/ns/{name}"))))
            .collect()
    };
    let before = links()?;
    let contexts: Vec<_> = ContextType::ALL
        .into_iter()
        .map(create)
        .collect::<Check<_>>()?;
    equal("the caller's contexts", links()?, before)?;
    ensure(
        "the caller's files",
        fs::metadata(ok("the program", std::env::current_exe())?).is_ok(),
    )?;
    for context in contexts {
        equal(
            "members",
            ok("GET_INFO", context.info())?.attached_processes,
            0,
        )?;
    }
    Ok(())
}

fn ids_grow() -> Check {
    for context_type in ContextType::ALL {
        let mut last = 0;
        for _ in 0..5 {
            let context = ok(
                "open",
                ContextDescriptor::open(context_type, OpenFlags::empty()),
            )?;
            let id = ok("create", context.create())?;
            ensure(
                "the id is larger than the one before, which is gone",
                id > last,
            )?;
            equal("the id in GET_INFO", ok("GET_INFO", context.info())?.id, id)?;
            last = id;
        }
        ensure("the boot context has id 1", last > 1)?;
    }
    Ok(())
}

fn hostname_is_copied() -> Check {
    let outside = create(ContextType::Hostname)?;
    run(|| {
        // The test works in a hostname of its own, not the machine's.
        crate::container::enter_now(&outside)?;
        ok("sethostname", sethostname(b"first"))?;
        let context = ok(
            "open",
            ContextDescriptor::open(ContextType::Hostname, OpenFlags::empty()),
        )?;
        ok("sethostname", sethostname(b"second"))?;
        ok("create", context.create())?;
        ok("sethostname", sethostname(b"third"))?;
        run(|| {
            crate::container::enter_now(&context)?;
            equal(
                "the name inside",
                uname().nodename().to_bytes(),
                b"second".as_slice(),
            )
        })?;
        equal(
            "the name outside",
            uname().nodename().to_bytes(),
            b"third".as_slice(),
        )?;
        let described = ok(
            "open",
            ContextDescriptor::open(ContextType::Hostname, OpenFlags::empty()),
        )?;
        ok(
            "SET_HOSTNAME before create",
            described.set_hostname(b"chosen"),
        )?;
        ok("create", described.create())?;
        let _ = OwnedFd::from(outside);
        crate::container::enter_now(&described)?;
        equal(
            "the name set before create",
            uname().nodename().to_bytes(),
            b"chosen".as_slice(),
        )
    })
}
