//! The kernel log.
