//! What the kernel and userland share: the numbers of the context calls, their flags, the ioctls of a
//! context descriptor with their structures, and the jail.
//!
//! The kernel uses the constants and structures alone. User programs turn on the feature `user` (or
//! `std`), which adds the module `user` with safe wrappers of the calls.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code, missing_docs)]

#[cfg(feature = "user")]
extern crate alloc;

pub mod call;
pub mod context;
pub mod ioctl;
pub mod jail;
#[cfg(all(
    feature = "user",
    target_os = "linux",
    any(target_arch = "aarch64", target_arch = "x86_64")
))]
pub mod user;
