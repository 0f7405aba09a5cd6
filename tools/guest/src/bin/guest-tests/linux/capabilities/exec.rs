//! What exec makes of the sets.

use super::{Five, NONE, all, set};
use crate::check::{Check, equal, fails, ok};
use crate::child::run;
use crate::container;
use crate::files::Place;
use crate::harness::Case;
use crate::users::become_user;
use gantry_abi::user::Errno;
use rustix::fs::{Mode, XattrFlags, setxattr};
use rustix::mount::{MountFlags, mount, mount_remount};
use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities_secure_bits, set_keep_capabilities,
    set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use std::fs;
use std::io::Write;
use std::process::Command;

pub const CASES: &[Case] = &[
    Case {
        name: "capabilities_after_exec",
        test: table,
    },
    Case {
        name: "capabilities_after_exec_of_a_set_user_id_program",
        test: set_user_id,
    },
    Case {
        name: "capabilities_after_exec_of_a_file_that_has_some",
        test: of_files,
    },
];

const KILL: CapabilitySet = CapabilitySet::KILL;
const USER: u32 = 1000;

/// Real and effective user and the five sets that a program finds when it is executed.
fn found(program: &str) -> Check<String> {
    let output = ok(
        "spawn",
        Command::new(program)
            .args([crate::script::FLAG, "users", "capabilities"])
            .output(),
    )?;
    Ok(String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .replace('\n', " | "))
}

fn expected(real: u32, effective: u32, sets: Five) -> String {
    format!("{real} {effective} | {sets:?}")
}

/// In a child: makes a state with `prepare`, executes the program and compares what it finds.
fn row(
    what: &str,
    program: &str,
    users: (u32, u32),
    sets: Five,
    prepare: impl FnOnce() -> Check,
) -> Check {
    run(|| {
        prepare()?;
        equal(what, found(program)?, expected(users.0, users.1, sets))
    })
}

fn users(real: u32, effective: u32) -> Check {
    let [real, effective] = [real, effective].map(Uid::from_raw);
    ok("setresuid", set_thread_res_uid(real, effective, effective))
}

fn drop_bounding(one: CapabilitySet) -> Check {
    ok("PR_CAPBSET_DROP", remove_capability_from_bounding_set(one))
}

/// An ordinary user that kept all capabilities permitted.
fn user_with_permitted() -> Check {
    ok("PR_SET_KEEPCAPS", set_keep_capabilities(true))?;
    become_user(USER)
}

/// An ordinary user whose ambient set holds CAP_KILL alone.
fn user_with_ambient_kill() -> Check {
    user_with_permitted()?;
    ok("capset", set(NONE, all()?, KILL))?;
    ok(
        "PR_CAP_AMBIENT_RAISE",
        configure_capability_in_ambient_set(KILL, true),
    )
}

fn nothing() -> Check<Five> {
    Ok(Five {
        inheritable: NONE,
        permitted: NONE,
        effective: NONE,
        bounding: all()?,
        ambient: NONE,
    })
}

fn held(sets: CapabilitySet) -> Check<Five> {
    Ok(Five {
        permitted: sets,
        effective: sets,
        ..nothing()?
    })
}

fn with_ambient_kill() -> Check<Five> {
    Ok(Five {
        inheritable: KILL,
        ambient: KILL,
        ..held(KILL)?
    })
}

fn table() -> Check {
    let program = container::program()?;
    let all = all()?;
    let row =
        |what, users, sets, prepare: &dyn Fn() -> Check| row(what, &program, users, sets, prepare);
    row("user 0", (0, 0), held(all)?, &|| Ok(()))?;
    row("user 0 without any", (0, 0), held(all)?, &|| {
        ok("capset", set(NONE, NONE, NONE))
    })?;
    let without_kill = Five {
        bounding: all - KILL,
        ..held(all - KILL)?
    };
    row(
        "user 0, CAP_KILL out of bounds",
        (0, 0),
        without_kill,
        &|| drop_bounding(KILL),
    )?;
    let inherited = Five {
        inheritable: KILL,
        bounding: all - KILL,
        ..held(all)?
    };
    row(
        "user 0 inherits beyond its bounds",
        (0, 0),
        inherited,
        &|| {
            ok("capset", set(all, all, KILL))?;
            drop_bounding(KILL)
        },
    )?;
    row(
        "user 0 without new privileges",
        (0, 0),
        held(KILL)?,
        &|| {
            ok("capset", set(KILL, KILL, NONE))?;
            ok("PR_SET_NO_NEW_PRIVS", set_no_new_privs(true))
        },
    )?;
    row(
        "user 0 by secure bits ordinary",
        (0, 0),
        nothing()?,
        &|| {
            let bits = CapabilitiesSecureBits::NO_ROOT;
            ok("PR_SET_SECUREBITS", set_capabilities_secure_bits(bits))
        },
    )?;
    row("an ordinary user", (USER, USER), nothing()?, &|| {
        become_user(USER)
    })?;
    row(
        "an ordinary user with all permitted",
        (USER, USER),
        nothing()?,
        &user_with_permitted,
    )?;
    row(
        "an ordinary user with an ambient capability",
        (USER, USER),
        with_ambient_kill()?,
        &user_with_ambient_kill,
    )?;
    row(
        "an ordinary user with an inheritable capability",
        (USER, USER),
        Five {
            inheritable: KILL,
            ..nothing()?
        },
        &|| {
            user_with_permitted()?;
            ok("capset", set(NONE, NONE, KILL))
        },
    )?;
    row(
        "a real user 0 with another effective one",
        (0, USER),
        Five {
            permitted: all,
            ..nothing()?
        },
        &|| users(0, USER),
    )?;
    row(
        "an effective user 0 with another real one",
        (USER, 0),
        held(all)?,
        &|| users(USER, 0),
    )
}

/// A copy of the test program on a mount where set-id bits and file capabilities count; the mount's directory and the
/// program's path.
fn copy_of_program(place: &Place) -> Check<(String, String)> {
    let directory = place.directory("m")?;
    let none = MountFlags::empty();
    ok(
        "mount",
        mount("tmpfs", directory.as_str(), "tmpfs", none, None),
    )?;
    let program = format!("{directory}/program");
    ok("copy", fs::copy(container::program()?, &program))?;
    Ok((directory, program))
}

/// Gives a file capabilities: revision 2 of their form (linux/capability.h).
fn give(program: &str, permitted: u32, inheritable: u32, effective: bool) -> Check {
    let words = [
        0x0200_0000 | u32::from(effective),
        permitted,
        inheritable,
        0,
        0,
    ];
    let value: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let flags = XattrFlags::empty();
    ok(
        "setxattr",
        setxattr(program, "security.capability", &value, flags),
    )
}

fn of_files() -> Check {
    let place = Place::new("file-capabilities")?;
    let (_, program) = copy_of_program(&place)?;
    let all = all()?;
    let kill = KILL.bits() as u32;
    let row =
        |what, sets, prepare: &dyn Fn() -> Check| row(what, &program, (USER, USER), sets, prepare);
    give(&program, kill, 0, true)?;
    row("effective", held(KILL)?, &|| become_user(USER))?;
    let without_new = Five {
        inheritable: KILL,
        ..nothing()?
    };
    row("without new privileges", without_new, &|| {
        user_with_permitted()?;
        ok("capset", set(NONE, NONE, KILL))?;
        ok("PR_SET_NO_NEW_PRIVS", set_no_new_privs(true))
    })?;
    run(|| {
        drop_bounding(KILL)?;
        become_user(USER)?;
        fails(
            "out of bounds",
            Command::new(&program).output(),
            Errno::EPERM,
        )
    })?;
    give(&program, kill, 0, false)?;
    let not_effective = Five {
        permitted: KILL,
        ..nothing()?
    };
    row("not effective", not_effective, &|| become_user(USER))?;
    run(|| equal("user 0", found(&program)?, expected(0, 0, held(all)?)))?;
    give(&program, CapabilitySet::CHOWN.bits() as u32, 0, true)?;
    let other = Five {
        inheritable: KILL,
        ..held(CapabilitySet::CHOWN)?
    };
    row("the ambient set is cleared", other, &user_with_ambient_kill)?;
    give(&program, 0, kill, true)?;
    let inherited = Five {
        inheritable: KILL,
        ..held(KILL)?
    };
    row("inheritable on both sides", inherited, &|| {
        user_with_permitted()?;
        ok("capset", set(NONE, NONE, KILL))
    })?;
    row("inheritable on one side", nothing()?, &|| become_user(USER))?;
    give(&program, kill, 0, true)?;
    let mut file = ok("open", fs::OpenOptions::new().append(true).open(&program))?;
    ok("write", file.write_all(b"x"))?;
    drop(file);
    row("after a write", nothing()?, &|| become_user(USER))
}

fn set_user_id() -> Check {
    let place = Place::new("set-user-id")?;
    let (directory, program) = copy_of_program(&place)?;
    ok(
        "chmod",
        rustix::fs::chmod(program.as_str(), Mode::from(0o4755)),
    )?;
    let all = all()?;
    let row =
        |what, users, sets, prepare: &dyn Fn() -> Check| row(what, &program, users, sets, prepare);
    row("an ordinary user", (USER, 0), held(all)?, &|| {
        become_user(USER)
    })?;
    let without_kill = Five {
        bounding: all - KILL,
        ..held(all - KILL)?
    };
    row("CAP_KILL out of bounds", (USER, 0), without_kill, &|| {
        drop_bounding(KILL)?;
        become_user(USER)
    })?;
    let not_ambient = Five {
        inheritable: KILL,
        ..held(all)?
    };
    row(
        "the ambient set is cleared",
        (USER, 0),
        not_ambient,
        &user_with_ambient_kill,
    )?;
    row(
        "without new privileges the ambient set stays",
        (USER, USER),
        with_ambient_kill()?,
        &|| {
            user_with_ambient_kill()?;
            ok("PR_SET_NO_NEW_PRIVS", set_no_new_privs(true))
        },
    )?;
    row(
        "by secure bits user 0 is only a number",
        (USER, 0),
        nothing()?,
        &|| {
            let bits = CapabilitiesSecureBits::NO_ROOT;
            ok("PR_SET_SECUREBITS", set_capabilities_secure_bits(bits))?;
            become_user(USER)
        },
    )?;
    ok(
        "chown",
        rustix::fs::chown(program.as_str(), None, Some(Gid::from_raw(7))),
    )?;
    ok(
        "chmod",
        rustix::fs::chmod(program.as_str(), Mode::from(0o2755)),
    )?;
    row(
        "a set-group-ID program clears the ambient set",
        (USER, USER),
        Five {
            inheritable: KILL,
            ..nothing()?
        },
        &user_with_ambient_kill,
    )?;
    row(
        "but not for a member of the group",
        (USER, USER),
        with_ambient_kill()?,
        &|| {
            let (group, user) = (Gid::from_raw(7), Uid::from_raw(USER));
            ok("setgroups", set_thread_groups(&[group]))?;
            ok("setresgid", set_thread_res_gid(group, group, group))?;
            ok("PR_SET_KEEPCAPS", set_keep_capabilities(true))?;
            ok("setresuid", set_thread_res_uid(user, user, user))?;
            ok("capset", set(NONE, all, KILL))?;
            ok(
                "PR_CAP_AMBIENT_RAISE",
                configure_capability_in_ambient_set(KILL, true),
            )
        },
    )?;
    ok(
        "chmod",
        rustix::fs::chmod(program.as_str(), Mode::from(0o4755)),
    )?;
    ok(
        "remount",
        mount_remount(directory.as_str(), MountFlags::NOSUID, ""),
    )?;
    row(
        "on a mount without set-user-ID",
        (USER, USER),
        nothing()?,
        &|| become_user(USER),
    )
}
