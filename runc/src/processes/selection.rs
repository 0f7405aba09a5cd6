//! Which columns `runc ps` shows, as options of ps(1) say it. Which processes it shows they don't say: those of the
//! container.

use super::Process;
use super::columns::{COLUMNS, Column, Machine, find};
use crate::error::Error;
use crate::text;

/// Columns with what stands above each.
pub struct Selection {
    columns: Vec<(&'static Column, String)>,
    has_heading: bool,
}

/// What `ps -ef` shows.
const FULL: &str = "uid,pid,ppid,c,stime,tty,time,args=CMD";
/// What `ps -e` shows.
const SHORT: &str = "pid,tty,time,comm=CMD";
/// What `ps ax` shows.
const PLAIN: &str = "pid,tty,stat,bsdtime,args";
/// What `ps aux` shows.
const USER: &str = "user,pid,%cpu,%mem,vsz,rss,tty,stat,bsdstart,bsdtime,args";

impl Selection {
    /// Reads options: none are those of `ps -ef`.
    pub fn parse(options: &[String]) -> Result<Self, Error> {
        let mut form = if options.is_empty() { FULL } else { SHORT };
        let mut chosen: Vec<(&'static Column, String)> = Vec::new();
        let mut has_heading = true;
        let mut words = options.iter();
        while let Some(word) = words.next() {
            if word == "--no-headers" || word == "--no-heading" {
                has_heading = false;
                continue;
            }
            let (is_dashed, letters) = match word.strip_prefix('-') {
                Some(letters) if !letters.starts_with('-') => (true, letters),
                Some(_) => return Err(unknown(word)),
                None => (false, word.as_str()),
            };
            for (index, letter) in letters.char_indices() {
                match letter {
                    // A list of columns follows, in this word or as the next.
                    'o' => {
                        let rest = letters.get(index + 1..).filter(|rest| !rest.is_empty());
                        let list = rest.or_else(|| words.next().map(String::as_str));
                        let list =
                            list.ok_or_else(|| Error::new("ps -o takes names of columns"))?;
                        chosen.extend(columns(list)?);
                        break;
                    }
                    'f' if is_dashed => form = FULL,
                    'u' if !is_dashed => form = USER,
                    'h' if !is_dashed => has_heading = false,
                    'x' if form == SHORT => form = PLAIN,
                    'a' if !is_dashed && form == SHORT => form = PLAIN,
                    // All processes, and lines of any width: so it is anyway.
                    'A' | 'a' | 'e' | 'x' | 'w' => {}
                    _ => return Err(unknown(word)),
                }
            }
        }
        if chosen.is_empty() {
            chosen = columns(form)?;
        }
        Ok(Self {
            columns: chosen,
            has_heading,
        })
    }

    /// The table of these processes.
    pub fn table(&self, processes: &[Process]) -> String {
        let machine = Machine::now();
        let mut rows = Vec::with_capacity(processes.len() + 1);
        let headings = self.columns.iter().map(|(_, heading)| heading);
        if self.has_heading && headings.clone().any(|heading| !heading.is_empty()) {
            rows.push(headings.cloned().collect());
        }
        for process in processes {
            let cells = self.columns.iter();
            let cells = cells.map(|(column, _)| text::shown(&(column.value)(process, &machine)));
            rows.push(cells.collect());
        }
        text::table(&rows)
    }
}

fn unknown(word: &str) -> Error {
    Error::new(format!(
        "the option {} of ps is not supported: take -ef, aux or -o with names of columns",
        text::quoted(word)
    ))
}

/// The columns of a list: names with a comma or space in between, each with what is to stand above it, if that is
/// to be something else, after an equals sign; that is all the rest then.
fn columns(list: &str) -> Result<Vec<(&'static Column, String)>, Error> {
    let mut columns = Vec::new();
    for part in list.split([',', ' ']).filter(|part| !part.is_empty()) {
        let (name, heading) = match part.split_once('=') {
            Some((name, heading)) => (name, Some(heading)),
            None => (part, None),
        };
        let Some(column) = find(name) else {
            let names: Vec<_> = COLUMNS.iter().filter_map(|it| it.names.first()).collect();
            let names: Vec<_> = names.into_iter().copied().collect();
            return Err(Error::new(format!(
                "ps has no column {}: there are {}",
                text::quoted(name),
                names.join(" ")
            )));
        };
        columns.push((column, heading.unwrap_or(column.heading).to_owned()));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::{Process, Selection};

    fn table(options: &str) -> Result<String, String> {
        let options: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
        let process = Process {
            number: 7,
            state: 'S',
            name: "sh".to_owned(),
            command: "sh -c x".to_owned(),
            ..Process::default()
        };
        let selection = Selection::parse(&options).map_err(|error| error.to_string())?;
        Ok(selection.table(&[process]))
    }

    fn heading(options: &str) -> Vec<String> {
        let table = table(options).unwrap();
        let line = table.lines().next().unwrap_or_default();
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_choose_columns() {
        let full = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"];
        for options in ["", "-ef", "-e -f", "-Af"] {
            assert_eq!(heading(options), full, "{options}");
        }
        assert_eq!(heading("-e"), ["PID", "TTY", "TIME", "CMD"]);
        for options in ["-e -x", "ax", "x"] {
            assert_eq!(
                heading(options),
                ["PID", "TTY", "STAT", "TIME", "COMMAND"],
                "{options}"
            );
        }
        assert_eq!(heading("aux").len(), 11);
        assert_eq!(table("-o pid,comm").unwrap(), "PID  COMMAND\n7    sh\n");
        assert_eq!(table("-eo pid,stat=HOW").unwrap(), "PID  HOW\n7    S\n");
        assert_eq!(table("-opid=").unwrap(), "7\n");
        assert_eq!(table("--no-headers -o args").unwrap(), "sh -c x\n");
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for options in ["-l", "-q", "--forest", "json", "f"] {
            let message = table(options).unwrap_err();
            assert!(message.contains("is not supported"), "{options}: {message}");
        }
        assert!(table("-o").is_err());
        assert!(
            table("-o nothing")
                .unwrap_err()
                .contains("no column nothing: there are pid ")
        );
    }
}
