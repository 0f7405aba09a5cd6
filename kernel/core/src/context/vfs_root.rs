//! VFS root contexts: a root directory and a private mount table.

use gantry_abi::context::ContextType;

use super::{Context, Life, Registry};

/// A VFS root context.
pub struct VfsRootContext {
    life: Life,
}

static REGISTRY: Registry<VfsRootContext> = Registry::new();

impl Context for VfsRootContext {
    const TYPE: ContextType = ContextType::VfsRoot;

    fn life(&self) -> &Life {
        &self.life
    }

    fn registry() -> &'static Registry<Self> {
        &REGISTRY
    }

    fn destroy(&self) {}
}
