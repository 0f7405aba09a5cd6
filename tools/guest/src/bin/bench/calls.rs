//! Plain system calls.
use crate::meter;
use gantry_abi::user::{Errno, measure};
use std::io;

pub fn null() -> io::Result<f64> {
    meter::repeat(5000, || Ok(measure::parent_by_call().map(drop)?))
}

pub fn unknown() -> io::Result<f64> {
    meter::repeat(5000, || match measure::unknown_call() {
        Errno::ENOSYS => Ok(()),
        error => Err(error.into()),
    })
}

pub fn clock() -> io::Result<f64> {
    meter::repeat(5000, || Ok(measure::clock_by_call().map(drop)?))
}

pub fn yield_now() -> io::Result<f64> {
    meter::repeat(5000, || {
        rustix::thread::sched_yield();
        Ok(())
    })
}
