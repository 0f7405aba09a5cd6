//! The verbs, a file each: options, examples, and the call that does it.

pub mod image;
pub mod run;
pub mod source;
