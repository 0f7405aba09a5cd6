//! What several of the programs use.
#![forbid(unsafe_code)]

pub mod image_layout;
