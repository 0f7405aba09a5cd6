//! Access to user memory: the only way the kernel reads or writes what programs see at their addresses.
//!
//! An address from a program is a claim, checked here: ranges must lie in the user half of the address space,
//! and the copy routines survive accesses to pages that aren't there. Such an access first goes to the
//! kernel's fault handler, which may bring the page in; if it can't, the routine stops with a [`Fault`].
//! Bringing a page in may sleep. With preemption off nothing is brought in: the access just fails.
//!
//! Small accesses use the unprivileged load and store instructions (LDTR, STTR), larger copies ordinary ones
//! with PAN (privileged access never) lifted meanwhile.

mod address;
mod atomic;
mod copy;
mod string;
#[cfg(all(test, not(target_os = "none")))]
mod tests;
mod value;

#[cfg(not(target_os = "none"))]
#[path = "machine_host.rs"]
mod machine;
#[cfg(target_os = "none")]
#[path = "machine_aarch64.rs"]
mod machine;
#[cfg(target_os = "none")]
mod routines;

pub use address::{Fault, UserAddr};
pub use atomic::{compare_exchange_u32, fetch_op_u32, load_u32};
pub use copy::{
    clear_user, copy_from_user, copy_from_user_into, copy_to_user, frame_from_user, frame_to_user,
};
pub use machine::initialise;
#[cfg(target_os = "none")]
pub use routines::fixup;
pub use string::{StringError, read_string, read_string_into};
pub use value::{read_value, write_value};
