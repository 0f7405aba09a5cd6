//! Output processing: what becomes of each written byte (`OPOST` and its flags, termios(3)).

use super::termios::OutputFlags;

/// Where the cursor stands, for tabs and for erasing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    column: usize,
}

const SPACES: [u8; 8] = [b' '; 8];

impl Output {
    /// The column of the cursor, from 0.
    pub fn column(&self) -> usize {
        self.column
    }

    /// Hands `bytes`, processed, to `emit` in as few pieces as possible.
    pub fn process(&mut self, flags: OutputFlags, bytes: &[u8], mut emit: impl FnMut(&[u8])) {
        if !flags.contains(OutputFlags::OPOST) {
            emit(bytes);
            return;
        }
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            let plain = rest
                .iter()
                .position(|&byte| is_special(flags, byte))
                .unwrap_or(rest.len());
            if plain == 0 {
                emit(expand(flags, first, &mut self.column));
                (_, rest) = rest.split_at(1);
                continue;
            }
            let (run, later) = rest.split_at(plain);
            emit(run);
            self.column += columns(run);
            rest = later;
        }
    }
}

/// Columns that a run of plain bytes takes: bytes inside a UTF-8 character take none.
fn columns(run: &[u8]) -> usize {
    run.iter().filter(|&&byte| byte & 0xc0 != 0x80).count()
}

fn is_special(flags: OutputFlags, byte: u8) -> bool {
    byte < b' ' || byte == 0x7f || (byte.is_ascii_lowercase() && flags.contains(OutputFlags::OLCUC))
}

fn expand(flags: OutputFlags, byte: u8, column: &mut usize) -> &'static [u8] {
    let flag = |flag| flags.contains(flag);
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
            if flag(OutputFlags::XTABS) {
                &SPACES[..width]
            } else {
                b"\t"
            }
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

    fn processed(flags: OutputFlags, bytes: &[u8]) -> (Vec<u8>, usize) {
        let mut output = Output::default();
        let mut shown = Vec::new();
        output.process(flags, bytes, |piece| shown.extend_from_slice(piece));
        (shown, output.column())
    }

    const COOKED: OutputFlags = OutputFlags::OPOST.union(OutputFlags::ONLCR);

    #[test]
    fn newlines_return_the_carriage() {
        assert_eq!(processed(COOKED, b"a\nb\n"), (b"a\r\nb\r\n".to_vec(), 0));
        assert_eq!(
            processed(OutputFlags::OPOST, b"a\nb"),
            (b"a\nb".to_vec(), 2)
        );
        assert_eq!(processed(OutputFlags::empty(), b"a\nb").0, b"a\nb");
    }

    #[test]
    fn tabs_and_case() {
        let expanding = OutputFlags::OPOST | OutputFlags::XTABS;
        assert_eq!(processed(expanding, b"ab\tc"), (b"ab      c".to_vec(), 9));
        assert_eq!(processed(COOKED, b"ab\tc").1, 9);
        assert_eq!(
            processed(OutputFlags::OPOST | OutputFlags::OLCUC, b"aBc"),
            (b"ABC".to_vec(), 3)
        );
        assert_eq!(processed(COOKED, "\u{20ac}".as_bytes()).1, 1);
    }
}
