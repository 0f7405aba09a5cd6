//! A shell on the console.
use crate::SESSION;
use crate::processes::{self, End, Event};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Runs a shell until it ends or the system is asked to. `program` is this program.
pub fn run(program: &Path) -> End {
    if let Ok(text) = fs::read_to_string("/etc/motd") {
        print!("{text}");
    }
    let shell = match processes::start(Command::new(program).arg(SESSION)) {
        Ok(shell) => shell,
        Err(error) => {
            eprintln!("init: cannot start {}: {error}", program.display());
            return End::PowerOff;
        }
    };
    loop {
        match processes::next(None) {
            Some(Event::Ended(process, _)) if process == shell => return End::PowerOff,
            Some(Event::Asked(end)) => return end,
            _ => {}
        }
    }
}

/// Makes this process the leader of a session with the console as its terminal, then a login shell. Returns on failure.
pub fn become_shell() -> ExitCode {
    let error = match start_shell() {
        Ok(never) => match never {},
        Err(error) => error,
    };
    eprintln!("init: cannot start a shell on the console: {error}");
    ExitCode::FAILURE
}

enum Never {}

fn start_shell() -> io::Result<Never> {
    rustix::process::setsid()?;
    let console = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/console")?;
    if let Err(error) = rustix::process::ioctl_tiocsctty(&console) {
        eprintln!("init: no job control: {error}");
    }
    let mut shell = environment(Command::new("/bin/sh"));
    shell
        .arg0("-sh")
        .stdin(console.try_clone()?)
        .stdout(console.try_clone()?)
        .stderr(console);
    Err(shell.exec())
}

/// Gives a program the environment of a login.
pub fn environment(mut command: Command) -> Command {
    command.env_clear().current_dir("/");
    command.envs([
        ("PATH", "/bin:/sbin:/usr/bin:/usr/sbin"),
        ("HOME", "/root"),
        ("USER", "root"),
        ("LOGNAME", "root"),
        ("SHELL", "/bin/sh"),
        ("TERM", "vt100"),
    ]);
    command
}
