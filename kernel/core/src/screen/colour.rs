//! How text looks: what SGR parameters ask for (console_codes(4)), and the colours that come of it.

use vte::{Params, ParamsIter};

/// The sixteen colours of a Linux console, as 0xrrggbb.
const PALETTE: [u32; 16] = [
    0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa, 0x555555,
    0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
];
/// What text has that asks for nothing.
const FOREGROUND: u8 = 7;
const BACKGROUND: u8 = 0;
/// From a colour to its bright one.
const BRIGHT: u8 = 8;

/// The colour of text or of what is behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ink {
    Default,
    /// One of the sixteen.
    Palette(u8),
    /// 0xrrggbb.
    Direct(u32),
}

/// How text that comes next looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    foreground: Ink,
    background: Ink,
    bold: bool,
    dim: bool,
    inverse: bool,
    pub underlined: bool,
}

impl Style {
    pub const PLAIN: Self = Self {
        foreground: Ink::Default,
        background: Ink::Default,
        bold: false,
        dim: false,
        inverse: false,
        underlined: false,
    };

    /// Foreground and background of text, as 0xrrggbb.
    pub fn colours(&self) -> (u32, u32) {
        let (foreground, background) = (self.text_colour(), self.blank_colour());
        if self.inverse {
            (background, foreground)
        } else {
            (foreground, background)
        }
    }

    /// The background of what is erased: as Linux, without regard to inversion.
    pub fn blank_colour(&self) -> u32 {
        colour(self.background, BACKGROUND)
    }

    /// Bold text is bright, as on Linux's console; dim text has half the light.
    fn text_colour(&self) -> u32 {
        let ink = match self.foreground {
            Ink::Default if self.bold => Ink::Palette(FOREGROUND + BRIGHT),
            Ink::Palette(index) if self.bold && index < BRIGHT => Ink::Palette(index + BRIGHT),
            ink => ink,
        };
        let colour = colour(ink, FOREGROUND);
        if self.dim {
            colour >> 1 & 0x7f7f7f
        } else {
            colour
        }
    }

    /// Follows the parameters of an SGR sequence; those that are unknown change nothing.
    pub fn select(&mut self, parameters: &Params) {
        let mut parameters = parameters.iter();
        while let Some(parameter) = parameters.next() {
            match *parameter.first().unwrap_or(&0) {
                0 => *self = Self::PLAIN,
                1 => self.bold = true,
                2 => self.dim = true,
                4 => self.underlined = parameter.get(1) != Some(&0),
                7 => self.inverse = true,
                // As in Linux, a double underline is an underline.
                21 => self.underlined = true,
                22 => (self.bold, self.dim) = (false, false),
                24 => self.underlined = false,
                27 => self.inverse = false,
                code @ 30..=37 => self.foreground = Ink::Palette((code - 30) as u8),
                38 => {
                    self.foreground = chosen(parameter, &mut parameters).unwrap_or(self.foreground)
                }
                39 => self.foreground = Ink::Default,
                code @ 40..=47 => self.background = Ink::Palette((code - 40) as u8),
                48 => {
                    self.background = chosen(parameter, &mut parameters).unwrap_or(self.background)
                }
                49 => self.background = Ink::Default,
                code @ 90..=97 => self.foreground = Ink::Palette((code - 90) as u8 + BRIGHT),
                code @ 100..=107 => self.background = Ink::Palette((code - 100) as u8 + BRIGHT),
                _ => {}
            }
        }
    }
}

fn colour(ink: Ink, default: u8) -> u32 {
    match ink {
        Ink::Default => palette(default),
        Ink::Palette(index) => palette(index),
        Ink::Direct(colour) => colour,
    }
}

fn palette(index: u8) -> u32 {
    PALETTE.get(usize::from(index)).copied().unwrap_or(0)
}

/// The colour that follows 38 or 48: `5` and an index, or `2` and three parts; behind colons, or as further parameters.
fn chosen(parameter: &[u16], further: &mut ParamsIter<'_>) -> Option<Ink> {
    if let [_, kind, rest @ ..] = parameter {
        return match (kind, rest) {
            (5, [index, ..]) => indexed(*index),
            (2, [red, green, blue]) | (2, [_, red, green, blue, ..]) => direct(*red, *green, *blue),
            _ => None,
        };
    }
    let mut next = || {
        further
            .next()
            .and_then(|parameter| parameter.first().copied())
    };
    match next()? {
        5 => indexed(next()?),
        2 => direct(next()?, next()?, next()?),
        _ => None,
    }
}

fn direct(red: u16, green: u16, blue: u16) -> Option<Ink> {
    let part = |value| u8::try_from(value).ok().map(u32::from);
    Some(Ink::Direct(
        part(red)? << 16 | part(green)? << 8 | part(blue)?,
    ))
}

/// One of 256: the sixteen, a cube of six levels of each part, and greys.
fn indexed(index: u16) -> Option<Ink> {
    let index = u8::try_from(index).ok()?;
    Some(match index {
        0..16 => Ink::Palette(index),
        16..232 => {
            let level = |part: u8| match part % 6 {
                0 => 0,
                step => 55 + 40 * u32::from(step),
            };
            let cube = index - 16;
            Ink::Direct(level(cube / 36) << 16 | level(cube / 6) << 8 | level(cube))
        }
        232.. => Ink::Direct((8 + 10 * u32::from(index - 232)) * 0x01_01_01),
    })
}
