//! capset, and what prctl does with the sets.

use super::{Five, NONE, all, set};
use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::run;
use crate::harness::Case;
use gantry_abi::user::Errno;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, capabilities, capabilities_secure_bits,
    capability_is_in_ambient_set, clear_ambient_capability_set,
    configure_capability_in_ambient_set, get_keep_capabilities, no_new_privs,
    remove_capability_from_bounding_set, set_capabilities_secure_bits, set_keep_capabilities,
    set_no_new_privs,
};
use std::fs;
use std::thread;

pub const CASES: &[Case] = &[
    Case {
        name: "capabilities_of_user_0",
        test: user_0,
    },
    Case {
        name: "capset_gives_up_and_never_takes",
        test: capset,
    },
    Case {
        name: "capabilities_are_a_threads_own",
        test: threads,
    },
    Case {
        name: "the_bounding_set_only_shrinks",
        test: bounding,
    },
    Case {
        name: "the_ambient_set_is_permitted_and_inheritable",
        test: ambient,
    },
    Case {
        name: "secure_bits_can_be_locked",
        test: secure_bits,
    },
    Case {
        name: "no_new_privileges_is_for_good",
        test: no_new_privileges,
    },
];

const KILL: CapabilitySet = CapabilitySet::KILL;
const CHOWN: CapabilitySet = CapabilitySet::CHOWN;

/// The values of lines of /proc/self/status, separated by spaces.
fn status(prefix: &str) -> Check<String> {
    let text = ok("status", fs::read_to_string("/proc/thread-self/status"))?;
    let values: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(prefix))
        .filter_map(|line| line.split('\t').nth(1))
        .collect();
    Ok(values.join(" "))
}

fn user_0() -> Check {
    let all = all()?;
    let expected = Five {
        inheritable: NONE,
        permitted: all,
        effective: all,
        bounding: all,
        ambient: NONE,
    };
    equal("by system calls", Five::own()?, expected)?;
    equal("by /proc", status("Cap")?, format!("{expected:?}"))
}

fn capset() -> Check {
    run(|| {
        let both = KILL | CHOWN;
        ok("give up", set(both, both, NONE))?;
        fails("more permitted", set(both, all()?, NONE), Errno::EPERM)?;
        fails("more effective", set(both, KILL, NONE), Errno::EPERM)?;
        fails(
            "more inheritable",
            set(both, both, CapabilitySet::MKNOD),
            Errno::EPERM,
        )?;
        ok("inheritable", set(KILL, both, both))?;
        equal("CapEff", status("CapEff")?, format!("{:016x}", KILL.bits()))?;
        equal("CapInh", status("CapInh")?, format!("{:016x}", both.bits()))?;
        ok("effective again", set(both, both, both))
    })?;
    run(|| {
        let all = all()?;
        let rest = all - KILL;
        ok("give up", set(rest, rest, NONE))?;
        ok(
            "inherit what isn't permitted, by CAP_SETPCAP",
            set(rest, rest, KILL),
        )
    })?;
    let other = ok(
        "capget of process 1",
        capabilities(rustix::process::Pid::from_raw(1)),
    )?;
    equal("process 1", other.effective, all()?)?;
    let nobody = rustix::process::Pid::from_raw(i32::MAX);
    fails("capget of nobody", capabilities(nobody), Errno::ESRCH)?;
    let sets = ok("capget", capabilities(None))?;
    fails(
        "capset of process 1",
        rustix::thread::set_capabilities(rustix::process::Pid::from_raw(1), sets),
        Errno::EPERM,
    )
}

fn threads() -> Check {
    run(|| {
        let in_thread = || -> Check<Five> {
            ok("give up", set(NONE, NONE, NONE))?;
            Five::own()
        };
        let other = thread::scope(|scope| scope.spawn(in_thread).join())
            .map_err(|_| "the thread panicked")??;
        equal("the thread's", other.permitted, NONE)?;
        equal("the others'", Five::own()?.permitted, all()?)
    })
}

fn bounding() -> Check {
    run(|| {
        ok("drop", remove_capability_from_bounding_set(KILL))?;
        ok("drop again", remove_capability_from_bounding_set(KILL))?;
        let own = Five::own()?;
        equal("bounding", own.bounding, all()? - KILL)?;
        equal("permitted", own.permitted, all()?)?;
        fails("inherit", set(NONE, all()?, KILL), Errno::EPERM)?;
        run(|| equal("a child's", Five::own()?.bounding, all()? - KILL))?;
        ok("give up CAP_SETPCAP", set(KILL, KILL, NONE))?;
        fails(
            "without CAP_SETPCAP",
            remove_capability_from_bounding_set(CHOWN),
            Errno::EPERM,
        )
    })
}

fn ambient() -> Check {
    let raise = |one| configure_capability_in_ambient_set(one, true);
    let is_ambient = |one| ok("PR_CAP_AMBIENT_IS_SET", capability_is_in_ambient_set(one));
    run(|| {
        let all = all()?;
        fails("not inheritable", raise(KILL), Errno::EPERM)?;
        ok("inherit", set(all, all, KILL | CHOWN))?;
        ok("raise", raise(KILL))?;
        ok("raise", raise(CHOWN))?;
        equal("CapAmb", Five::own()?.ambient, KILL | CHOWN)?;
        ok("lower", configure_capability_in_ambient_set(CHOWN, false))?;
        ensure("lowered", !is_ambient(CHOWN)?)?;
        ok("raise again", raise(CHOWN))?;
        ok(
            "not permitted any more",
            set(NONE, all - KILL, KILL | CHOWN),
        )?;
        equal("the rest", Five::own()?.ambient, CHOWN)?;
        fails("not permitted", raise(KILL), Errno::EPERM)?;
        ok("not inheritable any more", set(NONE, all - KILL, NONE))?;
        equal("nothing", Five::own()?.ambient, NONE)
    })?;
    run(|| {
        let all = all()?;
        ok("inherit", set(all, all, all))?;
        ok("raise", raise(KILL))?;
        let bits = CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE;
        ok("PR_SET_SECUREBITS", set_capabilities_secure_bits(bits))?;
        fails("by secure bits", raise(CHOWN), Errno::EPERM)?;
        ensure("what was there stays", is_ambient(KILL)?)?;
        ok("clear", clear_ambient_capability_set())?;
        equal("cleared", Five::own()?.ambient, NONE)
    })
}

fn secure_bits() -> Check {
    use CapabilitiesSecureBits as Bits;
    let read = || ok("PR_GET_SECUREBITS", capabilities_secure_bits());
    run(|| {
        equal("at first", read()?, Bits::empty())?;
        let locked = Bits::NO_ROOT | Bits::NO_ROOT_LOCKED;
        ok("lock", set_capabilities_secure_bits(locked))?;
        equal("locked", read()?, locked)?;
        fails(
            "unlock",
            set_capabilities_secure_bits(Bits::NO_ROOT),
            Errno::EPERM,
        )?;
        fails(
            "change what is locked",
            set_capabilities_secure_bits(Bits::NO_ROOT_LOCKED),
            Errno::EPERM,
        )?;
        fails(
            "a bit that isn't",
            set_capabilities_secure_bits(locked | Bits::from_bits_retain(1 << 20)),
            Errno::EPERM,
        )?;
        let keep = locked | Bits::KEEP_CAPS_LOCKED;
        ok("lock keeping", set_capabilities_secure_bits(keep))?;
        fails("keep", set_keep_capabilities(true), Errno::EPERM)?;
        ok("give up CAP_SETPCAP", set(KILL, KILL, NONE))?;
        fails(
            "without CAP_SETPCAP",
            set_capabilities_secure_bits(keep),
            Errno::EPERM,
        )
    })?;
    run(|| {
        ok("keep", set_keep_capabilities(true))?;
        equal("the bit", read()?, Bits::KEEP_CAPS)?;
        ensure(
            "PR_GET_KEEPCAPS",
            ok("PR_GET_KEEPCAPS", get_keep_capabilities())?,
        )
    })
}

fn no_new_privileges() -> Check {
    let read = || ok("PR_GET_NO_NEW_PRIVS", no_new_privs());
    run(|| {
        ensure("at first", !read()?)?;
        fails("off", set_no_new_privs(false), Errno::EINVAL)?;
        ok("on", set_no_new_privs(true))?;
        fails("off again", set_no_new_privs(false), Errno::EINVAL)?;
        equal("NoNewPrivs", status("NoNewPrivs")?, "1".to_owned())?;
        run(|| ensure("a child has it", read()?))
    })
}
