//! reboot(2): turning the machine off or starting it again.

use hal::user::{self, StringError, UserAddr};
use linux_raw_sys::general as linux;

use crate::context::jail;
use crate::errno::{Errno, Result};
use crate::screen;
use crate::syscall::Arguments;
use crate::task::{Capability, Current};

/// reboot(2). The files of the machine are in memory, so there is nothing to write back first.
pub fn reboot(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    jail::refuse(current)?;
    // Containers aren't the machine: number 1 of one would only mean itself.
    current.require(Capability::SysBoot)?;
    if !current.process().contexts().sees_everyone() {
        return Err(Errno::EPERM);
    }
    let second = [
        linux::LINUX_REBOOT_MAGIC2,
        linux::LINUX_REBOOT_MAGIC2A,
        linux::LINUX_REBOOT_MAGIC2B,
        linux::LINUX_REBOOT_MAGIC2C,
    ];
    if arguments.u32(0) != linux::LINUX_REBOOT_MAGIC1 || !second.contains(&arguments.u32(1)) {
        return Err(Errno::EINVAL);
    }
    match arguments.u32(2) {
        linux::LINUX_REBOOT_CMD_RESTART => {
            crate::log::info!("restarting");
            screen::show();
            hal::cpu::reset()
        }
        linux::LINUX_REBOOT_CMD_RESTART2 => {
            let mut command = [0; 256];
            match user::read_string(UserAddr(arguments.u64(3)), &mut command) {
                Ok(_) | Err(StringError::TooLong) => {}
                Err(StringError::Fault) => return Err(Errno::EFAULT),
            }
            crate::log::info!("restarting");
            screen::show();
            hal::cpu::reset()
        }
        linux::LINUX_REBOOT_CMD_POWER_OFF => {
            crate::log::info!("powering off");
            screen::show();
            hal::cpu::power_off()
        }
        linux::LINUX_REBOOT_CMD_HALT => {
            // As on Linux the machine stays on and does nothing; here that is no different from being off.
            crate::log::info!("halted");
            screen::show();
            hal::cpu::power_off()
        }
        // Ctrl-Alt-Del has no key here: either answer to it is fine.
        linux::LINUX_REBOOT_CMD_CAD_ON | linux::LINUX_REBOOT_CMD_CAD_OFF => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}
