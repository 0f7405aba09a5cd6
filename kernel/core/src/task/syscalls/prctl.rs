//! prctl(2).

use super::capabilities;
use crate::context::jail;
use crate::errno::{Errno, Result};
use crate::signal::Signal;
use crate::syscall::Arguments;
use crate::task::{CommandName, Current, ProcessFlags};
use hal::user::{self, StringError, UserAddr};

const SET_PDEATHSIG: i32 = 1;
const GET_PDEATHSIG: i32 = 2;
const GET_DUMPABLE: i32 = 3;
const SET_DUMPABLE: i32 = 4;
const GET_KEEPCAPS: i32 = 7;
const SET_KEEPCAPS: i32 = 8;
const SET_NAME: i32 = 15;
const GET_NAME: i32 = 16;
const CAPBSET_READ: i32 = 23;
const CAPBSET_DROP: i32 = 24;
const GET_SECUREBITS: i32 = 27;
const SET_SECUREBITS: i32 = 28;
const SET_TIMERSLACK: i32 = 29;
const GET_TIMERSLACK: i32 = 30;
const SET_CHILD_SUBREAPER: i32 = 36;
const GET_CHILD_SUBREAPER: i32 = 37;
const SET_NO_NEW_PRIVS: i32 = 38;
const GET_NO_NEW_PRIVS: i32 = 39;
const GET_TID_ADDRESS: i32 = 40;
const CAP_AMBIENT: i32 = 47;

/// The arguments after the option.
fn rest(arguments: &Arguments) -> [u64; 4] {
    [1, 2, 3, 4].map(|index| arguments.u64(index))
}

/// prctl(2). Options that don't exist here: EINVAL, as on a Linux without them.
pub fn prctl(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let process = current.process();
    let value = arguments.u64(1);
    match arguments.int(0) {
        gantry_abi::jail::PR_SET_JAIL => jail::set(current, value),
        gantry_abi::jail::PR_GET_JAIL => Ok(jail::get(current)),
        SET_PDEATHSIG => {
            let signal = match value {
                0 => None,
                number => Some(
                    i32::try_from(number)
                        .ok()
                        .and_then(Signal::new)
                        .ok_or(Errno::EINVAL)?,
                ),
            };
            current.set_parent_death_signal(signal);
            Ok(0)
        }
        GET_PDEATHSIG => {
            let number = current
                .parent_death_signal()
                .map_or(0, |signal| i32::from(signal.number()));
            user::write_value(UserAddr(value), &number)?;
            Ok(0)
        }
        GET_DUMPABLE => Ok(usize::from(
            process.flags().contains(ProcessFlags::DUMPABLE),
        )),
        SET_DUMPABLE => match value {
            0 | 1 => {
                process.set_flags(ProcessFlags::DUMPABLE, value == 1);
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        },
        SET_NAME => {
            let mut name = [0u8; 16];
            let length = match user::read_string(UserAddr(value), &mut name) {
                Ok(length) => length,
                Err(StringError::TooLong) => name.len(),
                Err(StringError::Fault) => return Err(Errno::EFAULT),
            };
            current.set_name(CommandName::new(&name[..length]));
            Ok(0)
        }
        GET_NAME => {
            let mut name = [0u8; 16];
            let own = current.name();
            name[..own.as_bytes().len()].copy_from_slice(own.as_bytes());
            user::copy_to_user(UserAddr(value), &name)?;
            Ok(0)
        }
        CAPBSET_READ => capabilities::is_in_bounding(current, value),
        CAPBSET_DROP => capabilities::drop_from_bounding(current, value),
        CAP_AMBIENT => capabilities::ambient(current, rest(arguments)),
        GET_KEEPCAPS => Ok(capabilities::keeps_capabilities(current)),
        SET_KEEPCAPS => capabilities::keep_capabilities(current, value),
        GET_SECUREBITS => Ok(capabilities::secure_bits(current)),
        SET_SECUREBITS => capabilities::set_secure_bits(current, value),
        // The slack that timers may have; there is none here, so any wish for one is met.
        SET_TIMERSLACK => Ok(0),
        GET_TIMERSLACK => Ok(0),
        SET_CHILD_SUBREAPER => {
            process.set_flags(ProcessFlags::SUBREAPER, value != 0);
            Ok(0)
        }
        GET_CHILD_SUBREAPER => {
            user::write_value(UserAddr(value), &i32::from(process.is_subreaper()))?;
            Ok(0)
        }
        SET_NO_NEW_PRIVS => capabilities::give_up_new_privileges(current, rest(arguments)),
        GET_NO_NEW_PRIVS => capabilities::has_no_new_privileges(current, rest(arguments)),
        GET_TID_ADDRESS => {
            let address = current
                .clear_child_tid
                .load(core::sync::atomic::Ordering::Relaxed);
            user::write_value(UserAddr(value), &address)?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
