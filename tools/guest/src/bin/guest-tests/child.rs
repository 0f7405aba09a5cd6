//! Child processes that carry out a part of a test and say how it went.

use crate::check::{Check, ok};
use gantry_abi::user::fork;
use gantry_abi::user::process::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

/// A running child. Dropping it kills and reaps it.
pub struct Child {
    process: i32,
    report: File,
    is_reaped: bool,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Status(i32),
    /// This signal killed it.
    Signal(i32),
}

impl End {
    /// What a wait status says.
    pub fn of(status: i32) -> Self {
        if status & 0x7f == 0 {
            End::Status(status >> 8 & 0xff)
        } else {
            End::Signal(status & 0x7f)
        }
    }
}

impl Child {
    /// Starts a child that does `work`.
    pub fn start(work: impl FnOnce() -> Check) -> Check<Self> {
        let (read, write) = ok(
            "pipe",
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC),
        )?;
        let process = ok(
            "fork",
            fork(|| {
                let mut report = File::from(write);
                match work() {
                    Ok(()) => 0,
                    Err(why) => {
                        // A parent that is gone doesn't want to know.
                        let _ = report.write_all(why.as_bytes());
                        1
                    }
                }
            }),
        )?;
        Ok(Child {
            process,
            report: File::from(read),
            is_reaped: false,
        })
    }

    /// Its process number.
    pub fn process(&self) -> i32 {
        self.process
    }

    /// Where its failure is read from; at its end when the child has ended or has executed a program.
    pub fn report(&self) -> &File {
        &self.report
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Check<End> {
        self.is_reaped = true;
        loop {
            match wait(self.process) {
                Ok(status) => return Ok(End::of(status)),
                Err(gantry_abi::user::Errno::EINTR) => {}
                Err(error) => return Err(format!("wait for {}: {error}", self.process)),
            }
        }
    }

    /// Waits for its end and passes its failure on.
    pub fn finish(mut self) -> Check {
        let mut why = String::new();
        ok(
            "read the child's report",
            self.report.read_to_string(&mut why),
        )?;
        match self.wait()? {
            End::Status(0) => Ok(()),
            _ if !why.is_empty() => Err(why),
            end => Err(format!("the child ended with {end:?}")),
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Check {
        let process = Pid::from_raw(self.process).ok_or("a process number of 0")?;
        ok("kill", kill_process(process, signal))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_reaped {
            // It may have ended by itself.
            let _ = self.signal(Signal::KILL);
            let _ = self.wait();
        }
    }
}

/// Does `work` in a child and passes its failure on.
pub fn run(work: impl FnOnce() -> Check) -> Check {
    Child::start(work)?.finish()
}

/// Two ends through which one process lets another go on.
pub struct Gate {
    read: OwnedFd,
    write: Option<OwnedFd>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Check<Self> {
        let (read, write) = ok(
            "pipe",
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC),
        )?;
        Ok(Gate {
            read,
            write: Some(write),
        })
    }

    /// In the process that waits: returns once every other holder has opened the gate or ended.
    pub fn wait(&mut self) -> Check {
        self.write = None;
        let mut byte = [0];
        ok("wait at the gate", rustix::io::read(&self.read, &mut byte)).map(drop)
    }

    /// Lets everybody through who waits.
    pub fn open(&mut self) {
        self.write = None;
    }
}
