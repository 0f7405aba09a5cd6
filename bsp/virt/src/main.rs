//! Kernel binary for the virt board.
#![no_std]
#![no_main]
