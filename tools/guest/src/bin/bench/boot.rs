//! What it took to get to the first program.
use gantry_abi::user::measure::{counter, counter_frequency};
use rustix::system::{RebootCommand, reboot, sysinfo};
use std::process::ExitCode;

/// Prints the time since the machine started, in nanoseconds, and the free memory in KiB; then ends the machine.
pub fn report() -> ExitCode {
    let count = counter();
    let memory = sysinfo();
    let frequency = counter_frequency().max(1);
    let time = u128::from(count) * 1_000_000_000 / u128::from(frequency);
    println!("row boot {time}");
    println!(
        "free-memory {}",
        memory.freeram as u64 * u64::from(memory.mem_unit) / 1024
    );
    if let Err(error) = reboot(RebootCommand::PowerOff) {
        eprintln!("bench: cannot end the machine: {error}");
    }
    ExitCode::FAILURE
}
