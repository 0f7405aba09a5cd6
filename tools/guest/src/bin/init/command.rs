//! Running one command and sending what it prints over the console.
use crate::frames::Frames;
use crate::processes::{self, End, Event};
use crate::prompt::environment;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Pid;
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

/// How often to look for processes that ended while the command prints nothing.
const PAUSE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};
/// What a shell says when it cannot start a program.
const CANNOT_START: u8 = 126;

/// Runs the command in `file` with sh and reports its output and exit status.
pub fn run(file: &Path) -> End {
    let mut frames = match File::options().write(true).open("/dev/console") {
        Ok(console) => Frames::new(console, file.with_file_name("shown").exists()),
        Err(error) => {
            eprintln!("init: cannot open /dev/console: {error}");
            return End::PowerOff;
        }
    };
    let (status, end) = match start(file) {
        Ok((shell, output)) => follow(shell, output, &mut frames),
        Err(error) => {
            frames.output(format!("init: cannot run the command: {error}\n").as_bytes());
            (CANNOT_START, End::PowerOff)
        }
    };
    frames.status(status);
    end
}

fn start(file: &Path) -> io::Result<(Pid, PipeReader)> {
    let command = std::fs::read_to_string(file)?;
    let (reader, writer) = io::pipe()?;
    let mut shell = environment(Command::new("/bin/sh"));
    shell.arg("-c").arg(command);
    shell
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer);
    Ok((processes::start(&mut shell)?, reader))
}

/// Passes the output on until the command has ended. Processes that it left behind may keep the pipe open: they are not
/// waited for.
fn follow(shell: Pid, mut output: PipeReader, frames: &mut Frames) -> (u8, End) {
    let mut open = true;
    let mut ended = None;
    // Orphans end in numbers: they are taken in one after the other, without a pause between them.
    let mut more = false;
    loop {
        if open && readable(&output, ended.is_some() || more) {
            open = pass_on(&mut output, frames);
            continue;
        }
        if let Some(status) = ended {
            return (status, End::PowerOff);
        }
        // Without a pipe to watch there is nothing else to wait for.
        match processes::next(if open { Some(0) } else { None }) {
            Some(Event::Ended(process, status)) if process == shell => {
                ended = Some(processes::exit_status(status))
            }
            Some(Event::Asked(end)) => return (0, end),
            event => more = event.is_some(),
        }
    }
}

/// Whether there is output, or its end, to be read; waits a while for it unless `at_once`.
fn readable(output: &PipeReader, at_once: bool) -> bool {
    let timeout = if at_once {
        Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        }
    } else {
        PAUSE
    };
    let mut descriptors = [PollFd::new(output, PollFlags::IN)];
    poll(&mut descriptors, Some(&timeout)).is_ok_and(|ready| ready > 0)
}

/// Passes one piece on; false at the end.
fn pass_on(output: &mut PipeReader, frames: &mut Frames) -> bool {
    let mut piece = [0; 3072];
    match output.read(&mut piece) {
        Ok(0) => false,
        Ok(length) => {
            frames.output(&piece[..length]);
            true
        }
        Err(error) => error.kind() == io::ErrorKind::Interrupted,
    }
}
