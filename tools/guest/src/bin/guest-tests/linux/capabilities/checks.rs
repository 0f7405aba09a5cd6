//! What each capability is for: with all others a call is refused, with it alone the call works.

use super::{NONE, all, set};
use crate::check::{Check, Numbered, ensure, equal, fails, ok};
use crate::child::{Child, Gate, run};
use crate::files::Place;
use crate::harness::Case;
use crate::users::become_user;
use gantry_abi::user::{Errno, calls};
use rustix::fs::{CWD, FileType, Gid, Mode, OFlags, Uid, chmod, chown, makedev, mknodat, stat};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::thread::CapabilitySet;
use rustix::time::{ClockId, clock_gettime, clock_settime};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;

pub const CASES: &[Case] = &[
    Case {
        name: "capabilities_that_files_ask_for",
        test: about_files,
    },
    Case {
        name: "capabilities_that_processes_ask_for",
        test: about_processes,
    },
    Case {
        name: "capabilities_that_the_system_asks_for",
        test: about_the_system,
    },
    Case {
        name: "a_process_with_more_capabilities_is_closed",
        test: inspection,
    },
    Case {
        name: "contexts_want_user_0_and_its_capability",
        test: contexts,
    },
];

const USER: u32 = 1000;

type Step<'a> = &'a dyn Fn() -> std::io::Result<()>;

/// In children: without `refused` the step fails for want of permission, with `granted` alone it works.
fn wants(what: &str, granted: CapabilitySet, refused: CapabilitySet, step: Step<'_>) -> Check {
    run(|| {
        let rest = all()? - refused;
        ok("capset", set(rest, rest, NONE))?;
        match step() {
            Ok(()) => Err(format!("{what}: it worked without")),
            Err(error)
                if [Errno::EPERM, Errno::EACCES]
                    .map(Errno::number)
                    .contains(&error.number()) =>
            {
                Ok(())
            }
            Err(error) => Err(format!("{what}, without: {error}")),
        }
    })?;
    run(|| {
        ok("capset", set(granted, granted, NONE))?;
        ok(&format!("{what}, with it alone"), step())
    })
}

/// As [`wants`], where one capability alone decides.
fn wants_one(what: &str, one: CapabilitySet, step: Step<'_>) -> Check {
    wants(what, one, one, step)
}

fn about_files() -> Check {
    type Set = CapabilitySet;
    let place = Place::new("capabilities")?;
    let theirs = place.file("theirs", "x")?;
    let private = place.directory("private")?;
    let in_private = format!("{private}/f");
    ok("write", fs::write(&in_private, "x"))?;
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
    for path in [&theirs, &private] {
        ok("chmod", chmod(path.as_str(), Mode::empty()))?;
        ok("chown", chown(path.as_str(), Some(user), Some(group)))?;
    }
    let looks = Set::DAC_READ_SEARCH | Set::DAC_OVERRIDE;
    for one in [Set::DAC_READ_SEARCH, Set::DAC_OVERRIDE] {
        wants("read a file", one, looks, &|| fs::read(&theirs).map(drop))?;
        wants("search a directory", one, looks, &|| {
            fs::metadata(&in_private).map(drop)
        })?;
        wants("list a directory", one, looks, &|| {
            fs::read_dir(&private).map(drop)
        })?;
    }
    wants_one("write a file", Set::DAC_OVERRIDE, &|| {
        fs::write(&theirs, "y")
    })?;
    wants_one("add to a directory", Set::DAC_OVERRIDE, &|| {
        fs::write(format!("{private}/new"), "y")
    })?;
    run(|| {
        ok("chmod", chmod(theirs.as_str(), Mode::empty()))?;
        fails(
            "execute what nobody may",
            rustix::fs::access(theirs.as_str(), rustix::fs::Access::EXEC_OK),
            Errno::EACCES,
        )
    })?;
    wants_one("change the mode", Set::FOWNER, &|| {
        Ok(chmod(theirs.as_str(), Mode::empty())?)
    })?;
    wants_one("change the owner", Set::CHOWN, &|| {
        Ok(chown(theirs.as_str(), Some(user), Some(group))?)
    })?;
    let node = place.at("node");
    wants_one("make a device node", Set::MKNOD, &|| {
        let device = makedev(1, 3);
        mknodat(
            CWD,
            node.as_str(),
            FileType::CharacterDevice,
            Mode::RUSR,
            device,
        )?;
        fs::remove_file(&node)
    })?;
    let sticky = place.directory("sticky")?;
    ok("chmod", chmod(sticky.as_str(), Mode::from(0o1777)))?;
    ok("chown", chown(sticky.as_str(), Some(user), Some(group)))?;
    let in_sticky = format!("{sticky}/theirs");
    let again = || -> Check {
        ok("write", fs::write(&in_sticky, "x"))?;
        ok("chown", chown(in_sticky.as_str(), Some(user), Some(group)))
    };
    again()?;
    wants_one("remove from a sticky directory", Set::FOWNER, &|| {
        fs::remove_file(&in_sticky)
    })?;
    set_id_bits(&place)
}

/// CAP_FSETID keeps the set-id bits of a file that is written to.
fn set_id_bits(place: &Place) -> Check {
    let path = place.file("set-id", "x")?;
    let all = all()?;
    for (held, expected) in [(all - CapabilitySet::FSETID, 0o755), (all, 0o6755)] {
        run(|| {
            ok("chmod", chmod(path.as_str(), Mode::from(0o6755)))?;
            ok("capset", set(held, held, NONE))?;
            let mut file = ok("open", fs::OpenOptions::new().append(true).open(&path))?;
            ok("write", file.write_all(b"x"))?;
            let mode = ok("stat", stat(path.as_str()))?.st_mode & 0o7777;
            equal("the mode", mode, expected)
        })?;
    }
    run(|| {
        let group = Gid::from_raw(USER);
        ok("chown", chown(path.as_str(), None, Some(group)))?;
        let rest = all - CapabilitySet::FSETID;
        ok("capset", set(rest, rest, NONE))?;
        ok("chmod", chmod(path.as_str(), Mode::from(0o2755)))?;
        let mode = ok("stat", stat(path.as_str()))?.st_mode & 0o7777;
        equal("set-group-ID for a group of others", mode, 0o755)
    })
}

fn about_processes() -> Check {
    type Set = CapabilitySet;
    let mut gate = Gate::new()?;
    let child = Child::start(|| {
        become_user(USER)?;
        gate.wait()
    })?;
    let number = child.process();
    let process = Pid::from_raw(number).ok_or("a process number of 0")?;
    // It has become the user when its status says so.
    let status = format!("/proc/{number}/status");
    let uid = format!("Uid:\t{USER}\t");
    while !ok("status", fs::read_to_string(&status))?.contains(&uid) {
        std::thread::yield_now();
    }
    wants_one("signal a process", Set::KILL, &|| {
        Ok(rustix::process::test_kill_process(process)?)
    })?;
    wants_one("look into a process", Set::SYS_PTRACE, &|| {
        fs::read_link(format!("/proc/{number}/cwd")).map(drop)
    })?;
    wants_one("renice a process", Set::SYS_NICE, &|| {
        Ok(rustix::process::setpriority_process(Some(process), 1)?)
    })?;
    wants_one("limit a process", Set::SYS_RESOURCE, &|| {
        let limit = rustix::process::prlimit(
            Some(process),
            Resource::Core,
            Rlimit {
                current: Some(0),
                maximum: Some(0),
            },
        );
        Ok(limit.map(drop)?)
    })?;
    ok("kill", child.signal(Signal::KILL))?;
    gate.open();
    wants_one("raise a hard limit", Set::SYS_RESOURCE, &|| {
        let old = getrlimit(Resource::Core);
        let lower = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Core, lower)?;
        Ok(setrlimit(Resource::Core, old)?)
    })?;
    wants_one("lower the own nice level", Set::SYS_NICE, &|| {
        Ok(rustix::process::setpriority_process(None, -1)?)
    })?;
    wants_one("change the user", Set::SETUID, &|| {
        let user = Uid::from_raw(USER);
        Ok(rustix::thread::set_thread_res_uid(user, user, user)?)
    })?;
    wants_one("change the group", Set::SETGID, &|| {
        let group = Gid::from_raw(USER);
        Ok(rustix::thread::set_thread_res_gid(group, group, group)?)
    })?;
    wants_one("change the groups", Set::SETGID, &|| {
        Ok(rustix::thread::set_thread_groups(&[Gid::from_raw(USER)])?)
    })?;
    wants_one("lock memory", Set::IPC_LOCK, &|| {
        let none = Rlimit {
            current: Some(0),
            maximum: Some(0),
        };
        setrlimit(Resource::Memlock, none)?;
        Ok(rustix::mm::mlockall(rustix::mm::MlockAllFlags::FUTURE)?)
    })
}

fn about_the_system() -> Check {
    type Set = CapabilitySet;
    let place = Place::new("capabilities")?;
    let directory = place.directory("d")?;
    wants_one("chroot", Set::SYS_CHROOT, &|| {
        Ok(rustix::process::chroot(directory.as_str())?)
    })?;
    wants_one("mount", Set::SYS_ADMIN, &|| {
        let none = MountFlags::empty();
        mount("tmpfs", directory.as_str(), "tmpfs", none, None)?;
        let flags = rustix::mount::UnmountFlags::empty();
        Ok(rustix::mount::unmount(directory.as_str(), flags)?)
    })?;
    let name = rustix::system::uname();
    wants_one("name the host", Set::SYS_ADMIN, &|| {
        Ok(rustix::system::sethostname(name.nodename().to_bytes())?)
    })?;
    wants_one("set the clock", Set::SYS_TIME, &|| {
        let mut time = clock_gettime(ClockId::Realtime);
        // On a board that does not know the date, a time that has just passed is before its start: EINVAL.
        time.tv_sec += 1;
        Ok(clock_settime(ClockId::Realtime, time)?)
    })?;
    wants_one("reboot", Set::SYS_BOOT, &|| {
        let harmless = rustix::system::RebootCommand::CadOff;
        Ok(rustix::system::reboot(harmless)?)
    })?;
    // Linux still takes CAP_SYS_ADMIN for it as well.
    let log_readers = Set::SYSLOG | Set::SYS_ADMIN;
    wants("read the kernel's log", Set::SYSLOG, log_readers, &|| {
        let mut log = fs::OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open("/proc/kmsg")?;
        log.read(&mut [0; 100]).map(drop)
    })
}

/// Of two processes of one user the one with fewer capabilities can't look into the other.
fn inspection() -> Check {
    let own = std::process::id();
    let look = || fs::read_link(format!("/proc/{own}/cwd"));
    run(|| ok("as many", look()).map(drop))?;
    run(|| {
        ok("capset", set(NONE, NONE, NONE))?;
        fails("none", look(), Errno::EACCES)?;
        let mut environment = vec![];
        let file = fs::File::open(format!("/proc/{own}/environ"));
        fails(
            "environ",
            file.and_then(|mut file| file.read_to_end(&mut environment)),
            Errno::EACCES,
        )
    })
}

fn contexts() -> Check {
    wants_one("unshare_open", CapabilitySet::SYS_ADMIN, &|| {
        Ok(calls::unshare_open(1, 0).map(drop)?)
    })?;
    run(|| {
        ok(
            "keep capabilities",
            rustix::thread::set_keep_capabilities(true),
        )?;
        become_user(USER)?;
        let all = all()?;
        ok("capset", set(all, all, NONE))?;
        ensure(
            "another user has the capability",
            rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective == all),
        )?;
        fails("another user", calls::unshare_open(1, 0), Errno::EPERM)
    })
}
