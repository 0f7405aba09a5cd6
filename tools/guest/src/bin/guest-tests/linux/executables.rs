//! A file that runs isn't written, one that is written doesn't run: ETXTBSY.

use crate::check::{Check, equal, fails, ok};
use crate::container::{self, Running, start_command};
use crate::files::Place;
use crate::harness::Case;
use gantry_abi::user::Errno;
use rustix::fs::{Mode, OFlags, chmod, open};
use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::Command;

pub const CASES: &[Case] = &[
    Case {
        name: "text_busy_while_a_program_runs",
        test: running_program,
    },
    Case {
        name: "text_busy_while_a_file_is_written",
        test: written_program,
    },
    Case {
        name: "text_busy_through_proc_exe",
        test: own_program,
    },
];

/// A copy of the test program.
fn copy(place: &Place, name: &str) -> Check<String> {
    let path = place.at(name);
    ok("copy", fs::copy(container::program()?, &path))?;
    ok("chmod", chmod(path.as_str(), Mode::from(0o755)))?;
    Ok(path)
}

fn open_with(path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    open(path, flags | OFlags::CLOEXEC, Mode::from(0o755))
}

/// Every way to write a file by its path.
fn ways_to_write(path: &str) -> [(&'static str, rustix::io::Result<()>); 5] {
    let by = |flags| open_with(path, flags).map(drop);
    [
        ("O_WRONLY", by(OFlags::WRONLY)),
        ("O_RDWR", by(OFlags::RDWR)),
        ("O_CREAT", by(OFlags::WRONLY | OFlags::CREATE)),
        ("O_TRUNC", by(OFlags::RDONLY | OFlags::TRUNC)),
        (
            "O_APPEND and O_TRUNC",
            by(OFlags::WRONLY | OFlags::APPEND | OFlags::TRUNC),
        ),
    ]
}

fn truncate(path: &str) -> gantry_abi::user::Result<()> {
    let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
    gantry_abi::user::calls::truncate(&path, 0)
}

fn run(path: &str) -> Check<Running> {
    let mut running = start_command(
        container::script_command_at(path, &["pid", "pause"]),
        || Ok(()),
    )?;
    running.line()?;
    equal("the program", running.line()?, "pausing".to_owned())?;
    Ok(running)
}

fn running_program() -> Check {
    let place = Place::new("busy")?;
    let path = copy(&place, "program")?;
    let before = ok("read", fs::read(&path))?;
    let mut first = run(&path)?;
    let second = run(&path)?;
    for (how, result) in ways_to_write(&path) {
        fails(how, result, Errno::ETXTBSY)?;
    }
    fails("truncate", truncate(&path), Errno::ETXTBSY)?;
    equal("its content", ok("read", fs::read(&path))? == before, true)?;
    ok("another name", fs::hard_link(&path, place.at("link")))?;
    fails(
        "by its other name",
        open_with(&place.at("link"), OFlags::WRONLY),
        Errno::ETXTBSY,
    )?;
    // Names aren't content.
    ok("rename", fs::rename(&path, place.at("renamed")))?;
    first.child().signal(rustix::process::Signal::KILL)?;
    first.child().wait()?;
    fails(
        "while the second runs",
        open_with(&place.at("renamed"), OFlags::WRONLY),
        Errno::ETXTBSY,
    )?;
    drop(second);
    for (how, result) in ways_to_write(&place.at("renamed")) {
        ok(how, result)?;
    }
    ok("truncate", truncate(&place.at("renamed")))
}

fn written_program() -> Check {
    let place = Place::new("written")?;
    let path = copy(&place, "program")?;
    let writer = ok("open", open_with(&path, OFlags::WRONLY))?;
    fails("a program", Command::new(&path).output(), Errno::ETXTBSY)?;
    drop(writer);
    ok("closed", Command::new(&path).arg("--do").output())?;
    // A script counts until its interpreter is found, and that one too.
    let script = place.file("script", &format!("#!{path} --do\n"))?;
    ok("chmod", chmod(script.as_str(), Mode::from(0o755)))?;
    let mut writer = fs::File::from(ok("open", open_with(&script, OFlags::WRONLY))?);
    fails("a script", Command::new(&script).output(), Errno::ETXTBSY)?;
    drop(writer);
    writer = fs::File::from(ok("open", open_with(&path, OFlags::RDWR))?);
    fails(
        "a script's interpreter",
        Command::new(&script).output(),
        Errno::ETXTBSY,
    )?;
    ok("the writer isn't hindered", writer.write_all(b"\x7fELF"))?;
    drop(writer);
    ok("closed", Command::new(&script).output()).map(drop)
}

fn own_program() -> Check {
    for (how, result) in ways_to_write("/proc/self/exe") {
        // Creating and truncating follow the link like every other way.
        fails(how, result, Errno::ETXTBSY)?;
    }
    let reader = ok("open", fs::File::open("/proc/self/exe"))?;
    let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    fails(
        "a reader's descriptor opened again",
        open_with(&again, OFlags::RDWR),
        Errno::ETXTBSY,
    )
}
