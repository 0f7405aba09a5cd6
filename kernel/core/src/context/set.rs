//! What a process holds of contexts: one of each type, and one slot of each type for its next exec.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gantry_abi::context::{ContextType, OpenFlags};
use gantry_abi::ioctl::ContextInfo;

use super::descriptor::{ContextDescriptor, Descriptor};
use super::life::{Attachment, Pending};
use super::transition::{self, Prepared};
use super::{Context, HostnameContext, ProcessList, VfsRootContext};
use crate::Result;
use crate::heap::MakeRoom;
use crate::task::Process;

/// A type of context that processes hold; implemented by the table below.
pub trait InSet: Context {
    /// The place of this type in a set.
    fn attachment(set: &mut ContextSet) -> &mut Attachment<Self>;
    /// The slot of this type.
    fn slot(slots: &mut PendingSlots) -> &mut Option<Pending<Self>>;
}

/// Defines everything that has one member for each type of context. A new type is one line here, its
/// number in [`ContextType`] and its [`Context`] implementation.
macro_rules! context_types {
    ($($(#[$doc:meta])* $field:ident: $context:ident,)*) => {
        /// The contexts of a process: exactly one of each type. A clone attaches one more process.
        #[derive(Clone, Debug)]
        pub struct ContextSet {
            $($(#[$doc])* pub $field: Attachment<$context>,)*
        }

        /// What a process's next successful exec attaches. A clone fills one more slot of each context.
        #[derive(Clone, Debug, Default)]
        pub struct PendingSlots {
            $($(#[$doc])* pub $field: Option<Pending<$context>>,)*
        }

        impl ContextSet {
            /// The id of the context of one type.
            pub fn id_of(&self, context_type: ContextType) -> u64 {
                match context_type {
                    $($context::TYPE => self.$field.context().life().id(),)*
                }
            }
        }

        impl PendingSlots {
            /// Whether no exec would change anything.
            pub fn is_empty(&self) -> bool {
                $(self.$field.is_none())&&*
            }

            /// Empties the slot of one type and gives what it held, to be dropped without a lock.
            pub fn take(&mut self, context_type: ContextType) -> PendingSlots {
                let mut taken = PendingSlots::default();
                match context_type {
                    $($context::TYPE => taken.$field = self.$field.take(),)*
                }
                taken
            }
        }

        $(impl InSet for $context {
            fn attachment(set: &mut ContextSet) -> &mut Attachment<Self> {
                &mut set.$field
            }

            fn slot(slots: &mut PendingSlots) -> &mut Option<Pending<Self>> {
                &mut slots.$field
            }
        })*

        /// Opens a descriptor of the given type, before creation.
        pub(super) fn describe(context_type: ContextType, flags: OpenFlags) -> Box<dyn ContextDescriptor> {
            match context_type {
                $($context::TYPE => Box::new(Descriptor::<$context>::described(flags)),)*
            }
        }

        /// Opens a descriptor of an existing context; `ESRCH` when no context of the type has the id.
        pub(super) fn reopen(context_type: ContextType, id: u64) -> Result<Box<dyn ContextDescriptor>> {
            Ok(match context_type {
                $($context::TYPE => Box::new(Descriptor::<$context>::of($context::registry().find(id)?)),)*
            })
        }

        /// What every living context reports, type by type.
        ///
        /// # Errors
        /// `ENOMEM`.
        pub fn all_infos() -> Result<Vec<ContextInfo>> {
            let mut infos = Vec::new();
            $(
                let contexts = $context::registry().all()?;
                infos.make_room(contexts.len())?;
                infos.extend(contexts.iter().map(|context| context.life().info($context::TYPE)));
            )*
            Ok(infos)
        }

        impl Prepared {
            /// Makes every replacement that was prepared.
            pub(super) fn attach_all(&self, process: &Arc<Process>) -> Result<()> {
                $(if let Some(pending) = &self.slots.$field {
                    transition::attach(process, pending.context())?;
                })*
                Ok(())
            }

            /// Checks what can be checked before: `EAGAIN` for a list that can't be joined any more.
            pub(super) fn check(&self) -> Result<()> {
                $(if let Some(pending) = &self.slots.$field {
                    pending.context().admit()?;
                })*
                Ok(())
            }
        }
    };
}

context_types! {
    /// Which processes are seen, and their numbers.
    process_list: ProcessList,
    /// The file tree.
    vfs_root: VfsRootContext,
    /// What `uname` reports.
    hostname: HostnameContext,
}
