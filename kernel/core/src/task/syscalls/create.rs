//! clone(2), clone3(2).

use crate::context::jail;
use crate::errno::{Errno, Result};
use crate::signal::Signal;
use crate::syscall::{Arguments, extensible};
use crate::task::Current;
use crate::task::clone_flags::CloneFlags;
use crate::task::create::{Request, create};
use hal::user::UserAddr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The signal in the low bits of clone's flags.
const SIGNAL_MASK: u64 = 0xff;
/// Size of the first `struct clone_args`, which ends with `tls`.
const FIRST_SIZE: usize = 64;

/// `struct clone_args`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct CloneArguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// 0 for none.
fn exit_signal(number: u64) -> Result<Option<Signal>> {
    match i32::try_from(number) {
        Ok(0) => Ok(None),
        Ok(number) => Signal::new(number).map(Some).ok_or(Errno::EINVAL),
        Err(_) => Err(Errno::EINVAL),
    }
}

/// Namespaces aren't the way of this kernel: EPERM for a jailed caller, EINVAL else.
fn checked(current: &Current, bits: u64) -> Result<CloneFlags> {
    if bits & CloneFlags::NAMESPACES.bits() != 0 {
        jail::refuse(current)?;
    }
    CloneFlags::checked(bits)
}

/// clone(2), with the arguments in arm64's order: flags, stack, parent_tid, tls, child_tid.
pub fn clone(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u64(0) & u64::from(u32::MAX);
    let request = Request {
        flags: checked(current, flags & !SIGNAL_MASK)?,
        exit_signal: exit_signal(flags & SIGNAL_MASK)?,
        stack: arguments.u64(1),
        parent_tid: arguments.u64(2),
        thread_pointer: arguments.u64(3),
        child_tid: arguments.u64(4),
    };
    create(current, arguments.registers, &request)
}

/// clone3(2). Choosing the number, a control group or a pidfd doesn't exist: EINVAL.
pub fn clone3(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (address, size) = (UserAddr(arguments.u64(0)), arguments.usize(1));
    let given: CloneArguments = extensible::read(address, size, FIRST_SIZE)?;
    let odd_stack = (given.stack == 0) != (given.stack_size == 0);
    if given.flags & SIGNAL_MASK & !0x80 != 0 || given.set_tid_size != 0 || odd_stack {
        return Err(Errno::EINVAL);
    }
    let flags = checked(current, given.flags)?;
    if flags.intersects(CloneFlags::THREAD | CloneFlags::PARENT) && given.exit_signal != 0 {
        return Err(Errno::EINVAL);
    }
    let request = Request {
        flags,
        exit_signal: exit_signal(given.exit_signal)?,
        stack: given
            .stack
            .checked_add(given.stack_size)
            .ok_or(Errno::EINVAL)?,
        parent_tid: given.parent_tid,
        thread_pointer: given.tls,
        child_tid: given.child_tid,
    };
    create(current, arguments.registers, &request)
}
