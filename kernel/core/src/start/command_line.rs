//! The kernel command line: what is meant for the kernel, and what is handed to the first program
//! (kernel-parameters(7) of Linux, init/main.c). Pure.

use crate::errno::Result;
use crate::exec::arguments::Arguments;

/// The first program's environment besides what the command line adds, as on Linux.
const ENVIRONMENT: [&[u8]; 2] = [b"HOME=/", b"TERM=linux"];

/// Parameters that Linux takes for itself and that mean nothing here: they aren't handed on.
const NOT_HANDED_ON: [&[u8]; 26] = [
    b"console",
    b"earlycon",
    b"root",
    b"rootfstype",
    b"rootflags",
    b"rootwait",
    b"rootdelay",
    b"ro",
    b"rw",
    b"nr_cpus",
    b"nosmp",
    b"nokaslr",
    b"debug",
    b"ignore_loglevel",
    b"printk.time",
    b"mem",
    b"earlyprintk",
    b"keep_bootcon",
    b"noinitrd",
    b"initrd",
    b"mitigations",
    b"audit",
    b"raid",
    b"resume",
    b"noresume",
    b"BOOT_IMAGE",
];

/// What the command line asks of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options<'a> {
    /// `loglevel=`: the console shows records below it; `quiet` is 4.
    pub console_level: Option<u32>,
    /// `panic=`: seconds until a restart after a panic; 0 never, less than 0 at once.
    pub panic: Option<i32>,
    /// `maxcpus=`.
    pub maximum_cpus: Option<usize>,
    /// `rdinit=`: the first program of the initial file system.
    pub initial_program: Option<&'a [u8]>,
    /// `init=`: the first program if the initial file system has none of its own.
    pub program: Option<&'a [u8]>,
}

/// The words of a command line; double quotes hold blanks together and are dropped around a value.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = line;
    core::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return None;
        }
        let mut quoted = false;
        let end = rest.iter().position(|&byte| {
            quoted ^= byte == b'"';
            byte.is_ascii_whitespace() && !quoted
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(word)
    })
}

/// A word's name, and its value if it has one.
fn split(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    let word = unquote(word);
    match word.iter().position(|&byte| byte == b'=') {
        Some(at) => (&word[..at], Some(unquote(&word[at + 1..]))),
        None => (word, None),
    }
}

fn unquote(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\"").unwrap_or(text);
    text.strip_suffix(b"\"").unwrap_or(text)
}

fn number<T: core::str::FromStr>(value: Option<&[u8]>) -> Option<T> {
    core::str::from_utf8(value?).ok()?.parse().ok()
}

/// Takes a command line apart: the kernel's options, and the arguments (from the second on) and environment of the
/// first program. Words before `--` that the kernel doesn't know go on: `name=value` to the environment, others to
/// the arguments, but for those with a dot in their name, which are meant for modules.
///
/// # Errors
/// `ENOMEM`.
pub fn parse(line: &[u8]) -> Result<(Options<'_>, Arguments)> {
    let mut options = Options::default();
    let mut given = Arguments::default();
    for variable in ENVIRONMENT {
        given.environment.push(variable)?;
    }
    let mut kernel = true;
    for word in words(line) {
        if !kernel {
            given.arguments.push(unquote(word))?;
            continue;
        }
        let (name, value) = split(word);
        match name {
            b"--" if value.is_none() => kernel = false,
            b"loglevel" => options.console_level = number(value).or(options.console_level),
            b"quiet" if value.is_none() => options.console_level = Some(4),
            b"panic" => options.panic = number(value).or(options.panic),
            b"maxcpus" => options.maximum_cpus = number(value).or(options.maximum_cpus),
            b"rdinit" => {
                options.initial_program = value.filter(|path| !path.is_empty());
                given.arguments = Default::default();
            }
            b"init" => {
                options.program = value.filter(|path| !path.is_empty());
                // As Linux: what came before was for another program.
                given.arguments = Default::default();
            }
            _ if NOT_HANDED_ON.contains(&name) || name.contains(&b'.') => {}
            _ if value.is_some() => hand_on_variable(&mut given, name, unquote(word))?,
            _ => given.arguments.push(name)?,
        }
    }
    Ok((options, given))
}

/// Adds a variable, in place of an earlier one with this name.
fn hand_on_variable(given: &mut Arguments, name: &[u8], variable: &[u8]) -> Result<()> {
    let mut environment = crate::exec::arguments::Strings::default();
    for old in given.environment.iter() {
        if split(old).0 != name {
            environment.push(old)?;
        }
    }
    environment.push(variable)?;
    given.environment = environment;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn strings(strings: &crate::exec::arguments::Strings) -> Vec<String> {
        strings
            .iter()
            .map(|string| String::from_utf8_lossy(string).into_owned())
            .collect()
    }

    #[test]
    fn the_kernel_takes_its_own_and_hands_on_the_rest() {
        let line = b"console=ttyAMA0 loglevel=7 rdinit=/bin/sh  maxcpus=2 single FOO=bar TERM=vt100 usb.x=1 -- -c \"a b\"";
        let (options, given) = parse(line).unwrap();
        assert_eq!(
            options,
            Options {
                console_level: Some(7),
                maximum_cpus: Some(2),
                initial_program: Some(b"/bin/sh"),
                ..Options::default()
            }
        );
        assert_eq!(strings(&given.arguments), ["single", "-c", "a b"]);
        assert_eq!(
            strings(&given.environment),
            ["HOME=/", "FOO=bar", "TERM=vt100"]
        );
    }

    #[test]
    fn nonsense_is_no_option() {
        let (options, given) = parse(b"loglevel= panic=x quiet \"x=1 2\" =").unwrap();
        assert_eq!(
            options,
            Options {
                console_level: Some(4),
                ..Options::default()
            }
        );
        assert_eq!(
            strings(&given.environment),
            ["HOME=/", "TERM=linux", "x=1 2", "="]
        );
        assert!(parse(b"").unwrap().1.arguments.count == 0);
    }

    #[test]
    fn panic_may_be_negative() {
        assert_eq!(parse(b"panic=-1").unwrap().0.panic, Some(-1));
    }
}
