//! Program execution: ELF images, scripts, the initial user stack.
