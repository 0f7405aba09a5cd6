//! Context descriptors: a context before it exists, and from its creation on its handle.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use gantry_abi::context::{ContextState, ContextType, EnterFlags, OpenFlags};
use gantry_abi::ioctl::{self, ContextInfo, UserBuffer};
use hal::user::{self, UserAddr};
use zerocopy::{FromBytes, IntoBytes};

use super::life::{Hold, Opened};
use super::set::InSet;
use super::{Context, transition};
use crate::sched::Mutex;
use crate::task::Current;
use crate::vfs::{Destination, File, FileOperations, PollEvents, PollRegistration};
use crate::{Errno, Result};

/// What a file that is a context descriptor can do, whatever its type.
pub trait ContextDescriptor: Send + Sync {
    /// The type of the context.
    fn context_type(&self) -> ContextType;

    /// Creates the context; its id.
    ///
    /// # Errors
    /// `EEXIST` when it is created already, `ENOMEM`.
    fn create(&self, current: &Current) -> Result<u64>;

    /// Replaces the caller's context of this type, now, after exec or both; or cancels what is pending.
    ///
    /// # Errors
    /// `ENXIO` before creation, `EAGAIN` for a process list that can't be joined any more.
    fn enter(&self, current: &Current, flags: EnterFlags) -> Result<()>;

    /// What `GET_INFO` reports.
    fn info(&self) -> ContextInfo;

    /// Another request.
    ///
    /// # Errors
    /// `EINVAL` for one of another type, and each request's own.
    fn request(&self, current: &Current, request: u32, argument: u64) -> Result<usize>;

    /// Readiness: see [`FileOperations::poll`].
    fn poll(&self, registration: Option<&mut PollRegistration>) -> PollEvents;

    /// The concrete type.
    fn as_any(&self) -> &dyn Any;
}

/// A context of one type, described or created.
pub struct Descriptor<C: Context> {
    state: Mutex<State<C>>,
    flags: OpenFlags,
    /// How many members had ended for want of memory when that was last asked about.
    memory_kills: AtomicU64,
}

enum State<C: Context> {
    Described(C::Description),
    Created(Opened<C>),
}

impl<C: Context> Descriptor<C> {
    /// A context that doesn't exist yet.
    pub fn described(flags: OpenFlags) -> Self {
        Descriptor {
            state: Mutex::new(State::Described(C::Description::default())),
            flags,
            memory_kills: AtomicU64::new(0),
        }
    }

    /// A further descriptor of an existing context.
    pub fn of(context: Opened<C>) -> Self {
        Descriptor {
            state: Mutex::new(State::Created(context)),
            flags: OpenFlags::empty(),
            memory_kills: AtomicU64::new(0),
        }
    }

    /// The context, once it is created.
    ///
    /// # Errors
    /// `ENXIO` before.
    pub fn context(&self) -> Result<Arc<C>> {
        match &*self.state.lock() {
            State::Described(_) => Err(Errno::ENXIO),
            State::Created(hold) => Ok(Arc::clone(hold.context())),
        }
    }
}

impl<C: InSet> ContextDescriptor for Descriptor<C> {
    fn context_type(&self) -> ContextType {
        C::TYPE
    }

    fn create(&self, current: &Current) -> Result<u64> {
        let mut state = self.state.lock();
        let State::Described(description) = &*state else {
            return Err(Errno::EEXIST);
        };
        hal::frame::headroom()?;
        let hold: Opened<C> = C::registry().create(|id| C::create(id, description, current))?;
        let id = hold.context().life().id();
        let described = core::mem::replace(&mut *state, State::Created(hold));
        drop(state);
        drop(described);
        Ok(id)
    }

    fn enter(&self, current: &Current, flags: EnterFlags) -> Result<()> {
        let contexts = current.process().contexts();
        let context = self.context()?;
        if flags.contains(EnterFlags::CANCEL) {
            contexts.cancel_pending(C::TYPE);
            return Ok(());
        }
        if flags.contains(EnterFlags::CURRENT_PROGRAM) {
            transition::attach(current.process(), &context)?;
        }
        if flags.contains(EnterFlags::AFTER_EXEC) {
            contexts.set_pending(Hold::new(context)?);
        }
        Ok(())
    }

    fn info(&self) -> ContextInfo {
        match &*self.state.lock() {
            State::Created(hold) => hold.context().life().info(C::TYPE),
            State::Described(_) => ContextInfo {
                context_type: C::TYPE.number(),
                state: ContextState::Described as u32,
                id: 0,
                attached_processes: 0,
                pending_slots: 0,
                open_descriptors: 1,
            },
        }
    }

    fn request(&self, current: &Current, request: u32, argument: u64) -> Result<usize> {
        let context = {
            let mut state = self.state.lock();
            match &mut *state {
                State::Described(description) => {
                    return C::configure(description, current, request, argument);
                }
                State::Created(hold) => Arc::clone(hold.context()),
            }
        };
        if request == ioctl::MEMORY_KILLS {
            let count = context.memory_kills().ok_or(Errno::EINVAL)?;
            user::write_value(UserAddr(argument), &count).map_err(|_| Errno::EFAULT)?;
            self.memory_kills.store(count, Relaxed);
            return Ok(0);
        }
        C::command(&context, current, request, argument)
    }

    fn poll(&self, registration: Option<&mut PollRegistration>) -> PollEvents {
        let Ok(context) = self.context() else {
            return PollEvents::empty();
        };
        let life = context.life();
        if let Some(registration) = registration {
            registration.watch(life.changed());
        }
        let mut events = match life.state() {
            ContextState::Empty => PollEvents::IN,
            ContextState::Destroyed => PollEvents::IN | PollEvents::HANG_UP,
            _ => PollEvents::empty(),
        };
        let kills = context.memory_kills().unwrap_or_default();
        events.set(
            PollEvents::PRIORITY,
            kills != self.memory_kills.load(Relaxed),
        );
        events
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<C: Context> Drop for Descriptor<C> {
    fn drop(&mut self) {
        if let State::Created(hold) = self.state.get_mut() {
            C::closed(hold.context(), self.flags);
        }
    }
}

/// The file behind a context descriptor.
pub struct DescriptorFile(Box<dyn ContextDescriptor>);

impl DescriptorFile {
    /// An open file for a descriptor.
    pub fn open(descriptor: Box<dyn ContextDescriptor>) -> Arc<File> {
        File::anonymous(
            "context",
            Box::new(DescriptorFile(descriptor)),
            crate::vfs::OpenFlags::READ_ONLY,
        )
    }
}

/// The context descriptor that a file is, if it is one.
pub fn of_file(file: &File) -> Option<&dyn ContextDescriptor> {
    file.operations()
        .as_any()
        .downcast_ref::<DescriptorFile>()
        .map(|file| &*file.0)
}

/// The context of one type that a file is the descriptor of.
///
/// # Errors
/// `EINVAL` for another file or type, `ENXIO` before creation.
pub fn context_of_file<C: Context>(file: &File) -> Result<Arc<C>> {
    let descriptor = of_file(file).ok_or(Errno::EINVAL)?;
    descriptor
        .as_any()
        .downcast_ref::<Descriptor<C>>()
        .ok_or(Errno::EINVAL)?
        .context()
}

impl FileOperations for DescriptorFile {
    fn read(
        &self,
        _file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        let info = self.0.info();
        if destination.remaining() < info.as_bytes().len() {
            return Err(Errno::EINVAL);
        }
        destination.write(info.as_bytes())
    }

    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        self.0.poll(registration)
    }

    fn ioctl(
        &self,
        _file: &Arc<File>,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        match request {
            ioctl::GET_INFO => {
                user::write_value(UserAddr(argument), &self.0.info()).map_err(|_| Errno::EFAULT)?;
                Ok(0)
            }
            ioctl::ATTACH_ROOT_FILESYSTEM_AT_FD
            | ioctl::OPEN_ROOT
            | ioctl::SET_HOSTNAME
            | ioctl::SET_DOMAIN_NAME
            | ioctl::SIGNAL
            | ioctl::LIST_PIDS
            | ioctl::FREEZE
            | ioctl::THAW
            | ioctl::MEMORY_KILLS
            | ioctl::LIST_MOUNTS
            | ioctl::RESTRICT_PATH => self.0.request(current, request, argument),
            _ => Err(Errno::ENOTTY),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Reads an ioctl's structure.
///
/// # Errors
/// `EFAULT`.
pub(super) fn read_argument<T: FromBytes + IntoBytes>(argument: u64) -> Result<T> {
    user::read_value(UserAddr(argument)).map_err(|_| Errno::EFAULT)
}

/// Writes as much of `bytes` as fits into a caller's buffer.
///
/// # Errors
/// `EFAULT`.
pub(super) fn copy_out(buffer: &UserBuffer, bytes: &[u8]) -> Result<()> {
    let length =
        usize::try_from(buffer.length).map_or(bytes.len(), |length| length.min(bytes.len()));
    let fitting = bytes.get(..length).unwrap_or(bytes);
    user::copy_to_user(UserAddr(buffer.address), fitting).map_err(|_| Errno::EFAULT)
}
