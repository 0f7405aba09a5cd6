//! Calls about the machine as a whole.
