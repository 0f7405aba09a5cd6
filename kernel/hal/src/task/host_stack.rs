//! On the host a task has no kernel stack of its own.

/// No stack.
pub struct Stack;
