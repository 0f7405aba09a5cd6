//! getrlimit(2), setrlimit(2), prlimit(2).

use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{self, Capability, Current, Limit, Process, Resource};
use crate::vfs::fd_table::DESCRIPTOR_LIMIT;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use hal::user::{self, UserAddr};

fn resource(number: u32) -> Result<Resource> {
    Resource::from_number(number).ok_or(Errno::EINVAL)
}

/// getrlimit(2).
pub fn getrlimit(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let limit = current
        .process()
        .limits()
        .lock()
        .get(resource(arguments.u32(0))?);
    user::write_value(UserAddr(arguments.u64(1)), &limit)?;
    Ok(0)
}

/// setrlimit(2).
pub fn setrlimit(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let resource = resource(arguments.u32(0))?;
    let limit: Limit = user::read_value(UserAddr(arguments.u64(1)))?;
    change(current, current.process(), resource, limit)?;
    Ok(0)
}

/// Sets a limit: without CAP_SYS_RESOURCE the hard one may only be lowered.
fn change(
    current: &Current,
    process: &Arc<Process>,
    resource: Resource,
    limit: Limit,
) -> Result<()> {
    if limit.soft > limit.hard {
        return Err(Errno::EINVAL);
    }
    let mut limit = limit;
    if resource == Resource::CpuTime && limit.soft == 0 {
        // Less than a second can't be watched over.
        limit.soft = 1;
    }
    let may_raise = current.is_capable(Capability::SysResource);
    {
        let mut limits = process.limits().lock();
        if limit.hard > limits.get(resource).hard && !may_raise {
            return Err(Errno::EPERM);
        }
        if resource == Resource::OpenFiles && limit.hard > DESCRIPTOR_LIMIT {
            return Err(Errno::EPERM);
        }
        limits.set(resource, limit);
    }
    if resource == Resource::CpuTime {
        return process.timers().set_cpu_limit(process, limit.soft);
    }
    // The address space keeps its own, so that a fault needn't look at the process.
    if let Some(memory) = process
        .any_thread()
        .and_then(|thread| thread.address_space())
    {
        let kept = match resource {
            Resource::AddressSpace => &memory.limits().address_space,
            Resource::Data => &memory.limits().data,
            Resource::Stack => &memory.limits().stack,
            Resource::LockedMemory => &memory.limits().locked,
            _ => return Ok(()),
        };
        kept.store(limit.soft, Relaxed);
    }
    Ok(())
}

/// prlimit(2).
pub fn prlimit64(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let resource = resource(arguments.u32(1))?;
    let new: Option<Limit> = match arguments.u64(2) {
        0 => None,
        address => Some(user::read_value(UserAddr(address))?),
    };
    let process = task::find_process_or_self(current, arguments.int(0))?;
    if !Arc::ptr_eq(&process, current.process()) {
        let thread = process.any_thread().ok_or(Errno::ESRCH)?;
        let allowed = current.with_credentials(|own| {
            own.is_capable(Capability::SysResource)
                || thread.with_credentials(|other| {
                    [other.uid, other.euid, other.suid] == [own.uid; 3]
                        && [other.gid, other.egid, other.sgid] == [own.gid; 3]
                })
        });
        if !allowed {
            return Err(Errno::EPERM);
        }
    }
    let old = process.limits().lock().get(resource);
    if let Some(new) = new {
        change(current, &process, resource, new)?;
    }
    if arguments.u64(3) != 0 {
        user::write_value(UserAddr(arguments.u64(3)), &old)?;
    }
    Ok(0)
}
