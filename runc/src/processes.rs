//! What /proc tells of the processes of a container.

use std::fs;
use std::time::Duration;

/// Clock ticks a second in /proc (sysconf(_SC_CLK_TCK), which is the same everywhere).
const TICKS: u64 = 100;
const PAGE: u64 = 4096;

/// A process as the host sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub number: u32,
    /// Its parent's number.
    pub parent: u32,
    /// Its user.
    pub user: u32,
    /// One letter for what it does.
    pub state: char,
    /// Processor time in its own code.
    pub user_time: Duration,
    /// Processor time in the kernel.
    pub system_time: Duration,
    /// Memory that it has in use, in bytes.
    pub memory: u64,
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
}

/// From the files stat, status and cmdline (proc(5)).
fn parse(number: u32, stat: &str, status: &str, command: &[u8]) -> Option<Process> {
    let (before, after) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let number_at = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks = |count: u64| Duration::from_millis(count.saturating_mul(1000 / TICKS));
    let user = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()?;
    let words: Vec<String> = command
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let command = words.join(" ").trim_end().to_owned();
    Some(Process {
        number,
        parent: number_at(1)?.try_into().ok()?,
        user,
        state: fields.first()?.chars().next()?,
        user_time: ticks(number_at(11)?),
        system_time: ticks(number_at(12)?),
        memory: number_at(21)?.saturating_mul(PAGE),
        command: if command.is_empty() {
            let name = before.split_once('(').map_or("", |(_, name)| name);
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
        let stat = "7 (a) b) S 3 7 7 0 -1 0 0 0 0 0 150 20 0 0 20 0 1 0 5 1000 12 0";
        let status = "Name:\ta\nUid:\t33\t33\t33\t33\n";
        let process = Process {
            number: 7,
            parent: 3,
            user: 33,
            state: 'S',
            user_time: Duration::from_millis(1500),
            system_time: Duration::from_millis(200),
            memory: 12 * 4096,
            command: "sleep 1".to_owned(),
        };
        assert_eq!(parse(7, stat, status, b"sleep\x001\0"), Some(process));
        let nameless = parse(7, stat, status, b"").unwrap();
        assert_eq!(nameless.command, "[a) b]");
        assert_eq!(parse(7, "", status, b""), None);
    }

    #[test]
    fn this_process_is_there() {
        let own = Process::read(std::process::id()).unwrap();
        assert!(own.memory > 0);
        assert_eq!(Process::read(u32::MAX), None);
    }
}
