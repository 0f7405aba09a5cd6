//! The verbs, a file each: options, examples, and the call that does it.

pub mod attach;
pub mod completion;
pub mod create;
pub mod delete;
pub mod events;
pub mod exec;
pub mod features;
pub mod image;
pub mod info;
pub mod kill;
pub mod launch;
pub mod list;
pub mod logs;
pub mod pause;
pub mod ps;
pub mod resume;
pub mod run;
pub mod source;
pub mod spec;
pub mod start;
pub mod state;
pub mod update;
pub mod wait;
