//! What is free on a volume, and taking and freeing it.
//!
//! # Locks
//! A group's lock, which sleeps, is taken inside a handle of the journal and inside an inode's locks, and no second one
//! with it.

mod bitmap;
mod blocks;
mod groups;
mod inodes;
mod reservation;

pub use blocks::Claim;
pub use groups::Groups;
