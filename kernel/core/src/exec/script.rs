//! Scripts: files that begin with `#!` and the program that runs them (execve(2), "Interpreter scripts").

use crate::errno::{Errno, Result};

/// The first line of a script.
#[derive(Debug, PartialEq, Eq)]
pub struct Interpreter<'a> {
    pub path: &'a [u8],
    /// All the rest of the line, as one argument.
    pub argument: Option<&'a [u8]>,
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Reads the first line of a file of which `start` is the beginning; none if it is no script. `whole` says whether the
/// file ends there.
///
/// # Errors
/// `ENOEXEC`: no interpreter is named, or its path goes beyond `start`.
pub fn parse(start: &[u8], whole: bool) -> Result<Option<Interpreter<'_>>> {
    let Some(rest) = start.strip_prefix(b"#!") else { return Ok(None) };
    let end = rest.iter().position(|&byte| byte == b'\n' || byte == 0);
    let complete = end.is_some() || whole;
    let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    let line = line.trim_ascii_end();
    let line = line.get(line.iter().take_while(|byte| is_blank(byte)).count()..).unwrap_or_default();
    let length = line.iter().position(|byte| is_blank(byte)).unwrap_or(line.len());
    let (path, argument) = line.split_at(length);
    // A path that is cut off would name another program.
    if path.is_empty() || (argument.is_empty() && !complete) {
        return Err(Errno::ENOEXEC);
    }
    let argument = argument.trim_ascii_start();
    Ok(Some(Interpreter { path, argument: (!argument.is_empty()).then_some(argument) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[u8]) -> (&[u8], Option<&[u8]>) {
        let interpreter = parse(line, false).unwrap().unwrap();
        (interpreter.path, interpreter.argument)
    }

    #[test]
    fn path_and_one_argument() {
        assert_eq!(parsed(b"#!/bin/sh\necho\n"), (b"/bin/sh".as_slice(), None));
        assert_eq!(parsed(b"#! \t/bin/sh -e  -u \t\n"), (b"/bin/sh".as_slice(), Some(b"-e  -u".as_slice())));
    }

    #[test]
    fn no_script_and_no_interpreter() {
        assert_eq!(parse(b"\x7fELF", false), Ok(None));
        assert_eq!(parse(b"#!\n", false), Err(Errno::ENOEXEC));
        assert_eq!(parse(b"#!   ", true), Err(Errno::ENOEXEC));
    }

    #[test]
    fn a_path_that_is_cut_off_is_refused_but_an_argument_may_be() {
        assert_eq!(parse(b"#!/very/long", false), Err(Errno::ENOEXEC));
        assert_eq!(parsed(b"#!/bin/sh argu"), (b"/bin/sh".as_slice(), Some(b"argu".as_slice())));
        assert!(parse(b"#!/bin/sh", true).unwrap().is_some());
    }
}
