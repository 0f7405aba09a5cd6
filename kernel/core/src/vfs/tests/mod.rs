//! Behaviour of the file layer as a whole, on a RAMFS.

mod contents;
mod descriptors;
mod locked_mounts;
mod mounts;
mod names;
mod races;
