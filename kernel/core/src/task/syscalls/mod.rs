//! The system calls on processes and threads.

pub mod capabilities;
pub mod create;
pub mod groups;
pub mod identity;
pub mod life;
pub mod limits;
pub mod namespaces;
pub mod personality;
pub mod prctl;
pub mod process_descriptor;
pub mod usage;
pub mod users;
pub mod wait;
