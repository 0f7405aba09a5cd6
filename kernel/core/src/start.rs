//! From the boot information to the first user program.
