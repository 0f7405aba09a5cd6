//! The verbs, a file each: options, examples, and the call that does it.

pub mod attach;
pub mod create;
pub mod delete;
pub mod events;
pub mod exec;
pub mod image;
pub mod kill;
pub mod launch;
pub mod list;
pub mod logs;
pub mod pause;
pub mod ps;
pub mod resume;
pub mod run;
pub mod source;
pub mod start;
pub mod state;
pub mod update;
pub mod wait;
