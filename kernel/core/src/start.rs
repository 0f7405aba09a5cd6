//! From the boot information to the first user program.

use hal::sync::Once;

static COMMAND_LINE: Once<&'static [u8]> = Once::new();

/// The kernel's command line; empty before the start.
pub fn command_line() -> &'static [u8] {
    COMMAND_LINE.get().copied().unwrap_or_default()
}
