//! Threads and what they wait on.
use crate::meter;
use gantry_abi::user::measure::start_and_join;
use rustix::io::Errno;
use rustix::thread::futex::{self, Flags};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// Whose turn it is.
const OURS: u32 = 0;
const THEIRS: u32 = 1;
const OVER: u32 = 2;

pub fn wake_none() -> io::Result<f64> {
    let word = AtomicU32::new(0);
    meter::repeat(
        5000,
        || Ok(futex::wake(&word, Flags::PRIVATE, 1).map(drop)?),
    )
}

pub fn round_trip() -> io::Result<f64> {
    let turn = Arc::new(AtomicU32::new(OURS));
    let their_turn = Arc::clone(&turn);
    let thread = thread::spawn(move || -> io::Result<()> {
        loop {
            wait_while(&their_turn, OURS)?;
            if their_turn.load(Ordering::Acquire) == OVER {
                return Ok(());
            }
            hand_over(&their_turn, OURS)?;
        }
    });
    let figure = meter::repeat(500, || {
        hand_over(&turn, THEIRS)?;
        wait_while(&turn, THEIRS)
    });
    hand_over(&turn, OVER)?;
    thread
        .join()
        .map_err(|_| io::Error::other("the other thread panicked"))??;
    figure
}

pub fn start_join() -> io::Result<f64> {
    meter::repeat(50, || Ok(start_and_join()?))
}

fn hand_over(turn: &AtomicU32, to: u32) -> io::Result<()> {
    turn.store(to, Ordering::Release);
    futex::wake(turn, Flags::PRIVATE, 1)?;
    Ok(())
}

fn wait_while(turn: &AtomicU32, value: u32) -> io::Result<()> {
    while turn.load(Ordering::Acquire) == value {
        match futex::wait(turn, Flags::PRIVATE, value, None) {
            Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
