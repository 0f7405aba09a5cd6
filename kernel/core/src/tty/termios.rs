//! Terminal settings as Linux lays them out (asm-generic/termbits.h; termios(3)).

use bitflags::bitflags;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

bitflags! {
    /// `c_iflag`: what is done with received bytes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct InputFlags: u32 {
        const IGNBRK = 0o1;
        const BRKINT = 0o2;
        const IGNPAR = 0o4;
        const PARMRK = 0o10;
        const INPCK = 0o20;
        const ISTRIP = 0o40;
        const INLCR = 0o100;
        const IGNCR = 0o200;
        const ICRNL = 0o400;
        const IUCLC = 0o1000;
        const IXON = 0o2000;
        const IXANY = 0o4000;
        const IXOFF = 0o10000;
        const IMAXBEL = 0o20000;
        const IUTF8 = 0o40000;
        const _ = !0;
    }

    /// `c_oflag`: what is done with written bytes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OutputFlags: u32 {
        const OPOST = 0o1;
        const OLCUC = 0o2;
        const ONLCR = 0o4;
        const OCRNL = 0o10;
        const ONOCR = 0o20;
        const ONLRET = 0o40;
        /// `TABDLY` with all its bits set: tabs become spaces (`XTABS`).
        const XTABS = 0o14000;
        const _ = !0;
    }

    /// `c_lflag`: line editing, echo and signals.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct LocalFlags: u32 {
        const ISIG = 0o1;
        const ICANON = 0o2;
        const ECHO = 0o10;
        const ECHOE = 0o20;
        const ECHOK = 0o40;
        const ECHONL = 0o100;
        const NOFLSH = 0o200;
        const TOSTOP = 0o400;
        const ECHOCTL = 0o1000;
        const ECHOPRT = 0o2000;
        const ECHOKE = 0o4000;
        const IEXTEN = 0o100000;
        const _ = !0;
    }
}

/// The value of a control character that is switched off.
pub const DISABLED: u8 = 0;

/// Places of the control characters in `c_cc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Control {
    Interrupt = 0,
    Quit = 1,
    Erase = 2,
    Kill = 3,
    EndOfFile = 4,
    Time = 5,
    Minimum = 6,
    Start = 8,
    Stop = 9,
    Suspend = 10,
    EndOfLine = 11,
    Reprint = 12,
    WordErase = 14,
    LiteralNext = 15,
    EndOfLine2 = 16,
}

/// `struct termios` of the arm64 kernel interface (`TCGETS`), 36 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Termios {
    /// [`InputFlags`].
    pub input: u32,
    /// [`OutputFlags`].
    pub output: u32,
    /// Line speed and framing: kept and reported, as for any line without a modem.
    pub control: u32,
    /// [`LocalFlags`].
    pub local: u32,
    /// Number of the line discipline: 0.
    pub line: u8,
    /// The control characters, at the places of [`Control`].
    pub characters: [u8; 19],
}

/// `struct termios2` (`TCGETS2`): the same with the speeds as numbers, 44 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Termios2 {
    /// The settings.
    pub base: Termios,
    /// Bits per second in.
    pub input_speed: u32,
    /// Bits per second out.
    pub output_speed: u32,
}

/// `B38400 | CS8 | CREAD | HUPCL`, what Linux starts a terminal with.
const DEFAULT_CONTROL: u32 = 0o17 | 0o60 | 0o200 | 0o2000;

impl Default for Termios {
    /// What Linux starts a terminal with (`tty_std_termios`).
    fn default() -> Self {
        let input = InputFlags::ICRNL | InputFlags::IXON;
        let output = OutputFlags::OPOST | OutputFlags::ONLCR;
        let local = LocalFlags::ISIG
            | LocalFlags::ICANON
            | LocalFlags::ECHO
            | LocalFlags::ECHOE
            | LocalFlags::ECHOK
            | LocalFlags::ECHOCTL
            | LocalFlags::ECHOKE
            | LocalFlags::IEXTEN;
        Termios {
            input: input.bits(),
            output: output.bits(),
            control: DEFAULT_CONTROL,
            local: local.bits(),
            line: 0,
            // ^C ^\ DEL ^U ^D, time 0, minimum 1, (switch), ^Q ^S ^Z, eol, ^R ^O ^W ^V, eol2
            characters: [
                0o3, 0o34, 0o177, 0o25, 0o4, 0, 1, 0, 0o21, 0o23, 0o32, 0, 0o22, 0o17, 0o27, 0o26,
                0, 0, 0,
            ],
        }
    }
}

impl Termios {
    /// Whether an input flag is set.
    pub fn has_input(&self, flag: InputFlags) -> bool {
        self.input & flag.bits() == flag.bits()
    }

    /// Whether an output flag is set.
    pub fn has_output(&self, flag: OutputFlags) -> bool {
        self.output & flag.bits() == flag.bits()
    }

    /// Whether a local flag is set.
    pub fn has_local(&self, flag: LocalFlags) -> bool {
        self.local & flag.bits() == flag.bits()
    }

    /// A control character.
    pub fn character(&self, control: Control) -> u8 {
        self.characters[control as usize]
    }

    /// Whether `byte` is this control character, and it isn't switched off.
    pub fn is(&self, byte: u8, control: Control) -> bool {
        byte != DISABLED && self.character(control) == byte
    }

    /// Bits per second of the speed in `c_cflag`; 0 for a number that names none.
    pub fn speed(&self) -> u32 {
        const SLOW: [u32; 16] = [
            0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
        ];
        const FAST: [u32; 15] = [
            57_600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000,
            1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000,
        ];
        let index = (self.control & 0o17) as usize;
        if self.control & 0o10000 == 0 {
            SLOW[index]
        } else {
            index
                .checked_sub(1)
                .and_then(|index| FAST.get(index))
                .copied()
                .unwrap_or(0)
        }
    }
}

/// `struct winsize`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct WindowSize {
    pub rows: u16,
    pub columns: u16,
    pub width_in_pixels: u16,
    pub height_in_pixels: u16,
}
