//! Serial ports, and which of them is the console.

mod choice;
mod mini;
mod pl011;

pub use choice::start;
pub use mini::MiniUart;
pub use pl011::Pl011;

/// Takes all that a port has received and hands it on, some bytes at a time.
fn receive(mut next: impl FnMut() -> Option<u8>) {
    let mut bytes = [0; 32];
    loop {
        let mut length = 0;
        for slot in &mut bytes {
            let Some(byte) = next() else { break };
            *slot = byte;
            length += 1;
        }
        if length == 0 {
            return;
        }
        hal::console::received(&bytes[..length]);
    }
}
