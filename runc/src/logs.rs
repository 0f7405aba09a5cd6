//! Reads what a container's monitor has kept of its output.

use crate::client;
use crate::error::Error;
use crate::monitor::log_file::{self, Entry};
use crate::protocol::Request;
use crate::state::Found;
use crate::system::{descriptor, socket, terminal};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

/// What is shown.
pub struct Selection {
    /// Lines from this time on.
    pub since: Option<String>,
    /// Lines before this time.
    pub until: Option<String>,
    /// So many lines from the end.
    pub tail: Option<usize>,
    /// Each line begins with its time.
    pub times: bool,
}

impl Selection {
    fn has(&self, entry: &Entry<'_>) -> bool {
        // Times of one form sort as text does.
        self.since
            .as_deref()
            .is_none_or(|since| entry.time >= since)
            && self.until.as_deref().is_none_or(|until| entry.time < until)
    }
}

/// Shows entries.
struct Printer<'a> {
    selection: &'a Selection,
    /// The last entry of standard output and of standard error has not ended its line.
    is_open: [bool; 2],
    /// The beginning of an entry whose end isn't there yet.
    rest: Vec<u8>,
}

impl Printer<'_> {
    /// Shows what was read of a file.
    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut text = std::mem::take(&mut self.rest);
        text.extend_from_slice(bytes);
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        self.rest = text.split_off(whole);
        for line in text.split(|byte| *byte == b'\n') {
            if let Some(entry) = log_file::entry(line).filter(|entry| self.selection.has(entry)) {
                self.print_entry(&entry)?;
            }
        }
        Ok(())
    }

    fn print_entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        let [output, errors] = &mut self.is_open;
        let is_open = if entry.is_error { errors } else { output };
        let mut text = Vec::with_capacity(entry.text.len() + 40);
        if self.selection.times && !*is_open {
            text.extend_from_slice(entry.time.as_bytes());
            text.push(b' ');
        }
        text.extend_from_slice(entry.text);
        if entry.ends {
            text.push(b'\n');
        }
        *is_open = !entry.ends;
        if entry.is_error {
            descriptor::write_all(terminal::stderr(), &text)
        } else {
            descriptor::write_all(terminal::stdout(), &text)
        }
    }
}

/// Shows what was kept so far, and with `follow` also what comes, until the container has ended.
pub fn show(found: &Found, selection: &Selection, follow: bool) -> Result<(), Error> {
    // Asked before anything is read: what comes between is told.
    let monitor = if follow {
        client::ask(found, Request::Follow)?.map(|reply| reply.connection)
    } else {
        None
    };
    let mut printer = Printer {
        selection,
        is_open: [false; 2],
        rest: Vec::new(),
    };
    match show_all(found, &mut printer, monitor) {
        // Nobody reads it any more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Error::system("read its output", &error)),
    }
}

fn show_all(found: &Found, printer: &mut Printer<'_>, monitor: Option<OwnedFd>) -> io::Result<()> {
    // The file that is written is opened first, so that nothing is missed if it is rotated now.
    let mut current = found.folder.open_file(log_file::NAME)?;
    let mut older = VecDeque::new();
    let inode = |file: &File| file.metadata().map(|data| data.ino());
    for age in 1.. {
        match found.folder.open_file(&log_file::name(age))? {
            Some(file) => older.push_front(file),
            None => break,
        }
    }
    let mut text = Vec::new();
    for mut file in older {
        let is_current = match &current {
            Some(current) => inode(&file)? == inode(current)?,
            None => false,
        };
        if !is_current {
            file.read_to_end(&mut text)?;
        }
    }
    if let Some(file) = &mut current {
        file.read_to_end(&mut text)?;
    }
    let start = printer.selection.tail.map_or(0, |lines| tail(&text, lines));
    printer.print(text.get(start..).unwrap_or_default())?;
    let Some(monitor) = monitor else {
        return Ok(());
    };
    loop {
        let (length, _) = socket::receive(&monitor, &mut [0; 16])?;
        text.clear();
        if let Some(file) = &mut current {
            file.read_to_end(&mut text)?;
        }
        let newest = found.folder.open_file(log_file::NAME)?;
        if let Some(mut newest) = newest {
            let is_rotated = match &current {
                Some(current) => inode(&newest)? != inode(current)?,
                None => true,
            };
            if is_rotated {
                newest.read_to_end(&mut text)?;
                current = Some(newest);
            }
        }
        printer.print(&text)?;
        if length == 0 {
            // The monitor is gone, and with it the container.
            return Ok(());
        }
    }
}

/// Where the last `lines` lines begin.
fn tail(text: &[u8], lines: usize) -> usize {
    let mut left = lines;
    let mut start = text.len();
    let mut end = text.len();
    while end > 0 {
        let before = text.get(..end - 1).unwrap_or_default();
        let begin = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |last| last + 1);
        let line = text.get(begin..end - 1).unwrap_or_default();
        // The parts of a line belong to its end.
        if log_file::entry(line).is_none_or(|entry| entry.ends) {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        start = begin;
        end = begin;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn the_last_lines_are_found() {
        let text = b"T stdout F a\nT stdout P b\nT stdout F c\nT stdout F d\n";
        assert_eq!(tail(text, 0), text.len());
        assert_eq!(tail(text, 1), text.len() - 13);
        assert_eq!(tail(text, 2), 13);
        assert_eq!(tail(text, 9), 0);
        assert_eq!(tail(b"", 3), 0);
    }
}
