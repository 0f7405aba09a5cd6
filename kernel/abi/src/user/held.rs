//! A child that waits at a gate before it carries out its steps and executes its program.

use super::process::{self, Program, SpawnError, Stage, Step};
use super::signal::{self, SignalSet};
use super::{Errno, fork, kernel};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// A child that waits at a gate before it carries out its steps and executes its program.
pub struct Held {
    /// The child's process number.
    pub process: i32,
    gate: UnixStream,
}

/// Like [`spawn`], but the child first waits until [`Held::release`]; it ends when its [`Held`] is dropped
/// instead. While it waits, signals do to it what they do to a program that handles none. To be called by a
/// single-threaded process only.
pub fn spawn_held(
    steps: &[Step],
    mask: SignalSet,
    program: &Program,
) -> std::result::Result<Held, SpawnError> {
    let failed = |error: io::Error| SpawnError {
        stage: Stage::Fork,
        errno: Errno::from_number(error.raw_os_error().unwrap_or_default()),
    };
    let parent = process::process_number();
    let (gate, inner) = UnixStream::pair().map_err(failed)?;
    let outer = gate.as_raw_fd();
    let process = fork(move || wait_at_gate(steps, mask, program, parent, outer, inner));
    Ok(Held {
        process: process.map_err(failed)?,
        gate,
    })
}

/// The held child's work; its exit status.
fn wait_at_gate(
    steps: &[Step],
    mask: SignalSet,
    program: &Program,
    parent: i32,
    outer: i32,
    mut inner: UnixStream,
) -> i32 {
    // With the child's copy of the parent's end closed, the parent's end is noticed. It can't fail.
    let _ = kernel::close(outer);
    process::reset_signals();
    if signal::set_mask(mask).is_err() {
        return 127;
    }
    if inner.read_exact(&mut [0]).is_err() {
        return 127;
    }
    let failure = process::become_program(steps, mask, program, parent);
    // Without anybody to hear it, nothing is lost.
    let _ = inner.write_all(&failure.to_bytes());
    127
}

impl Held {
    /// Lets the child go on; returns when it has executed its program, or says why it has not, after which it
    /// ends. A child that was killed meanwhile is no error: its parent finds that out when it waits for it.
    pub fn release(mut self) -> std::result::Result<(), SpawnError> {
        if self.gate.write_all(&[0]).is_err() {
            return Ok(());
        }
        let mut failure = [0; SpawnError::SIZE];
        match self.gate.read_exact(&mut failure) {
            Ok(()) => Err(SpawnError::from_bytes(failure)),
            // The program's start has closed the child's end.
            Err(_) => Ok(()),
        }
    }
}

impl SpawnError {
    const SIZE: usize = 12;

    /// The failure as it goes through the gate: the stage, the step's index and the error's number.
    fn to_bytes(self) -> [u8; Self::SIZE] {
        let (stage, index) = match self.stage {
            Stage::Fork => (0u32, 0),
            Stage::Step(index) => (1, index as u32),
            Stage::Execute => (2, 0),
        };
        let mut bytes = [0; Self::SIZE];
        let words = [stage, index, self.errno.number() as u32];
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        let mut words = [0; 3];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = u32::from_ne_bytes(bytes.try_into().unwrap_or_default());
        }
        let [stage, index, errno] = words;
        Self {
            stage: match stage {
                0 => Stage::Fork,
                1 => Stage::Step(index as usize),
                _ => Stage::Execute,
            },
            errno: Errno::from_number(errno as i32),
        }
    }
}
