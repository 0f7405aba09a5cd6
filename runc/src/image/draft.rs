//! A folder under construction. It grows hidden beside its place and is moved there as the last step, so that it is
//! either whole or not there. The hidden folder is locked while it grows: one without a lock was left by a process that
//! was killed, and is removed by the next.

use crate::system::beneath::Folder;
use std::io;

/// A folder that nobody sees yet.
pub struct Draft {
    /// The folder that it will be in, and its name there.
    parent: Folder,
    name: Vec<u8>,
    hidden_name: Vec<u8>,
    folder: Folder,
    finished: bool,
}

impl Draft {
    /// Begins a folder that will be called `name`. `WouldBlock`: somebody else is making it.
    pub fn begin(parent: Folder, name: &[u8]) -> io::Result<Self> {
        let hidden_name = hidden(name);
        remove_left(&parent, name)?;
        parent.make_folder(&hidden_name)?;
        let folder = parent.open(&hidden_name)?;
        folder.try_lock()?;
        Ok(Self {
            parent,
            name: name.to_owned(),
            hidden_name,
            folder,
            finished: false,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Moves it to its place. `AlreadyExists`: there is something.
    pub fn finish(mut self) -> io::Result<()> {
        let (from, to) = (&self.hidden_name, &self.name);
        self.parent.rename_new(from, &self.parent, to)?;
        self.finished = true;
        Ok(())
    }
}

/// Removes what a killed process has left of a folder called `name`. `WouldBlock`: it is alive.
pub fn remove_left(parent: &Folder, name: &[u8]) -> io::Result<()> {
    let hidden_name = hidden(name);
    if parent.kind(&hidden_name)?.is_none() {
        return Ok(());
    }
    parent.open(&hidden_name)?.try_lock()?;
    parent.remove(&hidden_name)
}

/// The name of the folder whose draft has this name; `None`: it is no draft's.
pub fn visible(hidden: &[u8]) -> Option<&[u8]> {
    hidden.strip_prefix(b".")?.strip_suffix(SUFFIX)
}

const SUFFIX: &[u8] = b".unpacking";

/// The name of a draft.
pub fn hidden(name: &[u8]) -> Vec<u8> {
    [b".", name, SUFFIX].concat()
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // The failure that led here is what is reported.
            let _ = self.folder.clear();
            let _ = self.parent.remove(&self.hidden_name);
        }
    }
}
