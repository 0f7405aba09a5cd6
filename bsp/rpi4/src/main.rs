//! Kernel binary for the rpi4 board.
#![no_std]
#![no_main]
