//! Finding the program to run: its file, and the interpreters it asks for.

use super::script;
use super::strings::Strings;
use crate::errno::{Errno, Result};
use crate::vfs::open::open_program;
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{Destination, File, Location, View};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// How much of a file is looked at to see what it is (Linux's BINPRM_BUF_SIZE).
pub const START: usize = 256;
/// How many scripts may run one another.
const DEEPEST: usize = 5;

/// A program file, open for execution.
pub struct ProgramFile {
    file: Arc<File>,
    location: Location,
}

impl ProgramFile {
    /// Opens the file at a place.
    ///
    /// # Errors
    /// `EACCES`, `ELOOP` and those of opening.
    pub fn open(view: &View<'_>, location: Location) -> Result<Self> {
        let file = open_program(view, location.clone())?;
        Ok(Self { file, location })
    }

    /// Opens the file that a path leads to.
    ///
    /// # Errors
    /// Those of the walk and of [`Self::open`].
    pub fn find(view: &View<'_>, start: Option<&Location>, path: &[u8], follow: bool) -> Result<Self> {
        let how = if follow { WalkFlags::FOLLOW } else { WalkFlags::empty() };
        Self::open(view, walk::resolve(view, start, path, how)?)
    }

    /// Its place.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The open file.
    pub fn open_file(&self) -> &Arc<File> {
        &self.file
    }

    /// Reads from `offset` on; fewer bytes only at the file's end.
    ///
    /// # Errors
    /// What the file system says.
    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(&mut Destination::kernel(rest), offset + done as u64)? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }

    /// The beginning of the file, [`START`] bytes if it has so many.
    ///
    /// # Errors
    /// `ENOMEM`; what the file system says.
    pub fn read_start(&self) -> Result<Vec<u8>> {
        let mut start = Vec::new();
        start.try_reserve_exact(START).map_err(|_| Errno::ENOMEM)?;
        start.resize(START, 0);
        let length = self.read(&mut start, 0)?;
        start.truncate(length);
        Ok(start)
    }

    /// Fills the buffer from `offset` on.
    ///
    /// # Errors
    /// `ENOEXEC`: the file ends before.
    pub fn read_exactly(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        if offset > i64::MAX as u64 || self.read(buffer, offset)? != buffer.len() {
            return Err(Errno::ENOEXEC);
        }
        Ok(())
    }
}

/// The program to run, after scripts have named theirs.
pub struct Program {
    pub file: ProgramFile,
    /// The beginning of the file.
    pub start: Vec<u8>,
    /// The arguments, with those that scripts put in front.
    pub arguments: Strings,
}

/// Follows scripts from `file`, which was called by `path`, to the program that runs them.
///
/// # Errors
/// `ELOOP`: too many scripts; `ENOEXEC`: no interpreter; `ENOENT` and the like for one that can't be opened.
pub fn follow_scripts(view: &View<'_>, file: ProgramFile, path: &[u8], arguments: Strings) -> Result<Program> {
    let mut program = Program { file, start: Vec::new(), arguments };
    let mut path = copy(path)?;
    for _ in 0..=DEEPEST {
        program.start = program.file.read_start()?;
        let whole = program.start.len() < START;
        let Some(interpreter) = script::parse(&program.start, whole)? else { return Ok(program) };
        let mut arguments = Strings::new();
        arguments.push(interpreter.path)?;
        if let Some(argument) = interpreter.argument {
            arguments.push(argument)?;
        }
        arguments.push(&path)?;
        arguments.append(program.arguments.iter().skip(1))?;
        path = copy(interpreter.path)?;
        program.arguments = arguments;
        program.file = ProgramFile::find(view, None, &path, true)?;
    }
    Err(Errno::ELOOP)
}

/// A copy of some bytes.
///
/// # Errors
/// `ENOMEM`.
pub fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| Errno::ENOMEM)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// The file of a descriptor that execveat(2) is to run, and the name by which its program knows it.
///
/// # Errors
/// `EBADF`; `EACCES` for a file without a place.
pub fn of_descriptor(file: &Arc<File>, descriptor: i32) -> Result<(Location, Vec<u8>)> {
    let location = file.location().ok_or(Errno::EACCES)?.clone();
    let mut name = copy(b"/dev/fd/")?;
    name.extend_from_slice(alloc::format!("{descriptor}").as_bytes());
    Ok((location, name))
}
