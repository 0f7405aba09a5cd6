//! The frame on the user stack that a signal handler runs on: Linux's `struct rt_sigframe` of arm64
//! (arch/arm64/kernel/signal.c, include/uapi/asm/sigcontext.h).

use super::action::{Action, ActionFlags};
use super::information::UserSignalInfo;
use super::state::AlternateStack;
use super::{SignalInfo, SignalSet};
use crate::errno::{Errno, Result};
use crate::task::Current;
use hal::exception::UserRegisters;
use hal::task::FloatState;
use hal::user::{self, UserAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

const FLOAT_MAGIC: u32 = 0x4650_8001;
const FLOAT_SIZE: u32 = 528;
const EXTRA_MAGIC: u32 = 0x4558_5401;
/// Bytes of `sigcontext.__reserved`.
const RESERVED: u64 = 4096;
/// Bytes of the whole frame; what follows the records isn't written.
const FRAME_SIZE: u64 = size_of::<UserSignalInfo>() as u64 + size_of::<Context>() as u64 + RESERVED;

/// `ss_flags`: there is no alternate stack.
pub const SS_DISABLE: i32 = 2;
/// `ss_flags`: running on it.
pub const SS_ONSTACK: i32 = 1;
/// `ss_flags`: forgotten while a handler runs.
pub const SS_AUTODISARM: i32 = i32::MIN;

/// `stack_t`.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UserStack {
    pub base: u64,
    pub flags: i32,
    pub padding: u32,
    pub size: u64,
}

impl UserStack {
    /// As sigaltstack(2) tells of a stack to one who runs at `stack_pointer`.
    pub fn of(stack: AlternateStack, stack_pointer: u64) -> Self {
        let mode = match stack {
            _ if !stack.is_enabled() => SS_DISABLE,
            _ if !stack.auto_disarm && stack.contains(stack_pointer) => SS_ONSTACK,
            _ => 0,
        };
        let flags = mode | if stack.auto_disarm { SS_AUTODISARM } else { 0 };
        Self {
            base: stack.base,
            flags,
            padding: 0,
            size: stack.size,
        }
    }
}

/// `ucontext_t` up to the records in `sigcontext.__reserved`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Context {
    flags: u64,
    link: u64,
    stack: UserStack,
    mask: u64,
    /// The rest of a 1024-bit mask, and the padding to a multiple of 16.
    unused: [u64; 16],
    fault_address: u64,
    x: [u64; 31],
    sp: u64,
    pc: u64,
    pstate: u64,
    padding: u64,
}

const _: () = assert!(size_of::<Context>() == 464);

/// The head of a record in `__reserved`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct RecordHead {
    magic: u32,
    size: u32,
}

/// `struct fpsimd_context`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct FloatRecord {
    head: RecordHead,
    fpsr: u32,
    fpcr: u32,
    v: [u128; 32],
}

/// What is written of a frame at once.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Frame {
    context: Context,
    float: FloatRecord,
    /// The record that ends the list, and padding.
    end: [u64; 2],
}

/// Where the frame for a handler goes: below the stack in use (with no red zone on arm64), or at the top of the
/// alternate stack if the action wants that and it isn't in use.
fn frame_address(
    stack_pointer: u64,
    alternate: AlternateStack,
    flags: ActionFlags,
) -> Option<(u64, u64)> {
    let switch = flags.contains(ActionFlags::ON_STACK)
        && alternate.is_enabled()
        && !alternate.contains(stack_pointer);
    let top = if switch {
        alternate.base.checked_add(alternate.size)?
    } else {
        stack_pointer
    };
    // A frame record (x29, x30) lies above, so that debuggers can unwind through the handler.
    let record = top.checked_sub(16)? & !15;
    let frame = record.checked_sub(FRAME_SIZE.next_multiple_of(16))?;
    let overflows = alternate.contains(stack_pointer)
        && flags.contains(ActionFlags::ON_STACK)
        && frame < alternate.base;
    (!overflows).then_some((frame, record))
}

/// Writes the frame for `info` and sets the registers to run the action's handler. `mask` is what the handler's end
/// restores; `fault_address` goes into the context.
///
/// # Errors
/// `EFAULT` when the stack can't be written: the thread then dies of SIGSEGV.
pub fn push(
    current: &Current,
    registers: &mut UserRegisters,
    action: &Action,
    info: &SignalInfo,
    mask: SignalSet,
) -> Result<()> {
    let flags = action.flags();
    let alternate = current.signals().alternate_stack();
    let (address, record) = frame_address(registers.sp, alternate, flags).ok_or(Errno::EFAULT)?;
    let float = hal::task::float_state();
    let fault_address = if SignalSet::SYNCHRONOUS.contains(info.signal) {
        info.address()
    } else {
        0
    };
    let frame = Frame {
        context: Context {
            flags: 0,
            link: 0,
            stack: UserStack::of(alternate, registers.sp),
            mask: mask.0,
            unused: [0; 16],
            fault_address,
            x: registers.x,
            sp: registers.sp,
            pc: registers.pc,
            pstate: registers.pstate,
            padding: 0,
        },
        float: FloatRecord {
            head: RecordHead {
                magic: FLOAT_MAGIC,
                size: FLOAT_SIZE,
            },
            fpsr: float.fpsr,
            fpcr: float.fpcr,
            v: float.v,
        },
        end: [0; 2],
    };
    let context_address = address + size_of::<UserSignalInfo>() as u64;
    if flags.contains(ActionFlags::SIGINFO) {
        user::write_value(UserAddr(address), &info.to_user()).map_err(|_| Errno::EFAULT)?;
    }
    user::write_value(UserAddr(context_address), &frame).map_err(|_| Errno::EFAULT)?;
    user::write_value(UserAddr(record), &[registers.x[29], registers.x[30]])
        .map_err(|_| Errno::EFAULT)?;

    registers.x[0] = u64::from(info.signal.number());
    if flags.contains(ActionFlags::SIGINFO) {
        registers.x[1] = address;
        registers.x[2] = context_address;
    }
    registers.x[29] = record;
    registers.x[30] = if flags.contains(ActionFlags::RESTORER) {
        action.restorer
    } else {
        current.process().signal_return()
    };
    registers.sp = address;
    registers.pc = action.handler;
    if alternate.auto_disarm {
        current
            .signals()
            .set_alternate_stack(AlternateStack::default());
    }
    Ok(())
}

/// Takes the frame at the stack pointer back: registers, floating-point state and alternate stack; gives the mask.
///
/// # Errors
/// `EFAULT` or `EINVAL` when there is no sound frame: the thread then dies of SIGSEGV.
pub fn pop(current: &Current, registers: &mut UserRegisters) -> Result<SignalSet> {
    let address = registers.sp;
    if !address.is_multiple_of(16) {
        return Err(Errno::EINVAL);
    }
    let context_address = address
        .checked_add(size_of::<UserSignalInfo>() as u64)
        .ok_or(Errno::EFAULT)?;
    let frame: Frame = user::read_value(UserAddr(context_address)).map_err(|_| Errno::EFAULT)?;
    let records = context_address
        .checked_add(size_of::<Context>() as u64)
        .ok_or(Errno::EFAULT)?;
    let float = if frame.float.head.magic == FLOAT_MAGIC && frame.float.head.size == FLOAT_SIZE {
        frame.float
    } else {
        find_float(records)?
    };
    hal::task::set_float_state(&FloatState {
        v: float.v,
        fpsr: float.fpsr,
        fpcr: float.fpcr,
    });
    registers.x = frame.context.x;
    registers.sp = frame.context.sp;
    registers.pc = frame.context.pc;
    registers.set_user_pstate(frame.context.pstate);
    let stack = frame.context.stack;
    if stack.flags & SS_DISABLE == 0 && !current.signals().alternate_stack().contains(registers.sp)
    {
        current.signals().set_alternate_stack(AlternateStack {
            base: stack.base,
            size: stack.size,
            auto_disarm: stack.flags & SS_AUTODISARM != 0,
        });
    }
    Ok(SignalSet(frame.context.mask).blockable())
}

/// Looks for the floating-point record among those that a program may have put before it.
fn find_float(records: u64) -> Result<FloatRecord> {
    let mut offset = 0;
    while offset + size_of::<RecordHead>() as u64 <= RESERVED {
        let head: RecordHead =
            user::read_value(UserAddr(records + offset)).map_err(|_| Errno::EFAULT)?;
        match head {
            RecordHead {
                magic: FLOAT_MAGIC,
                size: FLOAT_SIZE,
            } if offset + u64::from(FLOAT_SIZE) <= RESERVED => {
                return user::read_value(UserAddr(records + offset)).map_err(|_| Errno::EFAULT);
            }
            // The list's end comes first, or there are records that this kernel never writes.
            RecordHead {
                magic: 0 | EXTRA_MAGIC | FLOAT_MAGIC,
                ..
            } => break,
            RecordHead { size, .. } if size >= 16 && size % 16 == 0 => offset += u64::from(size),
            _ => break,
        }
    }
    Err(Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_aligned_and_as_large_as_linux_has_them() {
        assert_eq!(FRAME_SIZE, 4688);
        let (frame, record) =
            frame_address(0x10_0007, AlternateStack::default(), ActionFlags::empty()).unwrap();
        assert_eq!(frame % 16, 0);
        assert_eq!(record - frame, FRAME_SIZE);
        assert!(record + 16 <= 0x10_0007);
    }

    #[test]
    fn the_alternate_stack_is_used_when_wanted_and_not_in_use() {
        let alternate = AlternateStack {
            base: 0x20_0000,
            size: 0x4000,
            auto_disarm: false,
        };
        let (frame, _) = frame_address(0x10_0000, alternate, ActionFlags::ON_STACK).unwrap();
        assert!(alternate.contains(frame));
        let (frame, _) = frame_address(0x10_0000, alternate, ActionFlags::empty()).unwrap();
        assert!(!alternate.contains(frame));
        assert!(
            frame_address(0x20_0800, alternate, ActionFlags::ON_STACK).is_none(),
            "no room left on it"
        );
        assert!(frame_address(100, alternate, ActionFlags::empty()).is_none());
    }
}
