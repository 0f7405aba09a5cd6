//! The lines in which output and exit status cross the console: the byte 0x1e, a letter, base64 text, a newline. Whoever
//! reads the console can tell them from what the kernel says there.
use std::fs::File;
use std::io::Write;

const MARK: u8 = 0x1e;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes frames to the console.
pub struct Frames(File);

impl Frames {
    pub fn new(console: File) -> Self {
        Self(console)
    }

    /// Sends a piece of output.
    pub fn output(&mut self, data: &[u8]) {
        self.send(b'O', data);
    }

    /// Sends the exit status and waits until it is out.
    pub fn status(&mut self, status: u8) {
        self.send(b'E', status.to_string().as_bytes());
        // The console may be no terminal; then there is nothing to wait for.
        let _ = rustix::termios::tcdrain(&self.0);
    }

    fn send(&mut self, kind: u8, data: &[u8]) {
        // Nobody is left to tell when the console fails.
        let _ = self.0.write_all(&encode(kind, data));
    }
}

fn encode(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(3 + data.len().div_ceil(3) * 4);
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
                format!("\x1eO{text}\n").as_bytes()
            );
        }
    }
}
