//! Parts of tests that run as an ordinary user.

use crate::check::{Check, ok};
use crate::child::run;
use rustix::process::{Gid, Uid};

/// Does `work` in a child process whose users and groups are all `id`.
pub fn as_user(id: u32, work: impl FnOnce() -> Check) -> Check {
    run(|| {
        become_user(id)?;
        work()
    })
}

/// Makes `id` all the user and group numbers of the caller.
pub fn become_user(id: u32) -> Check {
    let (group, user) = (Gid::from_raw(id), Uid::from_raw(id));
    ok("setgroups", rustix::thread::set_thread_groups(&[]))?;
    ok(
        "setresgid",
        rustix::thread::set_thread_res_gid(group, group, group),
    )?;
    ok(
        "setresuid",
        rustix::thread::set_thread_res_uid(user, user, user),
    )
}
