//! Telling a command's output from everything else on the serial console.
//!
//! In a run with a command, init writes what the command prints as frames: the byte 0x1e, a letter, base64 text, a newline.
//! `O` carries output, `E` the exit status in decimal. All else, such as the kernel's log, is between frames, so the output
//! stays exact whatever the kernel says meanwhile and however the terminal treats line ends. A frame is hidden from
//! terminals by ESC _ before it and ESC \ behind it.

/// The byte a frame starts with.
const MARK: u8 = 0x1e;
/// What is around a frame.
const START: &[u8] = b"\x1b_";
const END: &[u8] = b"\x1b\\";
/// More than a frame of init ever holds; longer ones are damaged.
const FRAME_LIMIT: usize = 64 << 10;
/// How much of the log is kept, from its end.
const LOG_LIMIT: usize = 256 << 10;

/// Takes the console's bytes apart.
#[derive(Default)]
pub struct Console {
    frame: Option<Vec<u8>>,
    log: Vec<u8>,
    line: Vec<u8>,
    /// The exit status, once it was seen.
    pub status: Option<u8>,
    /// Whether the kernel said that it gave up.
    pub panicked: bool,
    /// Whether a frame was unreadable.
    pub damaged: bool,
}

impl Console {
    /// Takes the next bytes of the console and returns the output that they complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        for &byte in bytes {
            match (&mut self.frame, byte) {
                (_, MARK) => {
                    self.frame = Some(Vec::new());
                    if self.line.ends_with(START) {
                        self.line.truncate(self.line.len() - START.len());
                    }
                }
                (Some(_), b'\n') => {
                    let frame = self.frame.take().unwrap_or_default();
                    self.complete(&frame, &mut output);
                }
                (Some(frame), _) if frame.len() < FRAME_LIMIT => frame.push(byte),
                (Some(_), _) => {
                    self.frame = None;
                    self.damaged = true;
                }
                (None, _) => self.log_byte(byte),
            }
        }
        output
    }

    /// What was on the console beside the output.
    pub fn into_log(mut self) -> Vec<u8> {
        self.log.append(&mut self.line);
        self.log
    }

    fn complete(&mut self, frame: &[u8], output: &mut Vec<u8>) {
        let text = frame.strip_suffix(b"\r").unwrap_or(frame);
        let Some((kind, text)) = text.split_first() else {
            self.damaged = true;
            return;
        };
        match (kind, decode(text)) {
            (b'O', Some(mut data)) => output.append(&mut data),
            (b'E', Some(data)) => match std::str::from_utf8(&data)
                .ok()
                .and_then(|text| text.parse().ok())
            {
                Some(status) => self.status = Some(status),
                None => self.damaged = true,
            },
            _ => self.damaged = true,
        }
    }

    fn log_byte(&mut self, byte: u8) {
        if byte != b'\r' {
            self.line.push(byte);
        }
        if self.line.ends_with(END) {
            self.line.truncate(self.line.len() - END.len());
        }
        if byte == b'\n' {
            let text = String::from_utf8_lossy(&self.line);
            self.panicked |= is_panic(&text);
            self.log.append(&mut self.line);
            if self.log.len() > LOG_LIMIT {
                self.log.drain(..LOG_LIMIT / 2);
            }
        }
    }
}

/// Whether a line of the log is the one with which a kernel gives up: ours or Linux's.
fn is_panic(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.contains("kernel panic")
}

/// Decodes base64 (RFC 4648, with padding).
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut data = Vec::with_capacity(text.len() / 4 * 3);
    for (index, group) in text.chunks_exact(4).enumerate() {
        let is_last = (index + 1) * 4 == text.len();
        let padding = group.iter().rev().take_while(|&&byte| byte == b'=').count();
        if padding > 2 || (padding > 0 && !is_last) {
            return None;
        }
        let mut bits = 0u32;
        for &byte in &group[..4 - padding] {
            bits = bits << 6 | u32::from(digit(byte)?);
        }
        bits <<= 6 * padding;
        data.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(data)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_base64() {
        for (text, data) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmE=", "fooba"),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(data.as_bytes()));
        }
        for bad in ["Z", "Zg=a", "Zg==Zg==", "====", "Zm9*"] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn takes_output_and_status_out_of_the_log() {
        let mut console = Console::default();
        let text = b"[0.1] booting\r\n\x1b_\x1eOaGkK\r\n\x1b\\[0.2] a call is missing\r\n\x1eOAP8=\n\x1b_\x1eENDI=\r\n\x1b\\[0.3] down\r\n";
        let mut output = Vec::new();
        for byte in text {
            output.extend(console.feed(&[*byte]));
        }
        assert_eq!(output, b"hi\n\0\xff");
        assert_eq!(
            (console.status, console.damaged, console.panicked),
            (Some(42), false, false)
        );
        assert_eq!(
            console.into_log(),
            b"[0.1] booting\n[0.2] a call is missing\n[0.3] down\n"
        );
    }

    #[test]
    fn a_frame_may_follow_an_unfinished_line_of_the_log() {
        let mut console = Console::default();
        assert_eq!(console.feed(b"no newline\x1eOaGkK\n"), b"hi\n");
        assert_eq!(console.into_log(), b"no newline");
    }

    #[test]
    fn a_panic_is_seen_only_in_the_log() {
        let mut console = Console::default();
        // "kernel panic\n" as output
        console.feed(b"\x1eOa2VybmVsIHBhbmljCg==\n");
        assert!(!console.panicked);
        console.feed(b"[ 1.0] Kernel panic - not syncing: no init\r\n");
        assert!(console.panicked);
    }

    #[test]
    fn damage_is_noticed() {
        for bad in [
            b"\x1eOaG[kK\n".as_slice(),
            b"\x1e\n",
            b"\x1eEeA==\n",
            b"\x1eXaGkK\n",
        ] {
            let mut console = Console::default();
            assert!(console.feed(bad).is_empty());
            assert!(console.damaged);
        }
    }
}
