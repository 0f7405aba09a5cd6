//! Kernel stacks.

/// On the host a task has no stack of its own.
#[cfg(not(target_os = "none"))]
pub struct Stack;

#[cfg(target_os = "none")]
pub struct Stack {
    top: usize,
}

#[cfg(target_os = "none")]
impl Stack {
    pub(super) fn allocate() -> Result<Self, super::OutOfMemory> {
        Err(super::OutOfMemory)
    }

    /// The address just above the stack; aligned to 16 bytes.
    pub(super) fn top(&self) -> usize {
        self.top
    }
}
