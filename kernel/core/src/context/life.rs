//! The life of a context: its id, what holds it, and its state.
//!
//! Three kinds of holders keep a created context alive: attached processes, pending after-exec slots and
//! open descriptors. Each is a [`Hold`], a guard that gives its count back when it is dropped, so no path
//! can forget to. The hold that brings the last count to zero destroys the context, once, in its drop.

use alloc::sync::Arc;
use core::fmt;
use core::marker::PhantomData;

use gantry_abi::context::{ContextState, ContextType};
use gantry_abi::ioctl::ContextInfo;
use hal::sync::IrqSpinLock;

use super::{Context, boot};
use crate::sched::WaitQueue;
use crate::{Errno, Result};

/// The counted life of one created context.
pub struct Life {
    id: u64,
    counts: IrqSpinLock<Counts>,
    /// Woken when a process detaches; pollers of descriptors wait here.
    changed: WaitQueue,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    attached: u64,
    pending: u64,
    descriptors: u64,
    /// Whether a process has ever been attached.
    has_run: bool,
    destroyed: bool,
}

impl Counts {
    fn is_held(&self) -> bool {
        self.attached != 0 || self.pending != 0 || self.descriptors != 0
    }

    fn of(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Attached => &mut self.attached,
            Kind::Pending => &mut self.pending,
            Kind::Descriptor => &mut self.descriptors,
        }
    }

    fn state(&self) -> ContextState {
        match self {
            Counts {
                destroyed: true, ..
            } => ContextState::Destroyed,
            Counts {
                attached: 0,
                has_run: true,
                ..
            } => ContextState::Empty,
            Counts {
                attached: 0,
                has_run: false,
                ..
            } => ContextState::Created,
            _ => ContextState::Running,
        }
    }
}

impl Life {
    /// The life of a new context; it must be given its first hold before anyone else can see it.
    pub fn new(id: u64) -> Self {
        Life {
            id,
            counts: IrqSpinLock::new(Counts::default()),
            changed: WaitQueue::new(),
        }
    }

    /// The id: counted from 1 for each type, never used again.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it is the boot context of its type.
    pub fn is_boot(&self) -> bool {
        self.id == boot::ID
    }

    /// The state now.
    pub fn state(&self) -> ContextState {
        self.counts.lock().state()
    }

    /// How many processes are attached now.
    pub fn attached(&self) -> u64 {
        self.counts.lock().attached
    }

    /// Woken whenever a process detaches, and at the end.
    pub fn changed(&self) -> &WaitQueue {
        &self.changed
    }

    /// The numbers that `GET_INFO` reports.
    pub fn info(&self, context_type: ContextType) -> ContextInfo {
        let counts = *self.counts.lock();
        ContextInfo {
            context_type: context_type.number(),
            state: counts.state() as u32,
            id: self.id,
            attached_processes: counts.attached,
            pending_slots: counts.pending,
            open_descriptors: counts.descriptors,
        }
    }
}

/// What a [`Hold`] counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A process whose current context it is: the one kind that makes a context run.
    Attached,
    /// A slot that attaches the context at its process's next successful exec.
    Pending,
    /// An open description of a context descriptor.
    Descriptor,
}

/// A [`Kind`] as a type.
pub trait Holder: Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
}

/// Holds as [`Kind::Attached`].
pub enum AttachedProcess {}
/// Holds as [`Kind::Pending`].
pub enum PendingSlot {}
/// Holds as [`Kind::Descriptor`].
pub enum OpenDescriptor {}

impl Holder for AttachedProcess {
    const KIND: Kind = Kind::Attached;
}

impl Holder for PendingSlot {
    const KIND: Kind = Kind::Pending;
}

impl Holder for OpenDescriptor {
    const KIND: Kind = Kind::Descriptor;
}

/// One counted hold on a context. Dropping it may destroy the context, which may sleep: never drop one
/// with a spin lock held.
pub struct Hold<C: Context, H: Holder> {
    context: Arc<C>,
    holder: PhantomData<H>,
}

/// The hold of an attached process.
pub type Attachment<C> = Hold<C, AttachedProcess>;
/// The hold of a pending slot.
pub type Pending<C> = Hold<C, PendingSlot>;
/// The hold of an open descriptor.
pub type Opened<C> = Hold<C, OpenDescriptor>;

impl<C: Context, H: Holder> Hold<C, H> {
    /// Takes a hold. `ESRCH` when the context is already destroyed, `EAGAIN` when a process list whose
    /// processes are gone is to get a new one.
    pub fn new(context: Arc<C>) -> Result<Self> {
        {
            let mut counts = context.life().counts.lock();
            if counts.destroyed {
                return Err(Errno::ESRCH);
            }
            if H::KIND == Kind::Attached {
                if counts.has_run && counts.attached == 0 && !C::RUNS_AGAIN {
                    return Err(Errno::EAGAIN);
                }
                counts.has_run = true;
            }
            *counts.of(H::KIND) += 1;
        }
        Ok(Hold {
            context,
            holder: PhantomData,
        })
    }

    /// The context that is held.
    pub fn context(&self) -> &Arc<C> {
        &self.context
    }

    /// Whether both hold the same context.
    pub fn is_of(&self, context: &Arc<C>) -> bool {
        Arc::ptr_eq(&self.context, context)
    }
}

impl<C: Context, H: Holder> Clone for Hold<C, H> {
    /// Another hold of the same kind. Nothing can fail: the context lives, because this hold does.
    fn clone(&self) -> Self {
        {
            let mut counts = self.context.life().counts.lock();
            *counts.of(H::KIND) += 1;
        }
        Hold {
            context: Arc::clone(&self.context),
            holder: PhantomData,
        }
    }
}

impl<C: Context, H: Holder> Drop for Hold<C, H> {
    fn drop(&mut self) {
        let life = self.context.life();
        let (announce, destroy) = {
            let mut counts = life.counts.lock();
            *counts.of(H::KIND) -= 1;
            let destroy = !counts.is_held();
            counts.destroyed = destroy;
            (destroy || H::KIND == Kind::Attached, destroy)
        };
        if destroy {
            C::registry().forget(life.id);
            self.context.destroy();
        }
        if announce {
            life.changed.wake_all();
        }
    }
}

impl<C: Context, H: Holder> fmt::Debug for Hold<C, H> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:[{}]",
            C::TYPE.namespace_name(),
            self.context.life().id
        )
    }
}
