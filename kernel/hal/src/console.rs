//! The console device: bytes out, and received bytes handed to the kernel.

use spin::Once;

/// A device that shows bytes. It may be called with interrupts masked and from a panic.
pub trait Console: Sync {
    /// Writes all of `bytes`, waiting for room; as they are, without translating newlines.
    fn write(&self, bytes: &[u8]);

    /// Lets input in, if the device has any: from now on it goes to the kernel.
    fn listen(&'static self) {}
}

/// A device that shows what the console shows, besides.
pub trait Mirror: Sync {
    /// Takes in what the console has written; called as [`Console::write`].
    fn write(&self, bytes: &[u8]);

    /// As `write`, in a panic: this CPU may hold any lock, and the others have stopped.
    fn write_last(&self, bytes: &[u8]);

    /// Shows at once what it has taken in; after `write_last`.
    fn show_last(&self);
}

static MIRROR: Once<&'static dyn Mirror> = Once::new();

/// Lets `mirror` show what the console shows from now on. The first one stays.
pub fn mirror(mirror: &'static dyn Mirror) {
    MIRROR.call_once(|| mirror);
}

/// Writes a panic's report to the console and its mirror.
#[cfg(target_os = "none")]
pub(crate) fn write_last(bytes: &[u8]) {
    if let Some(console) = CONSOLE.get() {
        console.write(bytes);
    }
    if let Some(mirror) = MIRROR.get() {
        mirror.write_last(bytes);
    }
}

/// Lets the mirror show a panic's report.
#[cfg(target_os = "none")]
pub(crate) fn show_last() {
    if let Some(mirror) = MIRROR.get() {
        mirror.show_last();
    }
}

static CONSOLE: Once<&'static dyn Console> = Once::new();

/// Makes `console` the console of the system. The first one stays.
pub fn register(console: &'static dyn Console) {
    CONSOLE.call_once(|| console);
}

/// What makes a console when there is none: see [`set_fallback`].
#[cfg(target_os = "none")]
static FALLBACK: Once<fn()> = Once::new();

/// Sets what registers a console of last resort, for a board whose device tree can't be read. It is called at most
/// once, when there is something to say and no console.
#[cfg(target_os = "none")]
pub fn set_fallback(start: fn()) {
    FALLBACK.call_once(|| start);
}

/// Makes sure that there is a console, for the last words.
#[cfg(target_os = "none")]
pub fn ensure() {
    if let (None, Some(start)) = (CONSOLE.get(), FALLBACK.get()) {
        start();
    }
}

/// Writes bytes to the console, if there is one, as they are.
pub fn write(bytes: &[u8]) {
    #[cfg(not(target_os = "none"))]
    if CONSOLE.get().is_none() {
        use std::io::Write;
        // A test's standard output that is gone is no concern of the code under test.
        let _ = std::io::stdout().write_all(bytes);
    }
    if let Some(console) = CONSOLE.get() {
        console.write(bytes);
    }
    if let Some(mirror) = MIRROR.get() {
        mirror.write(bytes);
    }
}

/// The kernel is ready for input. What came before waits in the device.
pub fn listen() {
    if let Some(console) = CONSOLE.get() {
        console.listen();
    }
}

/// Hands received bytes to the kernel. Called by drivers from their interrupt.
#[cfg(target_os = "none")]
pub fn received(bytes: &[u8]) {
    crate::entry::hooks::__gantry_console_input(bytes);
}
