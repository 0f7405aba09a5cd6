//! What /proc tells of the processes of a container.

mod columns;
mod selection;

pub use selection::Selection;

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Clock ticks a second in /proc (sysconf(_SC_CLK_TCK), which is the same everywhere).
const TICKS: u64 = 100;
const PAGE: u64 = 4096;

/// A process as the host sees it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub number: u32,
    /// Its parent's number.
    pub parent: u32,
    /// The number of its process group.
    pub group: u32,
    /// The number of its session.
    pub session: u32,
    /// The device number of its terminal; 0: it has none.
    pub terminal: u64,
    /// Its user.
    pub user: u32,
    /// The group that files which it makes belong to.
    pub user_group: u32,
    /// One letter for what it does.
    pub state: char,
    /// Processor time in its own code.
    pub user_time: Duration,
    /// Processor time in the kernel.
    pub system_time: Duration,
    /// Its nice level.
    pub nice: i64,
    /// How many threads it has.
    pub threads: u64,
    /// When it was made, after the system's start.
    pub start: Duration,
    /// The size of its address space, in bytes.
    pub size: u64,
    /// Memory that it has in use, in bytes.
    pub memory: u64,
    /// The name of its program, shortened by the kernel.
    pub name: String,
    /// Its name and arguments.
    pub command: String,
}

impl Process {
    /// Reads what there is about a process; `None`: it has ended.
    pub fn read(number: u32) -> Option<Self> {
        let file = |name: &str| fs::read(format!("/proc/{number}/{name}")).ok();
        let stat = String::from_utf8_lossy(&file("stat")?).into_owned();
        let status = String::from_utf8_lossy(&file("status")?).into_owned();
        let command = file("cmdline")?;
        parse(number, &stat, &status, &command)
    }

    /// Its processor time.
    pub fn time(&self) -> Duration {
        self.user_time + self.system_time
    }
}

/// When the system was started, as /proc/stat tells; `None`: it doesn't.
fn system_start() -> Option<SystemTime> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(UNIX_EPOCH + Duration::from_secs(line.trim().parse().ok()?))
}

/// From the files stat, status and cmdline (proc(5)).
fn parse(number: u32, stat: &str, status: &str, command: &[u8]) -> Option<Process> {
    let (before, after) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let number_at = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let small_at = |index: usize| number_at(index)?.try_into().ok();
    let ticks = |count: u64| Duration::from_millis(count.saturating_mul(1000 / TICKS));
    // Of the four numbers of a line the first is the real one.
    let real = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let name = before.split_once('(').map_or("", |(_, name)| name);
    let words: Vec<String> = command
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let command = words.join(" ").trim_end().to_owned();
    Some(Process {
        number,
        parent: small_at(1)?,
        group: small_at(2)?,
        session: small_at(3)?,
        terminal: number_at(4)?,
        user: real("Uid:")?,
        user_group: real("Gid:")?,
        state: fields.first()?.chars().next()?,
        user_time: ticks(number_at(11)?),
        system_time: ticks(number_at(12)?),
        nice: fields.get(16)?.parse().ok()?,
        threads: number_at(17)?,
        start: ticks(number_at(19)?),
        size: number_at(20)?,
        memory: number_at(21)?.saturating_mul(PAGE),
        name: name.to_owned(),
        command: if command.is_empty() {
            format!("[{name}]")
        } else {
            command
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{Process, parse};
    use std::time::Duration;

    #[test]
    fn a_process_is_read() {
        let stat = "7 (a) b) S 3 6 5 34816 -1 0 0 0 0 0 150 20 0 0 20 -5 2 0 900 8192 12 0";
        let status = "Name:\ta\nUid:\t33\t0\t0\t0\nGid:\t34\t0\t0\t0\n";
        let process = Process {
            number: 7,
            parent: 3,
            group: 6,
            session: 5,
            terminal: 34816,
            user: 33,
            user_group: 34,
            state: 'S',
            user_time: Duration::from_millis(1500),
            system_time: Duration::from_millis(200),
            nice: -5,
            threads: 2,
            start: Duration::from_secs(9),
            size: 8192,
            memory: 12 * 4096,
            name: "a) b".to_owned(),
            command: "sh -c x y".to_owned(),
        };
        assert_eq!(parse(7, stat, status, b"sh\0-c\0x y\0"), Some(process));
        let unnamed = parse(7, stat, status, b"").map(|process| process.command);
        assert_eq!(unnamed.as_deref(), Some("[a) b]"));
        assert_eq!(parse(7, "7 (a) S 3", status, b""), None);
    }
}
