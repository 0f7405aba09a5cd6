//! Output processing: what becomes of each written byte (`OPOST` and its flags, termios(3)).

use super::termios::{OutputFlags, Termios};

/// Where the cursor stands, for tabs and for erasing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    column: usize,
}

/// The longest that one byte becomes: a tab of eight spaces.
pub const LONGEST_EXPANSION: usize = 8;

const SPACES: [u8; LONGEST_EXPANSION] = [b' '; LONGEST_EXPANSION];

impl Output {
    /// The column of the cursor, from 0.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Hands `bytes`, processed, to `emit` in as few pieces as possible, as long as they fit into `room`
    /// bytes. Returns how many of `bytes` were used.
    pub fn process(&mut self, settings: &Termios, bytes: &[u8], room: usize, mut emit: impl FnMut(&[u8])) -> usize {
        if !settings.has_output(OutputFlags::OPOST) {
            let count = bytes.len().min(room);
            let (now, _) = bytes.split_at(count);
            emit(now);
            return count;
        }
        let mut room = room;
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let plain = rest.iter().position(|&byte| is_special(settings, byte)).unwrap_or(rest.len());
            if plain > 0 {
                let (run, _) = rest.split_at(plain.min(room));
                emit(run);
                self.column += columns(run);
                room -= run.len();
                used += run.len();
                if run.len() < plain {
                    break;
                }
                continue;
            }
            let Some(&byte) = rest.first() else { break };
            let mut column = self.column;
            let expansion = expand(settings, byte, &mut column);
            if expansion.len() > room {
                break;
            }
            emit(expansion);
            room -= expansion.len();
            self.column = column;
            used += 1;
        }
        used
    }
}

/// Columns that a run of plain bytes takes: bytes inside a UTF-8 character take none.
fn columns(run: &[u8]) -> usize {
    run.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

fn is_special(settings: &Termios, byte: u8) -> bool {
    byte < b' ' || byte == 0x7f || (byte.is_ascii_lowercase() && settings.has_output(OutputFlags::OLCUC))
}

fn expand(settings: &Termios, byte: u8, column: &mut usize) -> &'static [u8] {
    let flag = |flag| settings.has_output(flag);
    match byte {
        b'\n' if flag(OutputFlags::ONLCR) => {
            *column = 0;
            b"\r\n"
        }
        b'\n' => {
            if flag(OutputFlags::ONLRET) {
                *column = 0;
            }
            b"\n"
        }
        b'\r' if flag(OutputFlags::ONOCR) && *column == 0 => b"",
        b'\r' if flag(OutputFlags::OCRNL) => {
            if flag(OutputFlags::ONLRET) {
                *column = 0;
            }
            b"\n"
        }
        b'\r' => {
            *column = 0;
            b"\r"
        }
        b'\t' => {
            let width = 8 - *column % 8;
            *column += width;
            if flag(OutputFlags::XTABS) { &SPACES[..width] } else { b"\t" }
        }
        b'\x08' => {
            *column = column.saturating_sub(1);
            b"\x08"
        }
        byte => {
            if byte.is_ascii_lowercase() {
                *column += 1;
            }
            let shown = byte.to_ascii_uppercase() as usize;
            &ASCII[shown..=shown]
        }
    }
}

/// Each ASCII byte by itself, to hand out as a slice.
static ASCII: [u8; 128] = {
    let mut bytes = [0; 128];
    let mut byte = 0;
    while byte < 128 {
        bytes[byte] = byte as u8;
        byte += 1;
    }
    bytes
};

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn processed(flags: OutputFlags, bytes: &[u8], room: usize) -> (Vec<u8>, usize, usize) {
        let settings = Termios {
            output: flags.bits(),
            ..Termios::default()
        };
        let mut output = Output::default();
        let mut shown = Vec::new();
        let used = output.process(&settings, bytes, room, |piece| shown.extend_from_slice(piece));
        (shown, used, output.column())
    }

    const COOKED: OutputFlags = OutputFlags::OPOST.union(OutputFlags::ONLCR);

    #[test]
    fn newlines_return_the_carriage() {
        assert_eq!(processed(COOKED, b"a\nb\n", 99), (b"a\r\nb\r\n".to_vec(), 4, 0));
        assert_eq!(processed(OutputFlags::OPOST, b"a\nb", 99), (b"a\nb".to_vec(), 3, 2));
        assert_eq!(processed(OutputFlags::empty(), b"a\nb", 99).0, b"a\nb");
    }

    #[test]
    fn a_byte_is_used_only_if_all_of_it_fits() {
        assert_eq!(processed(COOKED, b"abc\nd", 4), (b"abc".to_vec(), 3, 3));
        assert_eq!(processed(COOKED, b"abc\nd", 2), (b"ab".to_vec(), 2, 2));
        assert_eq!(processed(COOKED, b"abc", 0).1, 0);
    }

    #[test]
    fn tabs_and_case() {
        let expanding = OutputFlags::OPOST | OutputFlags::XTABS;
        assert_eq!(processed(expanding, b"ab\tc", 99), (b"ab      c".to_vec(), 4, 9));
        assert_eq!(processed(COOKED, b"ab\tc", 99).2, 9);
        assert_eq!(processed(OutputFlags::OPOST | OutputFlags::OLCUC, b"aBc", 99), (b"ABC".to_vec(), 3, 3));
        assert_eq!(processed(COOKED, "\u{20ac}".as_bytes(), 99).2, 1);
    }
}
