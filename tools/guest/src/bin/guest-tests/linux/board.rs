//! What programs learn of the board: /proc/device-tree, and the last lines of /proc/cpuinfo.

use crate::check::{Check, ensure, equal, fails, ok};
use crate::harness::Case;
use gantry_abi::user::Errno;
use std::fs;

pub const CASES: &[Case] = &[
    Case {
        name: "proc_device_tree_is_the_board's",
        test: tree,
    },
    Case {
        name: "proc_cpuinfo_tells_which_raspberry_pi",
        test: raspberry,
    },
];

const TREE: &str = "/proc/device-tree";

fn property(path: &str) -> Check<Vec<u8>> {
    let path = format!("{TREE}/{path}");
    ok(&path, fs::read(&path))
}

fn text(path: &str) -> Check<String> {
    let bytes = property(path)?;
    let text = String::from_utf8_lossy(&bytes);
    text.strip_suffix('\0')
        .map(str::to_string)
        .ok_or_else(|| format!("{path} has no NUL: {text:?}"))
}

/// How many files and directories are below a directory, itself included; each can be read.
fn count(directory: &str) -> Check<usize> {
    let mut found = 1;
    for entry in ok(directory, fs::read_dir(directory))? {
        let entry = ok(directory, entry)?;
        let path = format!("{directory}/{}", entry.file_name().to_string_lossy());
        let metadata = ok(&path, fs::symlink_metadata(&path))?;
        let kind = ok(&path, entry.file_type())?;
        ensure("the listed kind", kind == metadata.file_type())?;
        if kind.is_dir() {
            found += count(&path)?;
        } else {
            ok(&path, fs::read(&path))?;
            found += 1;
        }
    }
    Ok(found)
}

fn tree() -> Check {
    ensure("a model", !text("model")?.is_empty())?;
    equal("the root's name", text("name")?, String::new())?;
    equal("a node's name", text("cpus/name")?, "cpus".to_string())?;
    equal(
        "a name without its address",
        text("cpus/cpu@0/name")?,
        "cpu".to_string(),
    )?;
    equal("a kind", text("cpus/cpu@0/device_type")?, "cpu".to_string())?;
    // The kernel's command line, whose words /proc/cmdline shows as well.
    let line = text("chosen/bootargs")?;
    let shown = ok("/proc/cmdline", fs::read_to_string("/proc/cmdline"))?;
    equal("the command line", shown.trim_end(), line.as_str())?;
    let cells = property("#address-cells")?;
    equal("a number in big-endian order", cells, vec![0, 0, 0, 2])?;
    for secret in ["rng-seed", "kaslr-seed"] {
        let path = format!("{TREE}/chosen/{secret}");
        fails(&path, fs::read(&path), Errno::ENOENT)?;
    }
    let path = format!("{TREE}/new");
    fails("a new file", fs::write(&path, ""), Errno::ENOENT)?;
    ensure("all of it can be read", count(TREE)? > 50)
}

fn raspberry() -> Check {
    let model = text("model")?;
    let shown = ok("/proc/cpuinfo", fs::read_to_string("/proc/cpuinfo"))?;
    let value = |name: &str| {
        let mut lines = shown.lines().filter_map(|line| line.split_once(':'));
        lines
            .find(|(found, _)| found.trim_end() == name)
            .map(|(_, value)| value.trim())
    };
    if !model.starts_with("Raspberry Pi") {
        return equal("the revision of another board", value("Revision"), None);
    }
    equal("the model", value("Model"), Some(model.as_str()))?;
    let serial = value("Serial").ok_or("no serial number")?;
    ensure("sixteen digits", serial.len() == 16)?;
    ok("the serial number", u64::from_str_radix(serial, 16))?;
    let revision = value("Revision").ok_or("no revision")?;
    let revision = ok("the revision", u32::from_str_radix(revision, 16))?;
    // New-style revision codes: bit 23; memory 256 MiB << bits 22:20; type 0x11, bits 11:4, is the 4 Model B.
    equal("a new-style code", revision >> 23 & 1, 1)?;
    equal("the type", revision >> 4 & 0xff, 0x11)?;
    let memory = (256u64 << 10) << (revision >> 20 & 7);
    let total = ok("/proc/meminfo", fs::read_to_string("/proc/meminfo"))?;
    let total: u64 = total
        .split_whitespace()
        .nth(1)
        .and_then(|kibibytes| kibibytes.parse().ok())
        .ok_or("no total")?;
    ensure("not more memory than the code says", total <= memory)
}
