//! Statements 53 to 56: hostnames and the jail.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::container::{self, create, enter_now};
use crate::files::Place;
use crate::harness::Case;
use gantry_abi::context::ContextType;
use gantry_abi::user::{Errno, calls};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::system::{sethostname, uname};
use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};
use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::process::Command;
use std::thread;

pub const CASES: &[Case] = &[
    Case {
        name: "s53_a_hostname_is_its_members_alone",
        test: hostname,
    },
    Case {
        name: "s54_the_jail_is_inherited_and_refuses",
        test: jail,
    },
    Case {
        name: "s55_a_set_user_id_program_gains_nothing_in_a_jail",
        test: set_user_id,
    },
    Case {
        name: "s56_harmless_devices_open_in_a_jail",
        test: devices,
    },
];

fn own_name() -> String {
    uname().nodename().to_string_lossy().into_owned()
}

fn hostname() -> Check {
    let outside = own_name();
    let context = create(ContextType::Hostname)?;
    run(|| {
        enter_now(&context)?;
        ok("sethostname inside", sethostname(b"inside"))?;
        run(|| equal("another member", own_name(), "inside".to_owned()))?;
        equal(
            "/proc/sys/kernel/hostname",
            ok("read", fs::read_to_string("/proc/sys/kernel/hostname"))?.trim_end(),
            "inside",
        )?;
        ok("SET_HOSTNAME", context.set_hostname(b"from outside"))?;
        equal(
            "set through the descriptor",
            own_name(),
            "from outside".to_owned(),
        )?;
        ok("SET_DOMAIN_NAME", context.set_domain_name(b"example.org"))?;
        equal(
            "the domain set through the descriptor",
            ok("read", fs::read_to_string("/proc/sys/kernel/domainname"))?.trim_end(),
            "example.org",
        )
    })?;
    fails(
        "a domain of 65 bytes through the descriptor",
        context.set_domain_name(&[b'x'; 65]),
        Errno::EINVAL,
    )?;
    fails(
        "MEMORY_KILLS of a hostname",
        context.memory_kills(),
        Errno::EINVAL,
    )?;
    equal("outside", own_name(), outside)?;
    let long = [b'x'; 65];
    fails(
        "65 bytes through the descriptor",
        context.set_hostname(&long),
        Errno::EINVAL,
    )?;
    ok(
        "64 bytes through the descriptor",
        context.set_hostname(&long[..64]),
    )?;
    run(|| {
        enter_now(&context)?;
        equal("64 bytes", own_name().len(), 64)?;
        fails("65 bytes by sethostname", sethostname(&long), Errno::EINVAL)?;
        ok("an empty name", sethostname(b""))?;
        equal("the empty name", own_name(), String::new())
    })
}

fn bits() -> Check<u32> {
    ok("PR_GET_JAIL", calls::get_jail())
}

fn jail() -> Check {
    equal("at first", bits()?, 0)?;
    fails("an unknown kind", calls::set_jail(3), Errno::EINVAL)?;
    fails("kind 0", calls::set_jail(0), Errno::EINVAL)?;
    let description = rustix::mount::fsopen("tmpfs", rustix::mount::FsOpenFlags::empty());
    let description = ok("fsopen", description)?;
    for (how, bit, after_exec) in [(1, 1, "1"), (2, 2, "0")] {
        run(|| {
            ok("jail", calls::set_jail(how))?;
            equal("the bits", bits()?, bit)?;
            run(|| equal("after fork", bits()?, bit))?;
            let in_thread = thread::scope(|scope| scope.spawn(bits).join())
                .map_err(|_| "the thread panicked")??;
            equal("in a thread", in_thread, bit)?;
            let program = container::program()?;
            let output = ok(
                "spawn",
                container::script_command_at(&program, &["jail"]).output(),
            )?;
            equal(
                "after posix_spawn and exec",
                String::from_utf8_lossy(&output.stdout).trim_end(),
                after_exec,
            )?;
            refused(&description)
        })?;
    }
    run(|| {
        ok("jail until exit", calls::set_jail(1))?;
        ok("jail until exec", calls::set_jail(2))?;
        equal("both", bits()?, 3)
    })
}

/// Each call that a jail refuses, besides the container calls of statement 5; the description of a file system was
/// opened before.
fn refused(description: &std::os::fd::OwnedFd) -> Check {
    let place = Place::new("s54")?;
    let directory = place.directory("d")?;
    fails(
        "mount",
        mount(
            "tmpfs",
            directory.as_str(),
            "tmpfs",
            MountFlags::empty(),
            None,
        ),
        Errno::EPERM,
    )?;
    fails(
        "umount2",
        unmount(directory.as_str(), UnmountFlags::empty()),
        Errno::EPERM,
    )?;
    fails(
        "fsopen",
        rustix::mount::fsopen("tmpfs", rustix::mount::FsOpenFlags::empty()),
        Errno::EPERM,
    )?;
    fails(
        "fsconfig",
        rustix::mount::fsconfig_create(description),
        Errno::EPERM,
    )?;
    let made = rustix::mount::fsmount(
        description,
        rustix::mount::FsMountFlags::empty(),
        rustix::mount::MountAttrFlags::empty(),
    );
    fails("fsmount", made, Errno::EPERM)?;
    let top = crate::files::directory("/")?;
    fails(
        "mount_setattr",
        gantry_abi::user::mount::set_attributes(top.as_raw_fd(), 1, 0, false),
        Errno::EPERM,
    )?;
    let tree = rustix::mount::open_tree(CWD, "/", rustix::mount::OpenTreeFlags::OPEN_TREE_CLONE);
    fails("open_tree", tree, Errno::EPERM)?;
    let moved = rustix::mount::move_mount(
        CWD,
        "/tmp",
        CWD,
        directory.as_str(),
        rustix::mount::MoveMountFlags::empty(),
    );
    fails("move_mount", moved, Errno::EPERM)?;
    fails(
        "chroot",
        rustix::process::chroot(directory.as_str()),
        Errno::EPERM,
    )?;
    fails(
        "pivot_root",
        rustix::process::pivot_root(directory.as_str(), directory.as_str()),
        Errno::EPERM,
    )?;
    fails(
        "unshare",
        calls::unshare_namespaces(0x0002_0000),
        Errno::EPERM,
    )?;
    let namespace = ok("namespace", fs::File::open("/proc/self/status"))?;
    fails(
        "setns",
        rustix::thread::move_into_link_name_space(namespace.as_fd(), None),
        Errno::EPERM,
    )?;
    fails("sethostname", sethostname(b"other"), Errno::EPERM)?;
    let node = place.at("node");
    let device = mknodat(
        CWD,
        node.as_str(),
        FileType::CharacterDevice,
        Mode::from(0o666),
        makedev(1, 3),
    );
    fails("mknod of a device", device, Errno::EPERM)?;
    ok(
        "mknod of a FIFO",
        mknodat(CWD, node.as_str(), FileType::Fifo, Mode::from(0o666), 0),
    )?;
    let now = clock_gettime(ClockId::Realtime);
    fails(
        "clock_settime",
        clock_settime(ClockId::Realtime, Timespec { ..now }),
        Errno::EPERM,
    )?;
    fails(
        "reboot",
        rustix::system::reboot(rustix::system::RebootCommand::CadOff),
        Errno::EPERM,
    )?;
    fails(
        "the hostname by /proc",
        fs::write("/proc/sys/kernel/hostname", "other"),
        Errno::EPERM,
    )
}

/// A file system where set-user-id bits and devices have their effect.
fn unrestricted(place: &Place) -> Check<String> {
    let path = place.directory("m")?;
    ok(
        "mount",
        mount("tmpfs", path.as_str(), "tmpfs", MountFlags::empty(), None),
    )?;
    Ok(path)
}

fn set_user_id() -> Check {
    let place = Place::new("s55")?;
    let program = format!("{}/program", unrestricted(&place)?);
    ok("copy", fs::copy(container::program()?, &program))?;
    let mode = |mode| {
        ok(
            "chmod",
            rustix::fs::chmod(program.as_str(), Mode::from(mode)),
        )
    };
    mode(0o4755)?;
    let users_of = || -> Check<String> {
        let output = ok(
            "spawn",
            Command::new(&program)
                .args([crate::script::FLAG, "users"])
                .output(),
        )?;
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    };
    crate::users::as_user(1000, || {
        equal("outside a jail", users_of()?, "1000 0".to_owned())
    })?;
    for how in [1, 2] {
        crate::users::as_user(1000, || {
            ok("jail", calls::set_jail(how))?;
            equal("in a jail", users_of()?, "1000 1000".to_owned())
        })?;
    }
    Ok(())
}

fn devices() -> Check {
    let place = Place::new("s56")?;
    let directory = unrestricted(&place)?;
    let memory = format!("{directory}/kmsg");
    ok(
        "mknod",
        mknodat(
            CWD,
            memory.as_str(),
            FileType::CharacterDevice,
            Mode::from(0o666),
            makedev(1, 11),
        ),
    )?;
    let disk = format!("{directory}/disk");
    ok(
        "mknod",
        mknodat(
            CWD,
            disk.as_str(),
            FileType::BlockDevice,
            Mode::from(0o666),
            makedev(8, 0),
        ),
    )?;
    run(|| {
        ok("jail", calls::set_jail(1))?;
        for name in ["null", "zero", "full", "random", "urandom"] {
            ok(name, fs::File::open(format!("/dev/{name}")))?;
        }
        fails("a disk", fs::File::open(&disk), Errno::EPERM)?;
        fails("the kernel's log", fs::File::open(&memory), Errno::EPERM)?;
        let mut byte = [1];
        let mut zero = ok("zero", fs::File::open("/dev/zero"))?;
        ok("read", std::io::Read::read(&mut zero, &mut byte))?;
        ensure("/dev/zero reads as zero", byte == [0])
    })
}
