//! Starting processes and programs.
use crate::{NOTHING, meter};
use gantry_abi::user::measure;
use gantry_abi::user::process::Program;
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt;

pub fn fork_exit() -> io::Result<f64> {
    meter::repeat(50, || Ok(measure::fork_and_exit()?))
}

pub fn vfork_exit() -> io::Result<f64> {
    meter::repeat(50, || Ok(measure::vfork_and_exit()?))
}

pub fn fork_exec() -> io::Result<f64> {
    let program = nothing()?;
    meter::repeat(30, || succeeded(measure::fork_and_execute(&program)?))
}

pub fn spawn() -> io::Result<f64> {
    let program = nothing()?;
    meter::repeat(30, || succeeded(measure::vfork_and_execute(&program)?))
}

/// This program, told to do nothing.
fn nothing() -> io::Result<Program> {
    let path = CString::new(std::env::current_exe()?.into_os_string().into_vec())?;
    Ok(Program::new(
        vec![path.clone()],
        vec![path, CString::new(NOTHING)?],
        Vec::new(),
    ))
}

fn succeeded(status: i32) -> io::Result<()> {
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "the program's wait status is {status:#x}"
        )))
    }
}
