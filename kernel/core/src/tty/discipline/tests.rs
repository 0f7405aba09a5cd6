//! The discipline's behaviour, byte by byte, as a user at a Linux terminal sees it.

use super::*;
use crate::tty::termios::OutputFlags;
use alloc::{string::String, vec, vec::Vec};

struct Terminal {
    discipline: Discipline,
    effects: Effects,
}

impl Terminal {
    fn new() -> Self {
        Terminal {
            discipline: Discipline::new().unwrap(),
            effects: Effects::default(),
        }
    }

    fn with(change: impl FnOnce(&mut Termios)) -> Self {
        let mut terminal = Terminal::new();
        let mut settings = *terminal.discipline.termios();
        change(&mut settings);
        terminal.discipline.set_termios(settings);
        terminal
    }

    fn raw() -> Self {
        Terminal::with(|settings| {
            settings.input = 0;
            settings.local = 0;
            settings.output &= !OutputFlags::OPOST.bits();
        })
    }

    fn type_in(&mut self, bytes: &[u8]) -> &mut Self {
        for &byte in bytes {
            let line = self
                .effects
                .echo
                .rsplit(|&byte| byte == b'\n')
                .next()
                .unwrap_or_default();
            let column = line.len();
            self.discipline.receive(byte, column, &mut self.effects);
        }
        self
    }

    fn read(&mut self) -> Option<Vec<u8>> {
        let mut target = [0; 64];
        let part = self.discipline.read(&mut target)?;
        Some(target[..part.count].to_vec())
    }

    fn echoed(&mut self) -> String {
        String::from_utf8(core::mem::take(&mut self.effects.echo).into_vec()).unwrap()
    }
}

#[test]
fn a_line_is_readable_when_it_ends() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"ls");
    assert_eq!(terminal.read(), None);
    assert!(!terminal.effects.readable);
    terminal.type_in(b"\r");
    assert!(terminal.effects.readable);
    assert_eq!(terminal.echoed(), "ls\n");
    assert_eq!(terminal.read().unwrap(), b"ls\n");
    assert_eq!(terminal.read(), None);
}

#[test]
fn lines_are_read_one_by_one_and_in_parts() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"one\ntwo\n");
    let mut two = [0; 2];
    assert_eq!(
        terminal.discipline.read(&mut two),
        Some(LinePart {
            count: 2,
            is_end: false
        })
    );
    assert_eq!(&two, b"on");
    assert_eq!(terminal.read().unwrap(), b"e\n");
    assert_eq!(terminal.read().unwrap(), b"two\n");
}

#[test]
fn erase_takes_characters_off_line_and_screen() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"lx\x7fs\x7f\x7f\x7fa\n");
    assert_eq!(terminal.read().unwrap(), b"a\n");
    assert_eq!(terminal.echoed(), "lx\x08 \x08s\x08 \x08\x08 \x08a\n");
}

#[test]
fn erasing_a_control_character_takes_two_columns() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"\x01\x7f");
    assert_eq!(terminal.echoed(), "^A\x08 \x08\x08 \x08");
}

#[test]
fn erasing_a_tab_steps_back_to_where_it_began() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"abc\t\x7f");
    assert_eq!(terminal.echoed(), "abc\t\x08\x08\x08\x08\x08");
}

#[test]
fn utf8_characters_are_erased_whole() {
    let mut terminal = Terminal::with(|settings| settings.input |= InputFlags::IUTF8.bits());
    terminal
        .type_in("a\u{e9}\u{20ac}".as_bytes())
        .type_in(b"\x7f\x7f\n");
    assert_eq!(terminal.read().unwrap(), b"a\n");
    assert_eq!(terminal.echoed(), "a\u{e9}\u{20ac}\x08 \x08\x08 \x08\n");
}

#[test]
fn word_and_line_erase() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"echo two words \x17!\n");
    assert_eq!(terminal.read().unwrap(), b"echo two !\n");
    terminal.type_in(b"gone\x15kept\n");
    assert_eq!(terminal.read().unwrap(), b"kept\n");
    let mut paper = Terminal::with(|settings| settings.local &= !LocalFlags::ECHOKE.bits());
    paper.type_in(b"ab\x15");
    assert_eq!(paper.echoed(), "ab^U\n");
}

#[test]
fn erase_never_reaches_into_a_finished_line() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"done\n\x7f\x15\x17");
    assert_eq!(terminal.read().unwrap(), b"done\n");
}

#[test]
fn end_of_file_ends_the_line_without_being_read() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"ab\x04");
    assert_eq!(terminal.read().unwrap(), b"ab");
    assert_eq!(terminal.read(), None);
    terminal.type_in(b"\x04");
    assert_eq!(terminal.read().unwrap(), b"");
    terminal.type_in(b"cd\x04");
    let mut two = [0; 2];
    assert_eq!(
        terminal.discipline.read(&mut two),
        Some(LinePart {
            count: 2,
            is_end: true
        })
    );
    assert_eq!(
        terminal.read(),
        None,
        "the mark behind an exact read is used up"
    );
}

#[test]
fn keyboard_signals_flush_unless_told_otherwise() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"half a li\x03");
    assert_eq!(terminal.effects.signal, Some(KeyboardSignal::Interrupt));
    assert!(terminal.effects.flush_output);
    assert_eq!(terminal.echoed(), "^C");
    terminal.type_in(b"\n");
    assert_eq!(terminal.read().unwrap(), b"\n");
    let mut keeping = Terminal::with(|settings| settings.local |= LocalFlags::NOFLSH.bits());
    keeping.type_in(b"x\x1ay\n");
    assert_eq!(keeping.effects.signal, Some(KeyboardSignal::Suspend));
    assert_eq!(keeping.read().unwrap(), b"xy\n");
}

#[test]
fn without_isig_the_characters_are_input() {
    let mut terminal = Terminal::with(|settings| settings.local &= !LocalFlags::ISIG.bits());
    terminal.type_in(b"\x03\n");
    assert_eq!(terminal.effects.signal, None);
    assert_eq!(terminal.read().unwrap(), b"\x03\n");
}

#[test]
fn a_switched_off_character_matches_nothing() {
    let mut terminal = Terminal::with(|settings| {
        settings.characters[Control::Interrupt as usize] = DISABLED_FOR_TEST
    });
    terminal.type_in(b"\0\n");
    assert_eq!(terminal.effects.signal, None);
    assert_eq!(terminal.read().unwrap(), b"\0\n");
}

const DISABLED_FOR_TEST: u8 = crate::tty::termios::DISABLED;

#[test]
fn flow_control_stops_and_starts() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"\x13");
    assert_eq!(terminal.effects.output, Some(Flow::Stop));
    terminal.type_in(b"\x11");
    assert_eq!(terminal.effects.output, Some(Flow::Start));
    let mut any = Terminal::with(|settings| settings.input |= InputFlags::IXANY.bits());
    any.type_in(b"\x13a\n");
    assert_eq!(any.effects.output, Some(Flow::Start));
    assert_eq!(any.read().unwrap(), b"a\n");
}

#[test]
fn literal_next_takes_the_meaning_away() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"\x16\x03\x16\x7f\n");
    assert_eq!(terminal.effects.signal, None);
    assert_eq!(terminal.read().unwrap(), b"\x03\x7f\n");
    assert_eq!(terminal.echoed(), "^\x08^C^\x08^?\n");
}

#[test]
fn reprint_shows_the_line_again() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"abc\x12");
    assert_eq!(terminal.echoed(), "abc^R\nabc");
}

#[test]
fn raw_mode_hands_bytes_through() {
    let mut terminal = Terminal::raw();
    terminal.type_in(b"\x03\r\x7f");
    assert_eq!(terminal.read().unwrap(), b"\x03\r\x7f");
    assert_eq!(terminal.echoed(), "");
    assert_eq!(terminal.read(), None);
}

#[test]
fn leaving_canonical_mode_makes_the_unfinished_line_readable() {
    let mut terminal = Terminal::new();
    terminal.type_in(b"one\ntw");
    let mut settings = *terminal.discipline.termios();
    settings.local &= !LocalFlags::ICANON.bits();
    terminal.discipline.set_termios(settings);
    assert_eq!(terminal.read().unwrap(), b"one\ntw");
    terminal.type_in(b"x");
    settings.local |= LocalFlags::ICANON.bits();
    terminal.discipline.set_termios(settings);
    assert_eq!(terminal.read().unwrap(), b"x");
    terminal.type_in(b"y\n");
    assert_eq!(terminal.read().unwrap(), b"y\n");
}

#[test]
fn a_full_line_can_still_be_ended() {
    let mut terminal = Terminal::new();
    for _ in 0..5000 {
        terminal.discipline.receive(b'a', 0, &mut terminal.effects);
    }
    terminal.discipline.receive(b'\n', 0, &mut terminal.effects);
    let mut target = vec![0; 8192];
    assert_eq!(
        terminal.discipline.read(&mut target),
        Some(LinePart {
            count: 4096,
            is_end: true
        })
    );
    assert_eq!(target[4095], b'\n');
}

#[test]
fn echo_off_shows_nothing_but_the_newline_that_echonl_wants() {
    let mut terminal = Terminal::with(|settings| {
        settings.local &= !LocalFlags::ECHO.bits();
        settings.local |= LocalFlags::ECHONL.bits();
    });
    terminal.type_in(b"secret\x7f\n");
    assert_eq!(terminal.echoed(), "\n");
}

#[test]
fn random_input_keeps_reads_within_what_was_typed() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for _ in 0..50 {
        let mut terminal = Terminal::new();
        for _ in 0..3000 {
            match next() % 8 {
                0 => {
                    let mut target = vec![0; (next() % 40) as usize];
                    let readable = terminal.discipline.readable();
                    let read = terminal
                        .discipline
                        .read(&mut target)
                        .map_or(0, |part| part.count);
                    assert!(read <= readable.min(target.len()));
                    assert!(terminal.discipline.readable() <= readable);
                }
                1 => {
                    let mut settings = *terminal.discipline.termios();
                    settings.local ^= LocalFlags::ICANON.bits();
                    terminal.discipline.set_termios(settings);
                }
                _ => {
                    terminal.discipline.receive(
                        next() as u8,
                        (next() % 200) as usize,
                        &mut terminal.effects,
                    );
                    terminal.effects.echo.clear();
                }
            }
            assert!(terminal.discipline.readable() <= super::super::input_buffer::CAPACITY);
        }
    }
}
