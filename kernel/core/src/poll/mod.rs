//! Waiting on several files at once.
