//! A file that appears when it is complete, or not at all.
use anyhow::{Context, Result};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};

/// What to remove when the user interrupts.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);
/// A shell's exit status for a command that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A new file beside the one that it will replace. It goes when the value does, and when the user interrupts.
pub struct Unfinished {
    pub file: File,
    place: PathBuf,
    target: PathBuf,
}

impl Unfinished {
    /// Begins a file of `size` zero bytes, none of which take up space yet. There is one at a time.
    pub fn new(target: &Path, size: u64) -> Result<Self> {
        handle_interrupts()?;
        let name = target.file_name().context("--output: not a file's name")?;
        let folder = match target.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut unfinished = name.to_os_string();
        unfinished.push(format!(".new-{}", std::process::id()));
        let place = folder.join(unfinished);
        *current() = Some(place.clone());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&place)
            .with_context(|| format!("cannot create {}", place.display()))?;
        let unfinished = Self {
            file,
            place,
            target: target.to_path_buf(),
        };
        let sized = unfinished.file.set_len(size);
        sized.with_context(|| format!("cannot create {}", unfinished.place.display()))?;
        Ok(unfinished)
    }

    /// Where it is for the time being.
    pub fn path(&self) -> &Path {
        &self.place
    }

    /// Gives the file its name once its content is safely stored.
    pub fn finish(self) -> Result<()> {
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.place, &self.target))
            .with_context(|| format!("cannot write {}", self.target.display()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is missing if it has its name by now.
        let _ = fs::remove_file(&self.place);
        *current() = None;
    }
}

fn current() -> std::sync::MutexGuard<'static, Option<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn handle_interrupts() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut outcome = Ok(());
    ONCE.call_once(|| {
        outcome = ctrlc::set_handler(|| {
            if let Some(place) = current().as_ref() {
                let _ = fs::remove_file(place);
            }
            std::process::exit(INTERRUPTED);
        });
    });
    outcome.context("cannot listen for Ctrl-C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::TemporaryFolder;
    use std::io::Write;

    #[test]
    fn is_there_complete_or_not_at_all() {
        let folder = TemporaryFolder::new("output").unwrap();
        let target = folder.path().join("card.img");
        fs::write(&target, "old").unwrap();
        drop(Unfinished::new(&target, 1 << 20).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        let mut unfinished = Unfinished::new(&target, 4).unwrap();
        unfinished.file.write_all(b"new").unwrap();
        unfinished.finish().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new\0");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(Unfinished::new(&folder.path().join("missing/card.img"), 4).is_err());
    }
}
