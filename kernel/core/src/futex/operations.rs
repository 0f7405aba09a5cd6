//! Waiting, waking and requeueing.

use super::key::Key;
use super::table;
use crate::errno::{Errno, Result};
use crate::sched::{self, Interruption};
use crate::task::Current;
use crate::task::thread::Restart;
use hal::user::{self, UserAddr};

/// A wait on a word.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    pub address: u64,
    /// What the word must still be.
    pub value: u32,
    pub mask: u32,
    pub private: bool,
    /// When to give up, ns since boot.
    pub deadline: Option<u64>,
}

/// Sleeps until the word is woken.
///
/// # Errors
/// `EAGAIN` when the word isn't the value any more; `ETIMEDOUT`; `EFAULT`; `EINVAL`; an internal code when a signal
/// comes first.
pub fn wait(current: &Current, wait: Wait) -> Result<()> {
    if wait.mask == 0 {
        return Err(Errno::EINVAL);
    }
    let key = Key::of(current, wait.address, wait.private)?;
    let thread = current.arc();
    loop {
        // Brings the page in, so that the look under the lock needs no sleep.
        if user::load_u32(UserAddr(wait.address))? != wait.value {
            return Err(Errno::EAGAIN);
        }
        let entered = table::enter(thread.clone(), key, wait.mask, || {
            match user::load_u32(UserAddr(wait.address)) {
                Ok(value) if value == wait.value => Ok(()),
                Ok(_) => Err(Errno::EAGAIN),
                Err(_) => Err(Errno::EFAULT),
            }
        });
        match entered {
            Ok(()) => break,
            // The page went away in between.
            Err(Errno::EFAULT) => {}
            Err(error) => return Err(error),
        }
    }
    let awake = || thread.futex_place().is_awake().then_some(());
    let slept = sched::sleep(current, awake, wait.deadline, Interruption::Signal);
    if matches!(slept, Ok(Some(()))) || !table::leave(&thread) {
        return Ok(());
    }
    match slept {
        Ok(_) => Err(Errno::ETIMEDOUT),
        Err(Errno::RESTART_SYSCALL) => Err(match wait.deadline {
            None => Errno::RESTART_SYSCALL,
            Some(deadline) => current.set_restart(Restart::Futex {
                address: wait.address,
                value: wait.value,
                mask: wait.mask,
                private: wait.private,
                deadline,
            }),
        }),
        Err(error) => Err(error),
    }
}

/// Wakes up to `limit` threads that wait on the word at `address`, with one of the bits of `mask`.
///
/// # Errors
/// `EINVAL` for a bad address or an empty mask.
pub fn wake(
    current: &Current,
    address: u64,
    private: bool,
    limit: usize,
    mask: u32,
) -> Result<usize> {
    if mask == 0 {
        return Err(Errno::EINVAL);
    }
    Ok(table::wake(
        &Key::of(current, address, private)?,
        limit,
        mask,
    ))
}

/// Wakes those who wait on a word that the kernel itself changed.
pub fn wake_at(current: &Current, address: u64, limit: usize) {
    if let Ok(key) = Key::of(current, address, false) {
        table::wake(&key, limit, u32::MAX);
    }
}

/// Wakes some that wait on one word, and moves others to another.
///
/// # Errors
/// `EAGAIN` when `expected` is given and the first word is something else; `EFAULT`; `EINVAL`; `ENOMEM`.
pub fn requeue(
    current: &Current,
    addresses: (u64, u64),
    private: bool,
    limits: (usize, usize),
    expected: Option<u32>,
) -> Result<usize> {
    let from = Key::of(current, addresses.0, private)?;
    let to = Key::of(current, addresses.1, private)?;
    loop {
        if let Some(expected) = expected
            && user::load_u32(UserAddr(addresses.0))? != expected
        {
            return Err(Errno::EAGAIN);
        }
        let check =
            || match expected.map(|expected| (expected, user::load_u32(UserAddr(addresses.0)))) {
                Some((expected, Ok(value))) if value != expected => Err(Errno::EAGAIN),
                Some((_, Err(_))) => Err(Errno::EFAULT),
                _ => Ok(()),
            };
        match table::requeue(&from, &to, limits.0, limits.1, check) {
            Ok((woken, moved)) => return Ok(woken + moved),
            Err(Errno::EFAULT) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The operation and comparison of FUTEX_WAKE_OP, as encoded in its last argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordOperation {
    operation: u32,
    comparison: u32,
    operand: u32,
    compared: i32,
}

impl WordOperation {
    /// Decodes it.
    ///
    /// # Errors
    /// `ENOSYS` for an operation that doesn't exist.
    pub fn decode(encoded: u32) -> Result<Self> {
        let signed = |shift: u32| (encoded << (20 - shift)) as i32 >> 20;
        let operation = encoded >> 28 & 7;
        let comparison = encoded >> 24 & 15;
        if operation > 4 || comparison > 5 {
            return Err(Errno::ENOSYS);
        }
        let operand = signed(12) as u32;
        let operand = if encoded >> 31 != 0 {
            1u32.wrapping_shl(operand & 31)
        } else {
            operand
        };
        Ok(Self {
            operation,
            comparison,
            operand,
            compared: signed(0),
        })
    }

    /// The word after it.
    pub fn apply(self, word: u32) -> u32 {
        match self.operation {
            0 => self.operand,
            1 => word.wrapping_add(self.operand),
            2 => word | self.operand,
            3 => word & !self.operand,
            _ => word ^ self.operand,
        }
    }

    /// Whether the word before it says to wake on the second address too.
    pub fn holds(self, word: u32) -> bool {
        let word = word as i32;
        match self.comparison {
            0 => word == self.compared,
            1 => word != self.compared,
            2 => word < self.compared,
            3 => word <= self.compared,
            4 => word > self.compared,
            _ => word >= self.compared,
        }
    }
}

/// Changes the second word, wakes on the first, and on the second if the old word says so.
///
/// # Errors
/// `EFAULT`, `EINVAL`.
pub fn wake_operation(
    current: &Current,
    addresses: (u64, u64),
    private: bool,
    limits: (usize, usize),
    operation: WordOperation,
) -> Result<usize> {
    let first = Key::of(current, addresses.0, private)?;
    let second = Key::of(current, addresses.1, private)?;
    loop {
        // Brings the page in for writing, so that the change under the lock needs no sleep.
        user::fetch_op_u32(UserAddr(addresses.1), |word| word)?;
        let change =
            || match user::fetch_op_u32(UserAddr(addresses.1), |word| operation.apply(word)) {
                Ok(old) => Ok(operation.holds(old)),
                Err(_) => Err(Errno::EFAULT),
            };
        match table::wake_both(&first, &second, limits.0, limits.1, change) {
            Err(Errno::EFAULT) => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(operation: u32, comparison: u32, operand: u32, compared: u32) -> u32 {
        (operation & 15) << 28
            | (comparison & 15) << 24
            | (operand & 0xfff) << 12
            | (compared & 0xfff)
    }

    #[test]
    fn word_operations_are_linuxs() {
        let add = WordOperation::decode(encode(1, 4, 0xfff, 1)).unwrap();
        assert_eq!(add.apply(5), 4, "the operand is signed");
        assert!(add.holds(2) && !add.holds(1));
        let set_bit = WordOperation::decode(encode(2 | 8, 0, 4, 0xffe)).unwrap();
        assert_eq!(set_bit.apply(1), 17, "bit 3 of the operation shifts");
        assert!(set_bit.holds(-2i32 as u32));
        assert_eq!(
            WordOperation::decode(encode(5, 0, 0, 0)),
            Err(Errno::ENOSYS)
        );
        assert_eq!(
            WordOperation::decode(encode(0, 6, 0, 0)),
            Err(Errno::ENOSYS)
        );
    }
}
