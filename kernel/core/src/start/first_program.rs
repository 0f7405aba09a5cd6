//! The first user program: found as Linux finds it, with the console as its descriptors.

use super::command_line::Options;
use crate::errno::{Errno, Result};
use crate::exec::arguments::Arguments;
use crate::exec::run::{Program, execute};
use crate::task::Current;
use crate::vfs::walk::WalkFlags;
use crate::vfs::{OpenFlags, View, open};
use hal::exception::UserRegisters;

/// What the initial file system's own program is called.
const INITIAL_PROGRAM: &[u8] = b"/init";
/// What is tried when there is none, and no `init=`.
const PROGRAMS: [&[u8]; 4] = [b"/sbin/init", b"/etc/init", b"/bin/init", b"/bin/sh"];

/// Runs the first program in the calling process; one line and a panic if there is none.
pub fn run(
    current: &Current,
    registers: &mut UserRegisters,
    options: &Options<'_>,
    given: &Arguments,
) {
    if let Err(error) = open_console(current) {
        crate::log::warn!(
            "/dev/console can't be opened ({error}): the first program starts without descriptors"
        );
    }
    let mut start = |path: &[u8]| try_run(current, registers, path, given);
    let initial = options.initial_program.unwrap_or(INITIAL_PROGRAM);
    match start(initial) {
        Ok(()) => return,
        Err(Errno::ENOENT) if options.initial_program.is_none() => {}
        Err(error) => crate::log::error!("{} can't be run: {error}", Text(initial)),
    }
    if let Some(path) = options.program {
        match start(path) {
            Ok(()) => return,
            Err(error) => panic!(
                "the program that init= names, {}, can't be run: {error}",
                Text(path)
            ),
        }
    }
    for path in PROGRAMS {
        match start(path) {
            Ok(()) => return,
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => crate::log::error!("{} can't be run: {error}", Text(path)),
        }
    }
    panic!(
        "no program to start: the initramfs has no {}, /sbin/init, /etc/init, /bin/init or /bin/sh (see rdinit=)",
        Text(initial)
    );
}

/// Bytes of a path in a message.
struct Text<'a>(&'a [u8]);

impl core::fmt::Display for Text<'_> {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            formatter.write_str(chunk.valid())?;
        }
        Ok(())
    }
}

fn try_run(
    current: &Current,
    registers: &mut UserRegisters,
    path: &[u8],
    given: &Arguments,
) -> Result<()> {
    let mut own = Arguments {
        environment: given.environment.clone(),
        ..Arguments::default()
    };
    own.arguments.push(path)?;
    for argument in given.arguments.iter() {
        own.arguments.push(argument)?;
    }
    execute(
        current,
        registers,
        &Program::Path {
            start: None,
            path,
            follow: true,
        },
        own,
    )
    .map(drop)
}

/// Opens the console as standard input, output and error.
fn open_console(current: &Current) -> Result<()> {
    let (fs, credentials) = (current.fs(), current.credentials());
    let view = View {
        fs: &fs,
        credentials: &credentials,
    };
    let console = open::open(
        &view,
        None,
        b"/dev/console",
        OpenFlags::READ_WRITE,
        0,
        WalkFlags::empty(),
    )?;
    for _ in 0..3 {
        current.install_file(console.clone(), false)?;
    }
    Ok(())
}
