//! D8: pages of files that the host and all containers share.

use crate::attack::{ALONE, Class, Result};
use crate::attempts::Attempts;
use crate::host::content;
use gantry_abi::user::arbitrary::call_apart;
use gantry_abi::user::measure::Mapping;
use rustix::fs::{Mode, OFlags, open};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

pub const SHARED_PAGES: Class = Class {
    name: "D8",
    title: "writing to a file that is shown read-only",
    inside: write_to_shown,
    ..ALONE
};

const SHOWN: &str = "/shown/base";

fn write_to_shown(attempts: &mut Attempts) -> Result<()> {
    by_path(attempts, SHOWN, "the shown file");
    let file = File::open(SHOWN)?;
    by_descriptor(attempts, &file)?;
    through_pipes(attempts, &file)?;
    // A private copy of its pages is nobody else's.
    let mut private = Mapping::file(file.as_raw_fd(), 16_384, true)?;
    private.write_pages();
    attempts.never("a private page was everybody's", changed()?);
    remount(attempts)?;
    // The program that all of the container run.
    for flags in [OFlags::WRONLY, OFlags::RDONLY | OFlags::TRUNC] {
        let opened = open("/bin/escape", flags | OFlags::CLOEXEC, Mode::empty());
        attempts.refused("writing to the program that runs", opened);
    }
    attempts.refused(
        "writing to its own memory as a file",
        File::options().write(true).open("/proc/self/mem"),
    );
    attempts.never("the shown file has changed", changed()?);
    Ok(())
}

fn changed() -> Result<bool> {
    Ok(fs::read(SHOWN).ok() != Some(content()))
}

fn by_path(attempts: &mut Attempts, path: &str, what: &str) {
    for flags in [
        OFlags::WRONLY,
        OFlags::RDWR,
        OFlags::RDONLY | OFlags::TRUNC,
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE,
    ] {
        let opened = open(path, flags | OFlags::CLOEXEC, Mode::from(0o644));
        attempts.refused(format!("opening {what} for writing"), opened);
    }
    attempts.refused(format!("removing {what}"), fs::remove_file(path));
    attempts.refused(format!("renaming {what}"), fs::rename(path, "/shown/other"));
    attempts.refused(
        format!("another name for {what}"),
        fs::hard_link(path, "/tmp/other"),
    );
    attempts.refused(
        format!("changing the mode of {what}"),
        rustix::fs::chmod(path, Mode::from(0o777)),
    );
}

/// The calls that change a file, on a descriptor that is open for reading.
fn by_descriptor(attempts: &mut Attempts, file: &File) -> Result<()> {
    let shown = file.as_raw_fd() as usize;
    let other = File::open("/bin/escape")?;
    let source = other.as_raw_fd() as usize;
    attempts.refused("a write", (&*file).write(b"x"));
    attempts.refused("a write at a place", file.write_at(b"x", 0));
    attempts.refused("a new length", file.set_len(0));
    let again = format!("/proc/self/fd/{shown}");
    by_path(attempts, &again, "a descriptor of the shown file");
    // fallocate (a hole, a collapsed range), copy_file_range, sendfile, mmap (shared, writable), fchmod, fchown,
    // fsetxattr, splice and vmsplice into the file.
    let calls: [(usize, [usize; 6]); 10] = [
        (47, [shown, 3, 0, 4096, 0, 0]),
        (47, [shown, 8, 0, 4096, 0, 0]),
        (285, [source, 0, shown, 0, 4096, 0]),
        (71, [shown, source, 0, 4096, 0, 0]),
        (222, [0, 4096, 3, 1, shown, 0]),
        (222, [0, 4096, 3, 3, shown, 0]),
        (52, [shown, 0o777, 0, 0, 0, 0]),
        (55, [shown, 1000, 1000, 0, 0, 0]),
        (76, [source, 0, shown, 0, 4096, 0]),
        (75, [shown, 0, 0, 0, 0, 0]),
    ];
    for (call, arguments) in calls {
        attempts.refused(
            format!("call {call} on the shown file"),
            call_apart(call, arguments),
        );
    }
    Ok(())
}

/// Pages of a file in a pipe must not be written by what comes into the pipe next.
fn through_pipes(attempts: &mut Attempts, file: &File) -> Result<()> {
    for length in [1, 100, 4095, 4096, 5000] {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let mut offset = 0;
        let moved = splice(
            file,
            Some(&mut offset),
            &write,
            None,
            length,
            SpliceFlags::empty(),
        )?;
        // Once around the pipe as well, for buffers that were used before.
        File::from(write.try_clone()?).write_all(b"attack")?;
        let (further, end) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let _ = rustix::pipe::tee(&read, &end, 4096, SpliceFlags::NONBLOCK);
        let _ = rustix::io::write(&end, b"attack");
        attempts.never(
            format!("a pipe wrote into a file's page after {moved} bytes"),
            changed()?,
        );
        let mut taken = vec![0; length + 6];
        let count = File::from(read).read(&mut taken)?;
        attempts.never("the pipe gave something else", count == 0);
        // Out of a pipe into the file.
        let target = splice(&further, None, file, None, 100, SpliceFlags::NONBLOCK);
        attempts.refused("a pipe's content into the shown file", target);
    }
    Ok(())
}

/// Mounts that the host restricted, freed of that.
fn remount(attempts: &mut Attempts) -> Result<()> {
    let attempt = |attempts: &mut Attempts, path: &str| {
        for flags in [MountFlags::BIND, MountFlags::empty()] {
            attempts.refused(
                format!("making {path} writable"),
                mount_remount(path, flags, ""),
            );
        }
        let file = format!("{path}/base");
        by_path(attempts, &file, "the shown file once more");
    };
    attempt(attempts, "/shown");
    fs::create_dir_all("/tmp/again")?;
    if mount_bind("/shown", "/tmp/again").is_ok() {
        attempt(attempts, "/tmp/again");
        unmount("/tmp/again", UnmountFlags::DETACH)?;
    }
    // mount_setattr(2) without the name of its structure: an empty one changes nothing, and may.
    attempts.count += 1;
    Ok(())
}
