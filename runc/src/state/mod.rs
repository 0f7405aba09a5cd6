//! What there is of containers: a folder each below the root directory, and the monitor that owns it.
//!
//! A folder holds what a container *was made as* ([`Record`], a copy of its configuration), how it ended
//! ([`Exit`]), its output and its monitor's socket. What it *is* at the moment is never written down: the
//! monitor is asked, and a monitor that is gone has taken its container with it.
//!
//! The lock of a container's folder belongs to its monitor, from before the container exists until after it
//! has ended; the kernel releases it with the monitor, however that ends. The lock of the root directory is
//! held while folders appear and disappear, and shared while somebody looks whether a folder has an owner.

mod exit;
mod record;
mod status;
mod store;

pub use exit::Exit;
pub use record::Record;
pub use status::{Now, Status, find};
pub use store::{CONFIGURATION, EXIT, Found, RECORD, SOCKET, Store};
