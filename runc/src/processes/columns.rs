//! What can be shown of a process, by the names and in the forms of ps(1).

use super::{Process, system_start};
use crate::time;
use std::time::{Duration, SystemTime};

/// What the figures of a process are compared with.
pub struct Machine {
    /// When the system was started; `None`: that can't be told.
    start: Option<SystemTime>,
    now: SystemTime,
    /// Its memory in bytes; 0: that can't be told.
    memory: u64,
}

impl Machine {
    /// How the machine is now.
    pub fn now() -> Self {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = text.lines().find_map(|line| {
            let number = line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?;
            number.trim().parse::<u64>().ok()
        });
        Self {
            start: system_start(),
            now: SystemTime::now(),
            memory: total.unwrap_or_default() << 10,
        }
    }

    /// When a process was made.
    fn start_of(&self, process: &Process) -> Option<SystemTime> {
        self.start?.checked_add(process.start)
    }

    /// How long ago that was.
    fn age_of(&self, process: &Process) -> Duration {
        let start = self.start_of(process);
        let age = start.and_then(|start| self.now.duration_since(start).ok());
        age.unwrap_or_default()
    }
}

/// One column of the table.
pub struct Column {
    /// What it is called by; the first name is the one that others stand for.
    pub names: &'static [&'static str],
    /// What stands above it.
    pub heading: &'static str,
    /// What it says of a process.
    pub value: fn(&Process, &Machine) -> String,
}

/// Every column that there is.
pub const COLUMNS: &[Column] = &[
    Column {
        names: &["pid", "tgid"],
        heading: "PID",
        value: |process, _| process.number.to_string(),
    },
    Column {
        names: &["ppid"],
        heading: "PPID",
        value: |process, _| process.parent.to_string(),
    },
    Column {
        names: &["pgid", "pgrp"],
        heading: "PGID",
        value: |process, _| process.group.to_string(),
    },
    Column {
        names: &["sid", "sess", "session"],
        heading: "SID",
        value: |process, _| process.session.to_string(),
    },
    // A container's users aren't the host's: numbers say who is meant.
    Column {
        names: &["uid", "ruid"],
        heading: "UID",
        value: |process, _| process.user.to_string(),
    },
    Column {
        names: &["user", "ruser", "uname"],
        heading: "USER",
        value: |process, _| process.user.to_string(),
    },
    Column {
        names: &["gid", "rgid"],
        heading: "GID",
        value: |process, _| process.user_group.to_string(),
    },
    Column {
        names: &["stat", "s", "state"],
        heading: "STAT",
        value: |process, _| process.state.to_string(),
    },
    Column {
        names: &["tty", "tt", "tname"],
        heading: "TTY",
        value: |process, _| terminal(process.terminal),
    },
    Column {
        names: &["time", "cputime"],
        heading: "TIME",
        value: |process, _| long_time(process.time()),
    },
    Column {
        names: &["bsdtime"],
        heading: "TIME",
        value: |process, _| {
            let seconds = process.time().as_secs();
            format!("{}:{:02}", seconds / 60, seconds % 60)
        },
    },
    Column {
        names: &["etime"],
        heading: "ELAPSED",
        value: |process, machine| short_time(machine.age_of(process)),
    },
    Column {
        names: &["etimes"],
        heading: "ELAPSED",
        value: |process, machine| machine.age_of(process).as_secs().to_string(),
    },
    Column {
        names: &["stime", "start_time"],
        heading: "STIME",
        value: start,
    },
    Column {
        names: &["bsdstart", "start"],
        heading: "START",
        value: start,
    },
    Column {
        names: &["c"],
        heading: "C",
        value: |process, machine| (share_of_time(process, machine) / 10).to_string(),
    },
    Column {
        names: &["%cpu", "pcpu"],
        heading: "%CPU",
        value: |process, machine| tenths(share_of_time(process, machine)),
    },
    Column {
        names: &["%mem", "pmem"],
        heading: "%MEM",
        value: |process, machine| {
            let share = process.memory.saturating_mul(1000);
            tenths(share.checked_div(machine.memory).unwrap_or_default())
        },
    },
    Column {
        names: &["vsz", "vsize"],
        heading: "VSZ",
        value: |process, _| (process.size >> 10).to_string(),
    },
    Column {
        names: &["rss", "rssize", "rsz"],
        heading: "RSS",
        value: |process, _| (process.memory >> 10).to_string(),
    },
    Column {
        names: &["ni", "nice"],
        heading: "NI",
        value: |process, _| process.nice.to_string(),
    },
    Column {
        names: &["nlwp", "thcount"],
        heading: "NLWP",
        value: |process, _| process.threads.to_string(),
    },
    Column {
        names: &["comm", "ucmd", "ucomm"],
        heading: "COMMAND",
        value: |process, _| process.name.clone(),
    },
    Column {
        names: &["args", "cmd", "command"],
        heading: "COMMAND",
        value: |process, _| process.command.clone(),
    },
];

/// The column with this name.
pub fn find(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.names.contains(&name))
}

/// The name of a terminal by its device number (devices.txt of Linux), without /dev.
fn terminal(device: u64) -> String {
    const PSEUDOTERMINALS: std::ops::RangeInclusive<u64> = 136..=143;
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    match major {
        0 => "?".to_owned(),
        204 => format!("ttyAMA{}", minor.saturating_sub(64)),
        4 if minor >= 64 => format!("ttyS{}", minor - 64),
        4 => format!("tty{minor}"),
        major if PSEUDOTERMINALS.contains(&major) => {
            format!("pts/{}", ((major - PSEUDOTERMINALS.start()) << 8) + minor)
        }
        major => format!("{major}:{minor}"),
    }
}

/// `[DD-]HH:MM:SS`
fn long_time(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let rest = format!("{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    match days {
        0 => rest,
        days => format!("{days}-{rest}"),
    }
}

/// `[[DD-]HH:]MM:SS`
fn short_time(time: Duration) -> String {
    let text = long_time(time);
    match text.strip_prefix("00:") {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// The hour of a process's start if that is less than a day ago, else the date; in UTC.
fn start(process: &Process, machine: &Machine) -> String {
    let Some(start) = machine.start_of(process) else {
        return "?".to_owned();
    };
    let text = time::in_text(start);
    let whole_day = Duration::from_secs(86_400);
    let part = if machine.age_of(process) < whole_day {
        text.get(11..16)
    } else {
        text.get(..10)
    };
    part.unwrap_or_default().to_owned()
}

/// How much of its life a process has had a processor, in thousandths.
fn share_of_time(process: &Process, machine: &Machine) -> u64 {
    let share = process.time().as_millis().saturating_mul(1000);
    let age = machine.age_of(process).as_millis();
    u64::try_from(share.checked_div(age).unwrap_or_default()).unwrap_or(u64::MAX)
}

fn tenths(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, Machine, Process, find, terminal};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn values_have_the_forms_of_ps() {
        let process = Process {
            number: 7,
            user_time: Duration::from_secs(90_061),
            start: Duration::from_secs(100),
            memory: 1 << 20,
            ..Process::default()
        };
        let day = Duration::from_secs(86_400);
        let machine = Machine {
            start: Some(UNIX_EPOCH),
            now: UNIX_EPOCH + Duration::from_secs(100) + 2 * day,
            memory: 1 << 30,
        };
        let says = |name: &str| (find(name).unwrap().value)(&process, &machine);
        for (name, value) in [
            ("pid", "7"),
            ("time", "1-01:01:01"),
            ("bsdtime", "1501:01"),
            ("etime", "2-00:00:00"),
            ("etimes", "172800"),
            ("stime", "1970-01-01"),
            ("c", "52"),
            ("%cpu", "52.1"),
            ("%mem", "0.0"),
            ("rss", "1024"),
            ("tty", "?"),
        ] {
            assert_eq!(says(name), value, "{name}");
        }
        let later = Machine {
            now: UNIX_EPOCH + Duration::from_secs(165),
            ..machine
        };
        assert_eq!((find("stime").unwrap().value)(&process, &later), "00:01");
        assert_eq!((find("etime").unwrap().value)(&process, &later), "01:05");
    }

    #[test]
    fn terminals_have_their_names() {
        assert_eq!(terminal(0), "?");
        assert_eq!(terminal(136 << 8 | 3), "pts/3");
        assert_eq!(terminal(137 << 8 | 3), "pts/259");
        assert_eq!(terminal(204 << 8 | 64), "ttyAMA0");
    }

    #[test]
    fn a_name_means_one_column() {
        let mut names: Vec<_> = COLUMNS.iter().flat_map(|column| column.names).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
