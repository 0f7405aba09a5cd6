//! execve(2), execveat(2).

use super::strings::Strings;
use super::{Request, execute, program, strings_limit};
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::syscalls::user_path::with_path;
use hal::user::UserAddr;

/// The working directory in place of a descriptor.
const WORKING_DIRECTORY: i32 = -100;
/// `AT_SYMLINK_NOFOLLOW`.
const NO_FOLLOW: u32 = 0x100;
/// `AT_EMPTY_PATH`: an empty path means the descriptor itself.
const EMPTY_PATH: u32 = 0x1000;

/// `execve(path, arguments, environment)`. On success the registers are the new program's, and its x0 is 0.
pub fn execve(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let [path, argument_array, environment_array] = [0, 1, 2].map(|index| UserAddr(arguments.u64(index)));
    run(current, arguments, WORKING_DIRECTORY, path, [argument_array, environment_array], 0)
}

/// `execveat(directory, path, arguments, environment, flags)`.
pub fn execveat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let directory = arguments.fd(0);
    let [path, argument_array, environment_array] = [1, 2, 3].map(|index| UserAddr(arguments.u64(index)));
    let flags = arguments.u32(4);
    if flags & !(NO_FOLLOW | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    run(current, arguments, directory, path, [argument_array, environment_array], flags)
}

fn run(
    current: &Current,
    arguments: &mut Arguments,
    directory: i32,
    path: UserAddr,
    [argument_array, environment_array]: [UserAddr; 2],
    flags: u32,
) -> Result<usize> {
    let limit = strings_limit(current.process());
    with_path(path, |path| {
        let relative = path.first() != Some(&b'/') && directory != WORKING_DIRECTORY;
        let descriptor = if relative { Some(current.file(directory)?) } else { None };
        let (file, name) = match &descriptor {
            Some(descriptor) if path.is_empty() && flags & EMPTY_PATH != 0 => {
                let (location, name) = program::of_descriptor(descriptor, directory)?;
                (Some(location), name)
            }
            _ => (None, program::copy(path)?),
        };
        let start = match &descriptor {
            Some(descriptor) if file.is_none() => Some(descriptor.location().ok_or(Errno::ENOTDIR)?),
            _ => None,
        };
        let given = Strings::read(argument_array, limit)?;
        let environment = Strings::read(environment_array, limit)?;
        let follow = flags & NO_FOLLOW == 0;
        let request = Request { file, start, path: &name, follow, arguments: given, environment };
        execute(current, arguments.registers, request)?;
        Ok(0)
    })
}
