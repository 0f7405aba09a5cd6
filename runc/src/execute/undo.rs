//! What was made in a directory of the caller, to be removed when the container isn't started.
//!
//! It is written down before it is made, in the container's folder: when runc is killed in between, whoever removes
//! that folder removes it as well ([`undo_in`]).

use crate::system::folder::Folder;
use crate::system::tree::{Tree, find_directory_outside};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The file in a container's folder: the directory's path, then one path in it for each thing, all of them ended
/// by a zero byte.
pub const UNDO: &str = "undo";

/// Paths that were made, removed in reverse order when dropped.
#[derive(Default)]
pub struct Undo {
    /// The container's folder, if what is made is to be written down.
    folder: Option<PathBuf>,
    directory: PathBuf,
    // The caller's directory, seen from outside the container: what is mounted inside doesn't show here.
    tree: Option<Tree>,
    made: Vec<String>,
    file: Option<File>,
}

impl Undo {
    /// What is made is written down in the folder at this path.
    pub fn write_to(&mut self, folder: PathBuf) {
        self.folder = Some(folder);
    }

    /// Everything that is noted from now on is made in this directory.
    pub fn start(&mut self, directory: &Path, tree: Tree) {
        directory.clone_into(&mut self.directory);
        self.tree = Some(tree);
    }

    /// Whether what is made has to be noted.
    pub fn is_active(&self) -> bool {
        self.tree.is_some()
    }

    /// Notes that a path is about to be made. What is there already in the caller's directory stays: it is made inside
    /// a mount then, or not at all.
    pub fn note(&mut self, path: &str) -> io::Result<()> {
        let Some(tree) = &self.tree else {
            return Ok(());
        };
        if tree.exists(path)? {
            return Ok(());
        }
        if let Some(folder) = &self.folder {
            let mut text = Vec::new();
            let file = match &mut self.file {
                Some(file) => file,
                none => {
                    let directory = fs::canonicalize(&self.directory)?;
                    text.extend_from_slice(directory.as_os_str().as_bytes());
                    text.push(0);
                    none.insert(File::create(folder.join(UNDO))?)
                }
            };
            text.extend_from_slice(path.as_bytes());
            text.push(0);
            file.write_all(&text)?;
        }
        self.made.push(path.to_owned());
        Ok(())
    }

    /// Everything stays.
    pub fn forget(&mut self) {
        self.tree = None;
        self.made.clear();
        if let (Some(_), Some(folder)) = (self.file.take(), &self.folder) {
            // The container runs: what a file that can't be removed says is not true any more, and a mount point in
            // use can't be removed.
            let _ = fs::remove_file(folder.join(UNDO));
        }
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        let Some(tree) = &self.tree else { return };
        undo(tree, self.made.iter().map(String::as_str));
    }
}

fn undo<'a>(tree: &Tree, made: impl DoubleEndedIterator<Item = &'a str>) {
    for path in made.rev() {
        // What was not made after all is not here; what somebody else filled meanwhile stays.
        let _ = tree.remove(path);
    }
}

/// Removes what was made for the container of this folder, which nobody owns, if that was never started.
pub fn undo_in(folder: &Folder) -> io::Result<()> {
    let Some(text) = folder.read(UNDO)? else {
        return Ok(());
    };
    // What follows the last zero byte was not written to its end.
    let whole = text.iter().rposition(|byte| *byte == 0).unwrap_or(0);
    let text = text.get(..whole).unwrap_or_default();
    let mut parts = text.split(|byte| *byte == 0);
    let directory = Path::new(OsStr::from_bytes(parts.next().unwrap_or_default()));
    // One that isn't there any more holds nothing.
    if let Ok(directory) = find_directory_outside(directory) {
        let made = parts.map(|path| std::str::from_utf8(path).unwrap_or_default());
        let made: Vec<&str> = made.filter(|path| path.starts_with('/')).collect();
        undo(&Tree::new(directory), made.into_iter());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{UNDO, Undo, undo_in};
    use crate::system::folder::Folder;
    use crate::system::tree::{Tree, find_directory_outside};
    use std::fs;

    #[test]
    fn what_a_killed_runc_has_made_is_removed() {
        let place = std::env::temp_dir().join(format!("runc-undo-{}", std::process::id()));
        let (root, folder) = (place.join("root"), place.join("folder"));
        fs::create_dir_all(root.join("there")).unwrap();
        fs::create_dir_all(&folder).unwrap();
        let mut undo = Undo::default();
        undo.write_to(folder.clone());
        undo.start(&root, Tree::new(find_directory_outside(&root).unwrap()));
        for path in ["/there", "/a", "/a/b"] {
            undo.note(path).unwrap();
            let _ = fs::create_dir(root.join(&path[1..]));
        }
        // As SIGKILL leaves it.
        std::mem::forget(undo);
        let held = Folder::open(&folder).unwrap();
        undo_in(&held).unwrap();
        assert!(root.join("there").exists());
        assert!(!root.join("a").exists());
        fs::write(
            folder.join(UNDO),
            [root.as_os_str().as_encoded_bytes(), b"\0/there"].concat(),
        )
        .unwrap();
        undo_in(&held).unwrap();
        assert!(root.join("there").exists(), "its record was cut off");
        fs::remove_dir_all(place).unwrap();
    }
}
