//! What the system calls itself: uname(2).

use hal::user::{self, UserAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::context::hostname;
use crate::errno::Result;
use crate::syscall::Arguments;
use crate::task::Current;

/// The system whose interface this is: programs ask for it.
pub const SYSTEM: &str = "Linux";
/// The Linux version whose interface is followed, and the kernel's own name.
pub const RELEASE: &str = "6.1.0-gantry";
/// Build information, in the form programs expect.
pub const VERSION: &str = concat!("#1 SMP PREEMPT Gantry ", env!("CARGO_PKG_VERSION"));
/// The processor architecture.
pub const MACHINE: &str = "aarch64";

/// Bytes of each field of `struct new_utsname`, with its NUL.
const FIELD: usize = hostname::NAME_MAX + 1;

/// `struct new_utsname`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct UnixName {
    system: [u8; FIELD],
    node: [u8; FIELD],
    release: [u8; FIELD],
    version: [u8; FIELD],
    machine: [u8; FIELD],
    domain: [u8; FIELD],
}

fn field(text: &[u8]) -> [u8; FIELD] {
    let mut field = [0; FIELD];
    for (byte, value) in field.iter_mut().zip(text.iter().take(hostname::NAME_MAX)) {
        *byte = *value;
    }
    field
}

/// uname(2): the names of the caller's hostname context.
pub fn uname(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let names = current
        .process()
        .contexts()
        .hostname()
        .map(|context| context.names());
    let (host, domain) = match &names {
        Some(names) => (field(names.host.as_bytes()), field(names.domain.as_bytes())),
        None => (field(b""), field(b"")),
    };
    let name = UnixName {
        system: field(SYSTEM.as_bytes()),
        node: host,
        release: field(RELEASE.as_bytes()),
        version: field(VERSION.as_bytes()),
        machine: field(MACHINE.as_bytes()),
        domain,
    };
    user::copy_to_user(UserAddr(arguments.u64(0)), name.as_bytes())?;
    Ok(0)
}
