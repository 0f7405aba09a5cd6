//! Hostname contexts: the names that `uname` reports.

use alloc::sync::Arc;

use gantry_abi::context::ContextType;
use gantry_abi::ioctl::{self, UserBuffer};
use hal::sync::SpinLock;

use super::{Context, Life, Registry, descriptor, syscalls};
use crate::task::Current;
use crate::{Errno, Result};

/// The longest name in bytes (`__NEW_UTS_LEN`).
pub const NAME_MAX: usize = 64;

/// A host or domain name: up to [`NAME_MAX`] bytes of any kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; NAME_MAX],
    length: u8,
}

impl Name {
    /// The name with these bytes; `EINVAL` when there are more than [`NAME_MAX`].
    pub fn new(name: &[u8]) -> Result<Self> {
        let mut bytes = [0; NAME_MAX];
        bytes
            .get_mut(..name.len())
            .ok_or(Errno::EINVAL)?
            .copy_from_slice(name);
        Ok(Name {
            bytes,
            length: name.len() as u8,
        })
    }

    /// The bytes of the name. A NUL that was set with it ends it for `uname`, as in Linux.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or(&self.bytes)
    }
}

/// The two names of a system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// What gethostname and `uname -n` report.
    pub host: Name,
    /// The NIS domain name.
    pub domain: Name,
}

/// What was set before creation; the rest is the creator's.
#[derive(Default)]
pub struct Description {
    host: Option<Name>,
    domain: Option<Name>,
}

/// A hostname context.
pub struct HostnameContext {
    life: Life,
    names: SpinLock<Names>,
}

static REGISTRY: Registry<HostnameContext> = Registry::new();

impl Context for HostnameContext {
    const TYPE: ContextType = ContextType::Hostname;
    type Description = Description;

    fn life(&self) -> &Life {
        &self.life
    }

    fn registry() -> &'static Registry<Self> {
        &REGISTRY
    }

    fn create(id: u64, description: &Description, current: &Current) -> Result<Self> {
        let mut names = current
            .process()
            .contexts()
            .hostname()
            .ok_or(Errno::ESRCH)?
            .names();
        names.host = description.host.unwrap_or(names.host);
        names.domain = description.domain.unwrap_or(names.domain);
        Ok(HostnameContext::new(id, names))
    }

    fn configure(
        description: &mut Description,
        _current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        match request {
            ioctl::SET_HOSTNAME => description.host = Some(read_argument(argument)?),
            ioctl::SET_DOMAIN_NAME => description.domain = Some(read_argument(argument)?),
            _ => return Err(Errno::EINVAL),
        }
        Ok(0)
    }

    fn command(
        context: &Arc<Self>,
        _current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        match request {
            ioctl::SET_HOSTNAME => context.set_host(read_argument(argument)?),
            ioctl::SET_DOMAIN_NAME => context.set_domain(read_argument(argument)?),
            _ => return Err(Errno::EINVAL),
        }
        Ok(0)
    }
}

impl HostnameContext {
    /// A context that starts with these names.
    pub(super) fn new(id: u64, names: Names) -> Self {
        HostnameContext {
            life: Life::new(id),
            names: SpinLock::new(names),
        }
    }

    /// The names now.
    pub fn names(&self) -> Names {
        *self.names.lock()
    }

    /// Changes the host name for every member.
    pub fn set_host(&self, name: Name) {
        self.names.lock().host = name;
    }

    /// Changes the domain name for every member.
    pub fn set_domain(&self, name: Name) {
        self.names.lock().domain = name;
    }
}

/// The name that a [`UserBuffer`] of the caller's describes.
fn read_argument(argument: u64) -> Result<Name> {
    let buffer: UserBuffer = descriptor::read_argument(argument)?;
    syscalls::read_name(buffer.address, buffer.length)
}
