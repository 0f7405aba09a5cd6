//! The texts of /proc, as programs parse them.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::child::{self, Child, Gate};
use crate::files::Place;
use crate::harness::Case;
use gantry_abi::user::Errno;
use gantry_abi::user::measure::Mapping;
use std::fs;
use std::os::fd::AsRawFd;

pub const CASES: &[Case] = &[
    Case {
        name: "proc_stat_has_52_fields",
        test: stat,
    },
    Case {
        name: "proc_status_names_its_lines",
        test: status,
    },
    Case {
        name: "proc_links_lead_to_the_object",
        test: links,
    },
    Case {
        name: "proc_maps_lists_the_program",
        test: maps,
    },
    Case {
        name: "proc_smaps_counts_pages",
        test: smaps,
    },
    Case {
        name: "proc_of_another_user_is_closed",
        test: private,
    },
    Case {
        name: "proc_of_an_ended_process_is_gone",
        test: ended,
    },
    Case {
        name: "proc_system_texts_parse",
        test: system,
    },
];

fn read(path: &str) -> Check<String> {
    ok(path, fs::read_to_string(path))
}

fn stat() -> Check {
    let text = read("/proc/self/stat")?;
    let (head, rest) = text.rsplit_once(") ").ok_or("no name in parentheses")?;
    equal(
        "the number and name",
        head,
        format!("{} (guest-tests", std::process::id()).as_str(),
    )?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    equal("fields after the name", fields.len(), 50)?;
    equal("the state", fields[0], "R")?;
    let number = |index: usize| {
        fields[index]
            .parse::<i64>()
            .map_err(|error| format!("field {}: {error}", index + 3))
    };
    let parent = rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    equal("the parent", number(1)?, i64::from(parent))?;
    ensure("threads", number(17)? == 1)?;
    ensure("memory", number(20)? > 0 && number(21)? > 0)?;
    ensure(
        "every field is a number",
        fields[1..]
            .iter()
            .all(|field| field.parse::<i128>().is_ok()),
    )
}

fn status() -> Check {
    let text = read("/proc/self/status")?;
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"))
    };
    equal("Name", value("Name"), Some("guest-tests"))?;
    equal(
        "Pid",
        value("Pid"),
        Some(std::process::id().to_string().as_str()),
    )?;
    equal("State", value("State"), Some("R (running)"))?;
    equal("Uid", value("Uid"), Some("0\t0\t0\t0"))?;
    equal("Threads", value("Threads"), Some("1"))?;
    for name in [
        "VmSize",
        "VmRSS",
        "RssAnon",
        "RssFile",
        "VmPTE",
        "SigBlk",
        "SigIgn",
        "CapEff",
        "Cpus_allowed_list",
        "voluntary_ctxt_switches",
    ] {
        ensure(name, value(name).is_some())?;
    }
    Ok(())
}

fn links() -> Check {
    let place = Place::new("proc-links")?;
    let path = place.file("file", "content")?;
    let file = ok("open", fs::File::open(&path))?;
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    equal(
        "readlink",
        ok("readlink", fs::read_link(&link))?
            .to_string_lossy()
            .into_owned(),
        path.clone(),
    )?;
    ok("unlink", fs::remove_file(&path))?;
    let shown = ok("readlink", fs::read_link(&link))?
        .to_string_lossy()
        .into_owned();
    equal("of a removed file", shown, format!("{path} (deleted)"))?;
    equal(
        "opened again",
        ok("open", fs::read_to_string(&link))?,
        "content".to_owned(),
    )?;
    equal(
        "cwd",
        ok("cwd", fs::read_link("/proc/self/cwd"))?,
        ok("getcwd", std::env::current_dir())?,
    )?;
    let program = ok("exe", fs::read_link("/proc/self/exe"))?;
    ensure("exe", program.ends_with("guest-tests"))?;
    equal(
        "root",
        ok("root", fs::read_link("/proc/self/root"))?
            .to_string_lossy()
            .into_owned(),
        "/".to_owned(),
    )?;
    let (pipe, _write) = ok("pipe", rustix::pipe::pipe())?;
    let shown = ok(
        "readlink",
        fs::read_link(format!("/proc/self/fd/{}", pipe.as_raw_fd())),
    )?;
    ensure("a pipe", shown.to_string_lossy().starts_with("pipe:["))?;
    let information = read(&format!("/proc/self/fdinfo/{}", pipe.as_raw_fd()))?;
    ensure(
        "fdinfo",
        information.contains("pos:\t0") && information.contains("flags:\t0"),
    )
}

fn maps() -> Check {
    let text = read("/proc/self/maps")?;
    ensure(
        "the program's code",
        text.lines()
            .any(|line| line.contains(" r-xp ") && line.ends_with("guest-tests")),
    )?;
    ensure(
        "the stack",
        text.lines().any(|line| line.ends_with("[stack]")),
    )?;
    let mut last = 0;
    for line in text.lines() {
        let (start, rest) = line.split_once('-').ok_or("no range")?;
        let end = rest.split(' ').next().unwrap_or_default();
        let number =
            |text: &str| u64::from_str_radix(text, 16).map_err(|error| format!("{text}: {error}"));
        let (start, end) = (number(start)?, number(end)?);
        ensure("areas in order", last <= start && start < end)?;
        last = end;
    }
    Ok(())
}

/// The sum of a field of /proc/self/smaps or smaps_rollup, in KiB.
fn smaps_sum(file: &str, name: &str) -> Check<u64> {
    let text = read(&format!("/proc/self/{file}"))?;
    let mut sum = 0;
    for line in text.lines() {
        let Some(field) = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(':'))
        else {
            continue;
        };
        let number = field.trim().strip_suffix(" kB").ok_or("no unit")?;
        sum += number
            .parse::<u64>()
            .map_err(|error| format!("{line}: {error}"))?;
    }
    Ok(sum)
}

fn smaps() -> Check {
    const LENGTH: usize = 1 << 20;
    const KIBIBYTES: u64 = LENGTH as u64 / 1024;
    /// What reading the file may itself take.
    const ROOM: u64 = 256;
    let anonymous = || smaps_sum("smaps", "Anonymous");
    let between = |what: &str, value: u64, least: u64| {
        ensure(
            &format!("{what}: {value}"),
            (least..least + ROOM).contains(&value),
        )
    };
    let before = anonymous()?;
    let mut mapping = ok("mmap", Mapping::anonymous(LENGTH))?;
    between("untouched", anonymous()?, before)?;
    mapping.write_pages();
    between("written", anonymous()?, before + KIBIBYTES)?;
    let shared = smaps_sum("smaps", "Shared_Dirty")?;
    between("of one process", shared, 0)?;
    let rolled_up = smaps_sum("smaps_rollup", "Pss_Anon")?;
    // Of pages that the test still shares with its parent, its share.
    ensure(
        &format!("rolled up: {rolled_up}"),
        (KIBIBYTES..before + KIBIBYTES + ROOM).contains(&rolled_up),
    )?;
    // A child has the same pages until one of the two writes.
    child::run(|| {
        let shared = smaps_sum("smaps", "Shared_Dirty")?;
        ensure(&format!("in a child: {shared}"), shared >= KIBIBYTES)?;
        let part = smaps_sum("smaps_rollup", "Pss_Anon")?;
        ensure(&format!("the child's part: {part}"), part < KIBIBYTES)?;
        mapping.write_pages();
        let own = smaps_sum("smaps", "Private_Dirty")?;
        ensure(&format!("written by the child: {own}"), own >= KIBIBYTES)
    })
}

fn private() -> Check {
    let number = std::process::id();
    crate::users::as_user(1000, || {
        ensure(
            "stat is open",
            fs::read(format!("/proc/{number}/stat")).is_ok(),
        )?;
        fails(
            "environ",
            fs::read(format!("/proc/{number}/environ")),
            Errno::EACCES,
        )?;
        fails(
            "smaps",
            fs::read(format!("/proc/{number}/smaps")),
            Errno::EACCES,
        )?;
        fails(
            "fd",
            fs::read_dir(format!("/proc/{number}/fd")).map(drop),
            Errno::EACCES,
        )?;
        fails(
            "exe",
            fs::read_link(format!("/proc/{number}/exe")),
            Errno::EACCES,
        )
    })
}

fn ended() -> Check {
    let mut gate = Gate::new()?;
    let mut child = Child::start(|| gate.wait())?;
    let path = format!("/proc/{}", child.process());
    let open = ok("open", fs::File::open(format!("{path}/stat")))?;
    let directory = crate::files::directory(&path)?;
    gate.open();
    child.wait()?;
    fails("its directory", fs::metadata(&path), Errno::ENOENT)?;
    fails(
        "a file opened before",
        std::io::read_to_string(open),
        Errno::ESRCH,
    )?;
    ensure(
        "a directory opened before",
        !crate::files::exists_at(&directory, "stat"),
    )
}

fn system() -> Check {
    let uptime = read("/proc/uptime")?;
    equal(
        "/proc/uptime",
        uptime
            .split_whitespace()
            .filter(|field| field.parse::<f64>().is_ok())
            .count(),
        2,
    )?;
    let load = read("/proc/loadavg")?;
    equal("/proc/loadavg", load.split_whitespace().count(), 5)?;
    let memory = read("/proc/meminfo")?;
    ensure(
        "/proc/meminfo",
        memory.starts_with("MemTotal:") && memory.contains("\nMemFree:"),
    )?;
    let cpus = read("/proc/stat")?
        .lines()
        .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
        .count();
    equal(
        "processors",
        read("/proc/cpuinfo")?.matches("processor\t:").count(),
        cpus,
    )?;
    ensure(
        "/proc/filesystems",
        read("/proc/filesystems")?
            .lines()
            .any(|line| line == "nodev\tproc"),
    )?;
    ensure(
        "/proc/version",
        read("/proc/version")?.starts_with("Linux version "),
    )?;
    let (first, second) = (
        read("/proc/sys/kernel/random/uuid")?,
        read("/proc/sys/kernel/random/uuid")?,
    );
    ensure(
        "random identifiers differ",
        first != second && first.trim_end().len() == 36,
    )?;
    equal(
        "the boot's doesn't",
        read("/proc/sys/kernel/random/boot_id")?,
        read("/proc/sys/kernel/random/boot_id")?,
    )?;
    fails(
        "what isn't there",
        fs::read("/proc/nonsense"),
        Errno::ENOENT,
    )?;
    fails("creating", fs::write("/proc/new", ""), Errno::ENOENT)
}
