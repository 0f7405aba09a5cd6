//! The calls that change who a thread acts for: set*uid, set*gid, groups (credentials(7), capabilities(7)).

use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::syscall::Arguments;
use crate::task::user_tasks::{self, UserTask};
use crate::task::{Capability, Credentials, Current};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::user::{self, UserAddr};

/// The number that means "leave it".
const KEEP: u32 = u32::MAX;
/// `NGROUPS_MAX`.
const GROUPS_MAX: usize = 65_536;

fn keeps(wanted: u32, otherwise: u32) -> u32 {
    if wanted == KEEP { otherwise } else { wanted }
}

/// Which of a thread's numbers a call changes, which decides what happens to the capabilities.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Real, effective and saved user.
    Users,
    /// The user for file permissions alone.
    FileUser,
    /// Groups, which no capability depends on.
    Groups,
}

/// Changes a copy of the caller's credentials and puts it in place.
fn change(
    current: &Current,
    kind: Kind,
    edit: impl FnOnce(&mut Credentials) -> Result<()>,
) -> Result<usize> {
    hal::frame::headroom()?;
    let old = current.credentials();
    let mut new = (*old).clone();
    edit(&mut new)?;
    match kind {
        Kind::Users => new.follow_users(&old),
        Kind::FileUser => new.follow_file_user(&old),
        Kind::Groups => {}
    }
    if new == *old {
        return Ok(0);
    }
    let counted = if new.uid == old.uid {
        None
    } else {
        Some(UserTask::of(new.uid)?)
    };
    current.set_credentials(Arc::new(new));
    if counted.is_some() {
        drop(current.replace_user_task(counted));
        user_tasks::note_change(current);
    }
    Ok(0)
}

/// setuid(2).
pub fn setuid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let uid = arguments.u32(0);
    if uid == KEEP {
        return Err(Errno::EINVAL);
    }
    change(current, Kind::Users, |own| {
        if own.is_capable(Capability::Setuid) {
            (own.uid, own.suid) = (uid, uid);
        } else if uid != own.uid && uid != own.suid {
            return Err(Errno::EPERM);
        }
        (own.euid, own.fsuid) = (uid, uid);
        Ok(())
    })
}

/// setgid(2).
pub fn setgid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let gid = arguments.u32(0);
    if gid == KEEP {
        return Err(Errno::EINVAL);
    }
    change(current, Kind::Groups, |own| {
        if own.is_capable(Capability::Setgid) {
            (own.gid, own.sgid) = (gid, gid);
        } else if gid != own.gid && gid != own.sgid {
            return Err(Errno::EPERM);
        }
        (own.egid, own.fsgid) = (gid, gid);
        Ok(())
    })
}

/// setreuid(2).
pub fn setreuid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (real, effective) = (arguments.u32(0), arguments.u32(1));
    change(current, Kind::Users, |own| {
        let allowed = own.is_capable(Capability::Setuid)
            || ([KEEP, own.uid, own.euid].contains(&real)
                && [KEEP, own.uid, own.euid, own.suid].contains(&effective));
        if !allowed {
            return Err(Errno::EPERM);
        }
        let old_uid = own.uid;
        own.uid = keeps(real, own.uid);
        own.euid = keeps(effective, own.euid);
        if real != KEEP || (effective != KEEP && effective != old_uid) {
            own.suid = own.euid;
        }
        own.fsuid = own.euid;
        Ok(())
    })
}

/// setregid(2).
pub fn setregid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (real, effective) = (arguments.u32(0), arguments.u32(1));
    change(current, Kind::Groups, |own| {
        let allowed = own.is_capable(Capability::Setgid)
            || ([KEEP, own.gid, own.egid].contains(&real)
                && [KEEP, own.gid, own.egid, own.sgid].contains(&effective));
        if !allowed {
            return Err(Errno::EPERM);
        }
        let old_gid = own.gid;
        own.gid = keeps(real, own.gid);
        own.egid = keeps(effective, own.egid);
        if real != KEEP || (effective != KEEP && effective != old_gid) {
            own.sgid = own.egid;
        }
        own.fsgid = own.egid;
        Ok(())
    })
}

/// setresuid(2).
pub fn setresuid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let wanted = [0, 1, 2].map(|index| arguments.u32(index));
    change(current, Kind::Users, |own| {
        let have = [KEEP, own.uid, own.euid, own.suid];
        if !own.is_capable(Capability::Setuid) && !wanted.iter().all(|uid| have.contains(uid)) {
            return Err(Errno::EPERM);
        }
        own.uid = keeps(wanted[0], own.uid);
        own.euid = keeps(wanted[1], own.euid);
        own.suid = keeps(wanted[2], own.suid);
        own.fsuid = own.euid;
        Ok(())
    })
}

/// setresgid(2).
pub fn setresgid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let wanted = [0, 1, 2].map(|index| arguments.u32(index));
    change(current, Kind::Groups, |own| {
        let have = [KEEP, own.gid, own.egid, own.sgid];
        if !own.is_capable(Capability::Setgid) && !wanted.iter().all(|gid| have.contains(gid)) {
            return Err(Errno::EPERM);
        }
        own.gid = keeps(wanted[0], own.gid);
        own.egid = keeps(wanted[1], own.egid);
        own.sgid = keeps(wanted[2], own.sgid);
        own.fsgid = own.egid;
        Ok(())
    })
}

fn write_three(arguments: &Arguments, numbers: [u32; 3]) -> Result<usize> {
    for (index, number) in numbers.iter().enumerate() {
        user::write_value(UserAddr(arguments.u64(index)), number)?;
    }
    Ok(0)
}

/// getresuid(2).
pub fn getresuid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    write_three(
        arguments,
        current.with_credentials(|own| [own.uid, own.euid, own.suid]),
    )
}

/// getresgid(2).
pub fn getresgid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    write_three(
        arguments,
        current.with_credentials(|own| [own.gid, own.egid, own.sgid]),
    )
}

/// setfsuid(2): gives the old number, and no error.
pub fn setfsuid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let uid = arguments.u32(0);
    let old = current.with_credentials(|own| own.fsuid);
    // What isn't allowed changes nothing; the result is the old number all the same.
    let _ = change(current, Kind::FileUser, |own| {
        if own.is_capable(Capability::Setuid)
            || [own.uid, own.euid, own.suid, own.fsuid].contains(&uid)
        {
            own.fsuid = keeps(uid, own.fsuid);
        }
        Ok(())
    });
    Ok(old as usize)
}

/// setfsgid(2): gives the old number, and no error.
pub fn setfsgid(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let gid = arguments.u32(0);
    let old = current.with_credentials(|own| own.fsgid);
    // What isn't allowed changes nothing; the result is the old number all the same.
    let _ = change(current, Kind::Groups, |own| {
        if own.is_capable(Capability::Setgid)
            || [own.gid, own.egid, own.sgid, own.fsgid].contains(&gid)
        {
            own.fsgid = keeps(gid, own.fsgid);
        }
        Ok(())
    });
    Ok(old as usize)
}

/// getgroups(2).
pub fn getgroups(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let credentials = current.credentials();
    let groups = credentials.groups();
    let room = arguments.int(0);
    if room < 0 {
        return Err(Errno::EINVAL);
    }
    if room != 0 {
        if (room as usize) < groups.len() {
            return Err(Errno::EINVAL);
        }
        for (index, group) in groups.iter().enumerate() {
            user::write_value(
                UserAddr(arguments.u64(1).wrapping_add(4 * index as u64)),
                group,
            )?;
        }
    }
    Ok(groups.len())
}

/// setgroups(2).
pub fn setgroups(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    current.require(Capability::Setgid)?;
    let count = arguments.usize(0);
    if count > GROUPS_MAX {
        return Err(Errno::EINVAL);
    }
    let mut groups: Vec<u32> = Vec::new();
    groups.make_room_exact(count)?;
    for index in 0..count {
        groups.push(user::read_value(UserAddr(
            arguments.u64(1).wrapping_add(4 * index as u64),
        ))?);
    }
    groups.sort_unstable();
    change(current, Kind::Groups, |own| {
        own.groups = (!groups.is_empty()).then(|| Arc::new(groups));
        Ok(())
    })
}
