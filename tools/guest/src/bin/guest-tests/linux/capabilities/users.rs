//! What changes of user do to the sets.

use super::{Five, NONE, all, set};
use crate::check::{Check, ensure, equal, ok};
use crate::child::run;
use crate::harness::Case;
use gantry_abi::user::calls::set_file_user;
use rustix::process::{DumpableBehavior, Uid, dumpable_behavior, set_dumpable_behavior};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, configure_capability_in_ambient_set,
    set_capabilities_secure_bits, set_keep_capabilities, set_thread_res_uid,
};

pub const CASES: &[Case] = &[
    Case {
        name: "capabilities_follow_changes_of_user",
        test: table,
    },
    Case {
        name: "capabilities_about_files_follow_the_file_user",
        test: file_user,
    },
    Case {
        name: "a_change_of_user_closes_the_process",
        test: dumpable,
    },
];

fn become_users(real: u32, effective: u32, saved: u32) -> Check {
    let [real, effective, saved] = [real, effective, saved].map(Uid::from_raw);
    ok("setresuid", set_thread_res_uid(real, effective, saved))
}

/// In a child: after `change`, the permitted, effective and ambient sets.
fn row(what: &str, sets: [CapabilitySet; 3], change: impl FnOnce() -> Check) -> Check {
    run(|| {
        change()?;
        let own = Five::own()?;
        equal(what, [own.permitted, own.effective, own.ambient], sets)
    })
}

fn table() -> Check {
    let all = all()?;
    let kill = CapabilitySet::KILL;
    let ambient = || -> Check {
        ok("capset", set(all, all, kill))?;
        ok("raise", configure_capability_in_ambient_set(kill, true))
    };
    row("all users change", [NONE, NONE, NONE], || {
        ambient()?;
        become_users(1, 1, 1)
    })?;
    row("the saved user stays 0", [all, NONE, kill], || {
        ambient()?;
        become_users(1, 1, 0)
    })?;
    row("the effective user changes back", [all, all, NONE], || {
        become_users(0, 1, 0)?;
        become_users(0, 0, 0)
    })?;
    row("back with fewer permitted", [kill, kill, NONE], || {
        become_users(0, 1, 0)?;
        ok("capset", set(NONE, kill, NONE))?;
        become_users(0, 0, 0)
    })?;
    row("kept capabilities", [all, NONE, NONE], || {
        ambient()?;
        ok("PR_SET_KEEPCAPS", set_keep_capabilities(true))?;
        become_users(1, 1, 1)
    })?;
    row("without fixup", [all, all, kill], || {
        ambient()?;
        let bits = CapabilitiesSecureBits::NO_SETUID_FIXUP;
        ok("PR_SET_SECUREBITS", set_capabilities_secure_bits(bits))?;
        become_users(1, 1, 1)
    })
}

fn file_user() -> Check {
    let all = all()?;
    let about_files = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::DAC_READ_SEARCH
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID
        | CapabilitySet::LINUX_IMMUTABLE
        | CapabilitySet::MKNOD
        | CapabilitySet::MAC_OVERRIDE;
    row("another file user", [all, all - about_files, NONE], || {
        equal("the one before", set_file_user(1), 0)
    })?;
    row("and back", [all, all, NONE], || {
        set_file_user(1);
        equal("the one before", set_file_user(0), 1)
    })
}

fn dumpable() -> Check {
    run(|| {
        let readable = || ok("PR_GET_DUMPABLE", dumpable_behavior());
        equal("at first", readable()?, DumpableBehavior::Dumpable)?;
        become_users(0, 1, 0)?;
        ensure(
            "it stayed dumpable",
            readable()? != DumpableBehavior::Dumpable,
        )?;
        ok(
            "PR_SET_DUMPABLE",
            set_dumpable_behavior(DumpableBehavior::Dumpable),
        )?;
        become_users(0, 1, 1)?;
        equal("the saved user", readable()?, DumpableBehavior::Dumpable)
    })
}
