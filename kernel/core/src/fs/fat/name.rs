//! Rules of names: UTF-8 here, UTF-16 on the volume beside a short name of eight and three characters, and the same entry
//! whatever the case.

use crate::{Errno, Result};
use hadris_fat_raw::{LongEntry, ShortEntry, fold_unicode, lfn, name, short_name};
use hadris_fs::{CodePage, Cp437};

/// Most units of a name.
const UNITS: usize = lfn::MAX_UNITS;
/// Longest name that can be shown and found: more bytes a path can't have between two slashes.
pub const LONGEST: usize = crate::vfs::name::NAME_MAX;
/// Slots of the longest name, the short entry's among them.
pub const MOST_SLOTS: usize = lfn::MAX_ENTRIES + 1;

/// A name without the dots at its end, which no name has.
pub fn kept(name: &[u8]) -> &[u8] {
    let dots = name.iter().rev().take_while(|&&byte| byte == b'.').count();
    name.get(..name.len() - dots).unwrap_or(&[])
}

/// UTF-16 units of a name as they are compared: upper case.
pub struct Folded {
    units: [u16; UNITS],
    length: usize,
}

impl Folded {
    /// A name that is looked for; `None` for what can't be one.
    pub fn new(name: &[u8]) -> Option<Self> {
        let name = core::str::from_utf8(kept(name)).ok()?;
        Self::of(name.encode_utf16()).filter(|folded| folded.length > 0)
    }

    fn of(units: impl Iterator<Item = u16>) -> Option<Self> {
        let mut folded = Self {
            units: [0; UNITS],
            length: 0,
        };
        for unit in units {
            *folded.units.get_mut(folded.length)? = fold_unicode(unit);
            folded.length += 1;
        }
        Some(folded)
    }

    /// Whether this is the name of an entry, the long or the short one.
    pub fn is(&self, long: Option<&[u16]>, short: &ShortEntry) -> bool {
        let units = self.units.get(..self.length).unwrap_or(&[]);
        let is = |other: &mut dyn Iterator<Item = u16>| {
            units.iter().copied().eq(other.map(fold_unicode))
        };
        long.is_some_and(|long| is(&mut long.iter().copied()))
            || is(&mut Shown::short(short).as_str().encode_utf16())
    }
}

/// A name as programs see it.
pub struct Shown {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Shown {
    /// The name of an entry: the long one, unless it has none or more bytes than a name in a path may have.
    pub fn new(long: Option<&[u16]>, short: &ShortEntry) -> Self {
        if let Some(units) = long.filter(|units| !units.is_empty()) {
            let mut bytes = [0; LONGEST];
            let text = name::utf16_to_utf8(units.iter().copied(), &mut bytes);
            // A name from elsewhere may hold what can't be in a path.
            if let Some(length) = text
                && is_usable(bytes.get(..length).unwrap_or(&[]))
            {
                return Self { bytes, length };
            }
        }
        Self::short(short)
    }

    /// A name that an entry is made under, which is no longer than one in a path.
    pub fn of(name: &[u8]) -> Self {
        let mut bytes = [0; LONGEST];
        let name = kept(name);
        for (place, &byte) in bytes.iter_mut().zip(name) {
            *place = byte;
        }
        Self {
            bytes,
            length: name.len().min(LONGEST),
        }
    }

    fn short(short: &ShortEntry) -> Self {
        let mut text = [0; short_name::DISPLAY_MAX];
        let decode = |byte| Cp437.decode(byte);
        let length = short_name::display(&short.name(), short.nt_case(), decode, &mut text);
        let mut bytes = [0; LONGEST];
        for (place, &byte) in bytes.iter_mut().zip(text.iter().take(length)) {
            *place = byte;
        }
        if !is_usable(bytes.get(..length).unwrap_or(&[])) {
            let is_bad = |byte: &u8| matches!(byte, 0 | b'/' | b'.');
            for place in bytes.iter_mut().take(length.max(1)) {
                *place = if is_bad(place) { b'_' } else { *place };
            }
        }
        Self {
            bytes,
            length: length.max(1),
        }
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// Whether it is the name of a program, for `showexec`.
    pub fn is_executable(&self) -> bool {
        let tail = self
            .length
            .checked_sub(4)
            .and_then(|start| self.as_bytes().get(start..));
        tail.is_some_and(|tail| {
            [b".exe", b".com", b".bat"]
                .iter()
                .any(|known| tail.eq_ignore_ascii_case(*known))
        })
    }
}

/// Whether a path can have this name in it.
fn is_usable(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.iter().any(|&byte| matches!(byte, 0 | b'/'))
}

/// A name that an entry is to get.
pub struct NewName<'n> {
    text: &'n str,
    /// The short name, if it says all.
    only_short: Option<[u8; 11]>,
}

impl<'n> NewName<'n> {
    /// Checks a name.
    ///
    /// # Errors
    /// `EINVAL` for characters that no name may have, a space at the end, and what isn't UTF-8; `ENAMETOOLONG`.
    pub fn new(name: &'n [u8]) -> Result<Self> {
        let text = core::str::from_utf8(kept(name)).map_err(|_| Errno::EINVAL)?;
        if text.encode_utf16().count() > UNITS {
            return Err(Errno::ENAMETOOLONG);
        }
        if !short_name::is_valid_long_name(text) || text.ends_with(' ') {
            return Err(Errno::EINVAL);
        }
        let is_upper = short_name::case_bits(text) == Some(0);
        let only_short = is_upper.then(|| generate(text, 0)).flatten();
        Ok(Self { text, only_short })
    }

    /// Slots that the entry takes.
    pub fn slots(&self) -> usize {
        match self.only_short {
            Some(_) => 1,
            None => lfn::Encoded::new(self.text).map_or(1, |long| long.entries() + 1),
        }
    }

    /// The short name to be tried in turn `attempt`, counted from 0; `None` when there are no more.
    pub fn short(&self, attempt: u8) -> Option<[u8; 11]> {
        if let Some(short) = self.only_short {
            return (attempt == 0).then_some(short);
        }
        // One that differs from the long name in its case only needs no number.
        let plain = generate(self.text, 0).filter(|plain| {
            let shown = Shown::short(&ShortEntry::new(*plain, 0));
            shown.as_str().eq_ignore_ascii_case(self.text)
        });
        match plain {
            Some(plain) if attempt == 0 => Some(plain),
            Some(_) => generate(self.text, attempt),
            None => generate(self.text, attempt.checked_add(1)?),
        }
    }

    /// The slot at `index` of the entry whose last is `short`.
    pub fn slot(&self, index: usize, short: &ShortEntry) -> [u8; 32] {
        match lfn::Encoded::new(self.text) {
            Some(long) if index + 1 < self.slots() => {
                let (sequence, units) = long.entry(index);
                LongEntry::new(sequence, short.lfn_checksum(), &units).encode()
            }
            _ => short.encode(),
        }
    }
}

fn generate(text: &str, suffix: u8) -> Option<[u8; 11]> {
    let encode = |character: char| {
        let upper = u16::try_from(u32::from(character)).map(fold_unicode);
        let upper = upper.ok().and_then(|unit| char::from_u32(unit.into()));
        Cp437.encode(upper.unwrap_or(character))
    };
    let mut name = short_name::generate(text, suffix, encode)?;
    short_name::to_disk(&mut name);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hadris_fat_raw::Slot;

    #[test]
    fn names_are_checked_as_on_windows() {
        for name in [
            &b"a:b"[..],
            b"a*",
            b"q?",
            b"tail ",
            b"...",
            b"tab\t",
            b"\xff",
            b"a\\b",
            b"<",
            b"",
        ] {
            assert_eq!(NewName::new(name).err(), Some(Errno::EINVAL), "{name:?}");
        }
        for name in ["a.b.c", " lead", "dots..", "é", "+,;=[]", &"x".repeat(255)] {
            assert!(NewName::new(name.as_bytes()).is_ok(), "{name}");
        }
    }

    #[test]
    fn short_names_say_all_only_in_upper_case() {
        let slots = |name: &str| NewName::new(name.as_bytes()).unwrap().slots();
        assert_eq!(slots("README.TXT"), 1);
        assert_eq!(slots("readme.txt"), 2);
        assert_eq!(slots("A"), 1);
        assert_eq!(slots(&"x".repeat(14)), 3);
        assert_eq!(slots(&"x".repeat(255)), 21);
    }

    #[test]
    fn short_names_get_numbers_when_something_is_lost() {
        let short = |name: &str, attempt| NewName::new(name.as_bytes()).unwrap().short(attempt);
        assert_eq!(short("ReadMe.txt", 0), Some(*b"README  TXT"));
        assert_eq!(short("ReadMe.txt", 1), Some(*b"README~1TXT"));
        assert_eq!(short("a long name.text", 0), Some(*b"ALONGN~1TEX"));
        assert_eq!(short("a+b", 0), Some(*b"A_B~1      "));
        assert_eq!(short("README.TXT", 1), None);
    }

    #[test]
    fn both_names_are_found_whatever_their_case() {
        let name = NewName::new("Grüße.text".as_bytes()).unwrap();
        let short = ShortEntry::new(name.short(0).unwrap(), 0);
        let Slot::Long(long) = Slot::parse(&name.slot(0, &short)) else {
            panic!("no long name");
        };
        let (units, length) = long.units();
        let long = &units[..length];
        for spelling in ["grÜSSE.TEXT", "gRüße.teXT", "GRÜßE.text..", "grüsse~1.tex"] {
            let found = Folded::new(spelling.as_bytes())
                .unwrap()
                .is(Some(long), &short);
            let shown = Shown::new(None, &short);
            let is_short = shown.as_str().to_lowercase() == spelling.to_lowercase();
            let is_long = spelling.to_lowercase().trim_end_matches('.') == "grüße.text";
            assert_eq!(found, is_long || is_short, "{spelling} {}", shown.as_str());
        }
        assert_eq!(
            Shown::new(Some(long), &short).as_bytes(),
            "Grüße.text".as_bytes()
        );
    }
}
