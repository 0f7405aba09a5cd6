//! The lines in which output and exit status cross the console: the byte 0x1e, a letter, base64 text, a newline. Whoever
//! reads the console can tell them from what the kernel says there. They are within a command to an application (ESC _, up
//! to ESC \), which no terminal shows.
use std::fs::File;
use std::io::Write;

const MARK: u8 = 0x1e;
/// What hides a frame from a terminal, around it.
const START: [u8; 2] = *b"\x1b_";
const END: [u8; 2] = *b"\x1b\\";
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes frames to the console.
pub struct Frames {
    console: File,
    /// Output is to be seen there, too.
    shown: bool,
}

impl Frames {
    pub fn new(console: File, shown: bool) -> Self {
        Self { console, shown }
    }

    /// Sends a piece of output.
    pub fn output(&mut self, data: &[u8]) {
        if self.shown {
            // As in `send`.
            let _ = self.console.write_all(data);
        }
        self.send(b'O', data);
    }

    /// Sends the exit status and waits until it is out.
    pub fn status(&mut self, status: u8) {
        self.send(b'E', status.to_string().as_bytes());
        // The console may be no terminal; then there is nothing to wait for.
        let _ = rustix::termios::tcdrain(&self.console);
    }

    fn send(&mut self, kind: u8, data: &[u8]) {
        // Nobody is left to tell when the console fails.
        let _ = self.console.write_all(&encode(kind, data));
    }
}

fn encode(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(7 + data.len().div_ceil(3) * 4);
    frame.extend(START);
    frame.extend([MARK, kind]);
    for group in data.chunks(3) {
        let mut bytes = [0; 4];
        bytes[1..=group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes(bytes);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            frame.push(if place <= group.len() { digit } else { b'=' });
        }
    }
    frame.push(b'\n');
    frame.extend(END);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_base64() {
        for (data, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(
                encode(b'O', data.as_bytes()),
                format!("\x1b_\x1eO{text}\n\x1b\\").as_bytes()
            );
        }
    }
}
