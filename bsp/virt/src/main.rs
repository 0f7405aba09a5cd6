//! Kernel binary for QEMU's virt board.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod board;

/// The kernel runs on the bare machine; on a host there is nothing to do.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("gantry_virt is a kernel: build it for aarch64-unknown-none-softfloat");
    std::process::exit(1);
}
