//! Signals.
use crate::meter;
use gantry_abi::user::measure::{handled, install_handler, signal_this_process};
use std::io;

pub fn install() -> io::Result<f64> {
    meter::repeat(5000, install_handler)
}

pub fn handle() -> io::Result<f64> {
    install_handler()?;
    let process = std::process::id() as usize;
    let mut expected = handled();
    meter::repeat(2000, || {
        signal_this_process(process)?;
        expected += 1;
        if handled() == expected {
            Ok(())
        } else {
            Err(io::Error::other("the handler did not run at once"))
        }
    })
}
