//! What runc says while it works: errors and warnings on standard error, and in the file of `--log`.

use crate::error::Error;
use crate::time;
use clap::ValueEnum;
use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The form of a line in the file. Comments of its members would be shown in every help.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    // time="..." level=... msg="..."
    Text,
    // An object with the members level, msg and time.
    Json,
}

/// Where messages go.
pub struct Log {
    file: Option<RefCell<File>>,
    format: Format,
    debug: bool,
}

impl Log {
    /// Messages go to standard error, and into a file if one is named. Steps are told only with `debug`.
    pub fn open(path: Option<&Path>, format: Format, debug: bool) -> Result<Self, Error> {
        let open = |path: &Path| {
            let file = File::options().create(true).append(true).open(path);
            let what = || format!("open the log file {}", path.display());
            file.map(RefCell::new)
                .map_err(|error| Error::system(what(), &error))
        };
        Ok(Self {
            file: path.map(open).transpose()?,
            format,
            debug,
        })
    }

    /// Something failed.
    pub fn error(&self, message: &str) {
        eprintln!("runc: {message}");
        self.write("error", message);
    }

    /// Something has no effect.
    pub fn warning(&self, message: &str) {
        eprintln!("runc: warning: {message}");
        self.write("warning", message);
    }

    /// A step.
    pub fn step(&self, message: impl FnOnce() -> String) {
        if self.debug {
            let message = message();
            if self.file.is_none() {
                eprintln!("runc: debug: {message}");
            }
            self.write("debug", &message);
        }
    }

    fn write(&self, level: &str, message: &str) {
        let Some(file) = &self.file else { return };
        let time = time::now_in_text();
        // Debug of a str escapes quotes, backslashes and control characters.
        let line = match self.format {
            Format::Text => format!("time={time:?} level={level} msg={message:?}\n"),
            Format::Json => {
                let record = serde_json::json!({ "level": level, "msg": message, "time": time });
                format!("{record}\n")
            }
        };
        // The message has been on standard error, and there is nowhere else to say that it can't be kept.
        let _ = file.borrow_mut().write_all(line.as_bytes());
    }
}
