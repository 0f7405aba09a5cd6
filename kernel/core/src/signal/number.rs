//! The signals: numbers, sets, and what each does by default (signal(7)).

use core::fmt;

/// A signal's number, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Signal(u8);

/// What a process that says nothing else does with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    Terminate,
    Ignore,
    Stop,
    Continue,
}

macro_rules! signals {
    ($($name:ident = $number:literal,)*) => {
        impl Signal {
            $(
                #[doc = concat!("`", stringify!($name), "`.")]
                pub const $name: Signal = Signal($number);
            )*

            /// The name of a standard signal.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

signals! {
    SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGKILL = 9,
    SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12, SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGSTKFLT = 16, SIGCHLD = 17,
    SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22, SIGURG = 23, SIGXCPU = 24, SIGXFSZ = 25,
    SIGVTALRM = 26, SIGPROF = 27, SIGWINCH = 28, SIGIO = 29, SIGPWR = 30, SIGSYS = 31,
}

impl Signal {
    /// The first real-time signal; those from here on are queued each by itself.
    pub const FIRST_REAL_TIME: u8 = 32;
    /// The highest number.
    pub const LAST: u8 = 64;

    /// The signal with this number, if there is one.
    pub fn new(number: i32) -> Option<Self> {
        (1..=i32::from(Self::LAST))
            .contains(&number)
            .then_some(Signal(number as u8))
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether each one sent is queued.
    pub const fn is_real_time(self) -> bool {
        self.0 >= Self::FIRST_REAL_TIME
    }

    /// What happens if the process says nothing else.
    pub const fn default_action(self) -> DefaultAction {
        match self {
            Signal::SIGCHLD | Signal::SIGURG | Signal::SIGWINCH => DefaultAction::Ignore,
            Signal::SIGCONT => DefaultAction::Continue,
            Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU => {
                DefaultAction::Stop
            }
            _ => DefaultAction::Terminate,
        }
    }

    /// Whether no process can block, ignore or handle it.
    pub const fn is_unstoppable(self) -> bool {
        matches!(self, Signal::SIGKILL | Signal::SIGSTOP)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "SIGRT{}", self.0),
        }
    }
}

/// A set of signals; bit n-1 is signal n, as in a user's `sigset_t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// None.
    pub const EMPTY: SignalSet = SignalSet(0);
    /// Those that can't be blocked.
    pub const UNBLOCKABLE: SignalSet = SignalSet::of(&[Signal::SIGKILL, Signal::SIGSTOP]);
    /// Those that stop by default.
    pub const STOPPING: SignalSet = SignalSet::of(&[
        Signal::SIGSTOP,
        Signal::SIGTSTP,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
    ]);
    /// SIGCONT alone.
    pub const CONTINUE: SignalSet = SignalSet::of(&[Signal::SIGCONT]);
    /// Those an instruction of the program itself causes; they are delivered before all others.
    pub const SYNCHRONOUS: SignalSet = SignalSet::of(&[
        Signal::SIGSEGV,
        Signal::SIGBUS,
        Signal::SIGILL,
        Signal::SIGTRAP,
        Signal::SIGFPE,
        Signal::SIGSYS,
    ]);

    /// The set of these.
    pub const fn of(signals: &[Signal]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < signals.len() {
            bits |= 1 << (signals[index].0 - 1);
            index += 1;
        }
        SignalSet(bits)
    }

    /// Whether it has `signal`.
    #[inline]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 >> (signal.0 - 1) & 1 != 0
    }

    /// Adds `signal`.
    #[inline]
    pub fn insert(&mut self, signal: Signal) {
        self.0 |= 1 << (signal.0 - 1);
    }

    /// Takes `signal` out.
    #[inline]
    pub fn remove(&mut self, signal: Signal) {
        self.0 &= !(1 << (signal.0 - 1));
    }

    /// Both sets together.
    pub const fn union(self, other: Self) -> Self {
        SignalSet(self.0 | other.0)
    }

    /// What of it isn't in `other`.
    #[inline]
    pub const fn without(self, other: Self) -> Self {
        SignalSet(self.0 & !other.0)
    }

    /// What is in both.
    pub const fn intersection(self, other: Self) -> Self {
        SignalSet(self.0 & other.0)
    }

    /// Whether none is in it.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whatever a user gave, without those that can't be blocked.
    pub const fn blockable(self) -> Self {
        self.without(Self::UNBLOCKABLE)
    }

    /// The one to deliver first: those caused by the program itself, then by number.
    #[inline]
    pub fn first(self) -> Option<Signal> {
        let synchronous = self.intersection(Self::SYNCHRONOUS);
        let from = if synchronous.is_empty() {
            self
        } else {
            synchronous
        };
        (!from.is_empty()).then(|| Signal(from.0.trailing_zeros() as u8 + 1))
    }
}
