//! Linux's error numbers, and the internal codes that ask for a system call to be restarted.
//!
//! Numbers are those of `linux_raw_sys::errno`; the internal codes are those of Linux's
//! `include/linux/errno.h` and never reach userland: signal delivery turns them into a restart or `EINTR`.

use core::fmt;

/// A Linux error number. Values 1 to 4095; 512 to 516 are internal to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Errno(u16);

/// The result of everything that can fail with an error number.
pub type Result<T> = core::result::Result<T, Errno>;

macro_rules! errno_constants {
    ($($name:ident,)*) => {
        impl Errno {
            $(
                #[doc = concat!("Linux's `", stringify!($name), "`.")]
                pub const $name: Errno = Errno(linux_raw_sys::errno::$name as u16);
            )*

            /// The symbolic name, if this is a number that userland can see.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Errno::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

errno_constants! {
    EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES,
    EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY,
    ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS, EMLINK, EPIPE, EDOM, ERANGE, EDEADLK, ENAMETOOLONG,
    ENOLCK, ENOSYS, ENOTEMPTY, ELOOP, ENOMSG, EIDRM, ECHRNG, EL2NSYNC, EL3HLT, EL3RST, ELNRNG,
    EUNATCH, ENOCSI, EL2HLT, EBADE, EBADR, EXFULL, ENOANO, EBADRQC, EBADSLT, EBFONT, ENOSTR,
    ENODATA, ETIME, ENOSR, ENONET, ENOPKG, EREMOTE, ENOLINK, EADV, ESRMNT, ECOMM, EPROTO, EMULTIHOP,
    EDOTDOT, EBADMSG, EOVERFLOW, ENOTUNIQ, EBADFD, EREMCHG, ELIBACC, ELIBBAD, ELIBSCN, ELIBMAX,
    ELIBEXEC, EILSEQ, ERESTART, ESTRPIPE, EUSERS, ENOTSOCK, EDESTADDRREQ, EMSGSIZE, EPROTOTYPE,
    ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, EPFNOSUPPORT, EAFNOSUPPORT,
    EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ENETRESET, ECONNABORTED, ECONNRESET, ENOBUFS,
    EISCONN, ENOTCONN, ESHUTDOWN, ETOOMANYREFS, ETIMEDOUT, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH,
    EALREADY, EINPROGRESS, ESTALE, EUCLEAN, ENOTNAM, ENAVAIL, EISNAM, EREMOTEIO, EDQUOT, ENOMEDIUM,
    EMEDIUMTYPE, ECANCELED, ENOKEY, EKEYEXPIRED, EKEYREVOKED, EKEYREJECTED, EOWNERDEAD,
    ENOTRECOVERABLE, ERFKILL, EHWPOISON,
}

impl Errno {
    /// The same number as [`Errno::EAGAIN`].
    pub const EWOULDBLOCK: Errno = Errno::EAGAIN;

    /// A signal interrupted the call: restart it if the handler has `SA_RESTART`, or if there is no handler (`ERESTARTSYS`).
    pub const RESTART_SYSCALL: Errno = Errno(512);
    /// A signal interrupted the call: always restart it (`ERESTARTNOINTR`).
    pub const RESTART_NO_INTERRUPT: Errno = Errno(513);
    /// A signal interrupted the call: restart it only if no handler runs (`ERESTARTNOHAND`).
    pub const RESTART_NO_HANDLER: Errno = Errno(514);
    /// A signal interrupted the call: resume it through `restart_syscall` if no handler runs (`ERESTART_RESTARTBLOCK`).
    pub const RESTART_BLOCK: Errno = Errno(516);

    /// The error with a number that [`Self::number`] gave.
    pub(crate) const fn from_number(number: u16) -> Self {
        Errno(number)
    }

    /// The number itself.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What a system call returns in x0 for this error: the negated number.
    pub const fn as_return_value(self) -> u64 {
        (-(self.0 as i64)) as u64
    }

    /// Whether this is one of the internal codes that signal delivery resolves.
    pub const fn is_restart(self) -> bool {
        matches!(self.0, 512..=516)
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "Errno({})", self.0),
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}

impl From<hal::user::Fault> for Errno {
    /// An address that a program gave wasn't its own.
    fn from(_: hal::user::Fault) -> Self {
        Errno::EFAULT
    }
}

impl From<hal::frame::OutOfMemory> for Errno {
    fn from(_: hal::frame::OutOfMemory) -> Self {
        Errno::ENOMEM
    }
}
