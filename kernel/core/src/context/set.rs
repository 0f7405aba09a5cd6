//! What a process holds of contexts: one of each type, and one slot of each type for its next exec.

use alloc::sync::Arc;

use gantry_abi::context::ContextType;

use super::life::{Attachment, Pending};
use super::{Context, HostnameContext, ProcessList, VfsRootContext};

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

impl ContextSet {
    /// The list whose numbers the process uses.
    pub fn list(&self) -> Arc<ProcessList> {
        Arc::clone(self.process_list.context())
    }
}
