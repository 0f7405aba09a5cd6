//! pselect6(2): descriptors as bit sets.

use alloc::vec::Vec;

use hal::user::{self, UserAddr};
use zerocopy::IntoBytes;

use super::syscalls::{deadline_from_user, write_remaining};
use super::temporary_mask::TemporaryMask;
use super::wait_for;
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::{PollEvents, PollRegistration};

/// Readable, as select means it (POLLIN_SET of Linux's fs/select.c).
const READ: PollEvents = PollEvents::IN
    .union(PollEvents::HANG_UP)
    .union(PollEvents::ERROR);
/// Writable.
const WRITE: PollEvents = PollEvents::OUT.union(PollEvents::ERROR);
/// Exceptional.
const EXCEPT: PollEvents = PollEvents::PRIORITY;

/// One of the three sets: where userland has it, and its words.
struct Set {
    address: UserAddr,
    meaning: PollEvents,
    wanted: Vec<u64>,
    found: Vec<u64>,
}

impl Set {
    fn read(address: u64, meaning: PollEvents, words: usize) -> Result<Set> {
        let mut set = Set {
            address: UserAddr(address),
            meaning,
            wanted: Vec::new(),
            found: Vec::new(),
        };
        if address != 0 {
            set.wanted.make_room_exact(words)?;
            set.found.make_room_exact(words)?;
            set.wanted.resize(words, 0);
            set.found.resize(words, 0);
            user::copy_from_user(set.wanted.as_mut_slice().as_mut_bytes(), set.address)?;
        }
        Ok(set)
    }

    fn word(&self, index: usize) -> u64 {
        self.wanted.get(index).copied().unwrap_or(0)
    }
}

/// pselect6(2).
pub fn pselect6(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let count = usize::try_from(arguments.int(0)).map_err(|_| Errno::EINVAL)?;
    // What is beyond the descriptor table isn't looked at, as on Linux.
    let count = count.min(current.files().capacity());
    let words = count.div_ceil(64);
    let mut sets = [
        Set::read(arguments.u64(1), READ, words)?,
        Set::read(arguments.u64(2), WRITE, words)?,
        Set::read(arguments.u64(3), EXCEPT, words)?,
    ];
    let time = UserAddr(arguments.u64(4));
    let deadline = deadline_from_user(time)?;
    // The sixth argument points to the mask and its size.
    let (mask, size) = match arguments.u64(5) {
        0 => (0, 0),
        pair => (
            user::read_value::<u64>(UserAddr(pair))?,
            user::read_value::<u64>(UserAddr(pair.wrapping_add(8)))?,
        ),
    };
    let mask = TemporaryMask::set(current, mask, size as usize)?;
    let found = wait_for(deadline, |registration| {
        let ready = look(current, &mut sets, count, registration)?;
        Ok((ready > 0).then_some(ready))
    });
    mask.end(current, &found);
    write_remaining(time, deadline);
    let ready = match found {
        Ok(ready) => ready.unwrap_or(0),
        Err(error) if error.is_restart() => return Err(Errno::RESTART_NO_HANDLER),
        Err(error) => return Err(error),
    };
    for set in &sets {
        if set.address.0 != 0 {
            user::copy_to_user(set.address, set.found.as_slice().as_bytes())?;
        }
    }
    Ok(ready)
}

/// Looks at every descriptor in a set once; returns how many bits are set in the answers.
///
/// # Errors
/// EBADF: a descriptor isn't open.
fn look(
    current: &Current,
    sets: &mut [Set; 3],
    count: usize,
    mut registration: Option<&mut PollRegistration>,
) -> Result<usize> {
    let mut ready = 0;
    for word in 0..count.div_ceil(64) {
        let used = if (word + 1) * 64 <= count {
            u64::MAX
        } else {
            (1 << (count % 64)) - 1
        };
        let mut bits = sets.iter().fold(0, |all, set| all | set.word(word)) & used;
        for set in sets.iter_mut() {
            if let Some(found) = set.found.get_mut(word) {
                *found = 0;
            }
        }
        while bits != 0 {
            let bit = bits.trailing_zeros();
            bits &= bits - 1;
            let file = current.file((word * 64) as i32 + bit as i32)?;
            let events = file.poll(registration.as_deref_mut());
            for set in sets.iter_mut() {
                let reported = set.word(word) & (1 << bit) != 0 && events.intersects(set.meaning);
                if reported && let Some(found) = set.found.get_mut(word) {
                    *found |= 1 << bit;
                    ready += 1;
                }
            }
        }
    }
    Ok(ready)
}
