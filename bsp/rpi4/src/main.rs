//! Kernel binary for the Raspberry Pi 4.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod board;

/// The kernel runs on the bare machine; on a host there is nothing to do.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("gantry_rpi4 is a kernel: build it for aarch64-unknown-none-softfloat");
    std::process::exit(1);
}
