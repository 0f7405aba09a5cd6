//! The first line of a script: `#!interpreter [argument]` (execve(2)). Pure.

use crate::errno::{Errno, Result};

/// How many bytes of a file are looked at to see what it is (BINPRM_BUF_SIZE).
pub const HEAD_SIZE: usize = 256;

/// What a script's first line names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interpreter<'a> {
    pub path: &'a [u8],
    /// The rest of the line without surrounding blanks, as one argument.
    pub argument: Option<&'a [u8]>,
}

/// Reads the first line of a file that begins with `head`; none if it isn't a script.
///
/// # Errors
/// `ENOEXEC` when no interpreter is named, or its name is cut off.
pub fn parse(head: &[u8]) -> Result<Option<Interpreter<'_>>> {
    let Some(line) = head.strip_prefix(b"#!") else {
        return Ok(None);
    };
    let (line, whole) = match line.iter().position(|&byte| byte == b'\n') {
        Some(end) => (&line[..end], true),
        None => (line, head.len() < HEAD_SIZE),
    };
    // A file that ends within the line is read as zeros behind it.
    let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
    let line = line.trim_ascii();
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = line.iter().position(is_blank);
    if line.is_empty() || (end.is_none() && !whole) {
        return Err(Errno::ENOEXEC);
    }
    let (path, rest) = line.split_at(end.unwrap_or(line.len()));
    let argument = rest.trim_ascii();
    Ok(Some(Interpreter {
        path,
        argument: (!argument.is_empty()).then_some(argument),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<'a>(path: &'a [u8], argument: Option<&'a [u8]>) -> Result<Option<Interpreter<'a>>> {
        Ok(Some(Interpreter { path, argument }))
    }

    #[test]
    fn the_line_is_path_and_one_argument() {
        assert_eq!(parse(b"#!/bin/sh\necho"), named(b"/bin/sh", None));
        assert_eq!(
            parse(b"#! /bin/awk -f  x \n"),
            named(b"/bin/awk", Some(b"-f  x"))
        );
        assert_eq!(parse(b"#!\t/bin/sh\t-e"), named(b"/bin/sh", Some(b"-e")));
        assert_eq!(parse(b"\x7fELF"), Ok(None));
    }

    #[test]
    fn nothing_named_or_a_cut_off_name_is_no_program() {
        assert_eq!(parse(b"#!\n/bin/sh"), Err(Errno::ENOEXEC));
        assert_eq!(parse(b"#!   "), Err(Errno::ENOEXEC));
        let mut long = [b'a'; HEAD_SIZE];
        long[..2].copy_from_slice(b"#!");
        assert_eq!(parse(&long), Err(Errno::ENOEXEC));
        long[200] = b' ';
        assert!(
            parse(&long).is_ok_and(|line| line.is_some()),
            "only the argument is cut off"
        );
    }
}
