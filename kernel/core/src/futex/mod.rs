//! Fast user-space locks: waiting on a word of user memory.
