//! The host as a single CPU.

/// How many CPUs are up.
pub fn online() -> usize {
    1
}

/// Asks a CPU to look at its current task's flags; there is no other on the host.
pub fn send_reschedule(_cpu: usize) {}

/// Waits for an interrupt; on the host none comes, so it gives the processor away.
pub fn wait_for_interrupt() {
    std::thread::yield_now();
}

/// Ends the program.
pub fn power_off() -> ! {
    std::process::exit(0)
}

/// Ends the program.
pub fn reset() -> ! {
    std::process::exit(0)
}

/// Ends the program with a status.
pub fn exit(status: u32) -> ! {
    std::process::exit(status as i32)
}

/// Starts further CPUs; there are none on the host.
pub fn start_others(_limit: usize) -> usize {
    1
}

/// The auxiliary vector's AT_HWCAP and AT_HWCAP2: floating point and SIMD.
pub fn hardware_capabilities() -> (u64, u64) {
    (0b11, 0)
}

/// The simulation is no particular processor.
pub fn main_id() -> u64 {
    0
}
