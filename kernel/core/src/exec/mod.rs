//! Running programs: execve(2).
//!
//! * [`program`]: finds the file and follows scripts ([`script`]). [`elf`]: reads what the file asks for; [`image`] maps
//!   it. [`strings`], [`stack`]: arguments, environment and auxiliary vector. [`vdso`]: the kernel's code page.
//! * [`replace`]: the point of no return. Everything that can fail is done before it, in a new address space beside the
//!   old one; contexts that wait for an exec are replaced there in one step.

mod elf;
mod image;
mod program;
mod replace;
mod script;
mod stack;
pub mod strings;
pub mod syscalls;
pub mod vdso;

use crate::context::transition::prepare_exec;
use crate::errno::{Errno, Result};
use crate::memory::{
    AddressSpace, AreaFlags, Label, MapRequest, PAGE_SIZE, Placement, Protection, USER_END,
};
use crate::signal::frame::FRAME_SIZE;
use crate::system::random;
use crate::task::{CommandName, Credentials, Current, Process, ProcessFlags, Resource};
use crate::vfs::kind::{SET_GROUP_ID, SET_USER_ID};
use crate::vfs::mount::MountFlags;
use crate::vfs::{FsContext, Location, View};
use alloc::sync::Arc;
use hal::exception::UserRegisters;
use image::Loaded;
use program::{Program, ProgramFile};
use replace::Ready;
use stack::auxiliary;
use strings::Strings;

/// What to run.
pub struct Request<'a> {
    /// The file, if a descriptor names it.
    pub file: Option<Location>,
    /// Where a relative path begins if not in the working directory.
    pub start: Option<&'a Location>,
    /// Path of the program, or how a script is to call it when `file` names it.
    pub path: &'a [u8],
    /// Follow a symbolic link that is the path's last component.
    pub follow: bool,
    pub arguments: Strings,
    pub environment: Strings,
}

/// Most bytes that arguments and environment may take, whatever the stack limit says (Linux: three quarters of 8 MiB).
const MOST_STRINGS: u64 = 6 << 20;
/// What they may take in any case (ARG_MAX).
const LEAST_STRINGS: u64 = 128 << 10;
/// The unit of times(2), in ticks a second: what Linux tells every program.
const CLOCK_TICKS: u64 = 100;
/// Permission of the group to execute: without it, the set-group-id bit means something else.
const GROUP_EXECUTE: u32 = 0o010;
/// Pages below the top of user space over which the stack's top is spread at random.
const STACK_SPREAD: u64 = 1 << 16;
/// Bytes of stack that are mapped at first, besides the strings; the rest grows.
const FIRST_STACK: u64 = 128 << 10;

/// How many bytes arguments and environment may take: a quarter of the stack.
pub fn strings_limit(process: &Process) -> usize {
    (process.limit(Resource::Stack) / 4).clamp(LEAST_STRINGS, MOST_STRINGS) as usize
}

/// Makes the calling process run another program; on success `registers` are where it begins.
///
/// # Errors
/// Those of execve(2); the old program goes on. `EAGAIN` also when a process list that waits for this exec is dead.
pub fn execute(current: &Current, registers: &mut UserRegisters, request: Request<'_>) -> Result<()> {
    hal::frame::headroom()?;
    let prepared = prepare_exec(current)?;
    let own_fs = current.fs();
    let new_root = prepared.root().map(FsContext::new);
    let credentials = current.credentials();
    // With a VFS root pending, the program and its interpreters are those of the new root.
    let view = View { fs: new_root.as_deref().unwrap_or(&own_fs), credentials: &credentials };

    let file = match request.file {
        Some(location) => ProgramFile::open(&view, location)?,
        None => {
            let start = request.start.filter(|_| new_root.is_none());
            ProgramFile::find(&view, start, request.path, request.follow)?
        }
    };
    let name = command_name(request.path);
    let new_credentials = credentials_for(current, &credentials, file.location());
    let mut arguments = request.arguments;
    if arguments.count() == 0 {
        // A program may count on having a name, as since Linux 5.18.
        arguments.push(b"")?;
    }
    let program = program::follow_scripts(&view, file, request.path, arguments)?;
    if program.arguments.size() + request.environment.size() > strings_limit(current.process()) {
        return Err(Errno::E2BIG);
    }

    let memory = AddressSpace::new()?;
    let image = image::examine(&program.file, &program.start)?;
    let mut loaded = image::load(&memory, &program.file, &image)?;
    let interpreter = match image::interpreter_path(&program.file, &image)? {
        Some(path) => Some(load_interpreter(&view, &memory, &path)?),
        None => None,
    };
    loaded.layout.signal_return = vdso::map(&memory)?;
    let pointer = set_up_stack(&memory, &mut loaded, &program, &request.environment, &Facts {
        path: request.path,
        interpreter: interpreter.map_or(0, |(base, _)| base),
        credentials: &new_credentials,
    })?;
    memory.set_layout(loaded.layout);
    let entry = interpreter.map_or(loaded.entry, |(_, entry)| entry);

    let files = current.files();
    // One reference is the thread's, one is held here.
    let files = if Arc::strong_count(&files) > 2 { Some(files.duplicate()?) } else { None };
    let fs = (new_root.is_some() && Arc::strong_count(&own_fs) > 2).then(|| own_fs.duplicate());
    drop(own_fs);
    replace::become_only_thread(current)?;
    replace::replace(current, Ready { program, memory, credentials: new_credentials, prepared, files, fs, name });
    *registers = UserRegisters::new(entry, pointer);
    Ok(())
}

/// The last component of the path.
fn command_name(path: &[u8]) -> CommandName {
    CommandName::new(path.rsplit(|&byte| byte == b'/').next().unwrap_or_default())
}

fn load_interpreter(view: &View<'_>, memory: &AddressSpace, path: &[u8]) -> Result<(u64, u64)> {
    let file = ProgramFile::find(view, None, path, true)?;
    let start = file.read_start()?;
    let image = image::examine(&file, &start).map_err(|error| match error {
        // The program is sound, the library it asks for isn't (ELIBBAD, as Linux).
        Errno::ENOEXEC => Errno::ELIBBAD,
        other => other,
    })?;
    image::load_interpreter(memory, &file, &image)
}

/// Who the new program acts for: set-user-id and set-group-id files change that, unless the mount, the jail or
/// PR_SET_NO_NEW_PRIVS forbids.
fn credentials_for(current: &Current, old: &Credentials, location: &Location) -> Credentials {
    let mut new = old.clone();
    let process = current.process();
    let forbidden = location.mount.flags().contains(MountFlags::NO_SETUID)
        || process.flags().contains(ProcessFlags::NO_NEW_PRIVILEGES)
        || process.contexts().jail().is_jailed();
    let attributes = &location.inode().attributes;
    let mode = attributes.mode();
    if !forbidden && mode & SET_USER_ID != 0 {
        new.euid = attributes.owner();
    }
    if !forbidden && mode & (SET_GROUP_ID | GROUP_EXECUTE) == SET_GROUP_ID | GROUP_EXECUTE {
        new.egid = attributes.group();
    }
    new.suid = new.euid;
    new.fsuid = new.euid;
    new.sgid = new.egid;
    new.fsgid = new.egid;
    new
}

/// What the auxiliary vector tells besides where things are.
struct Facts<'a> {
    path: &'a [u8],
    interpreter: u64,
    credentials: &'a Credentials,
}

/// Maps the stack and puts arguments, environment and auxiliary vector on it; gives the stack pointer.
fn set_up_stack(
    memory: &AddressSpace,
    loaded: &mut Loaded,
    program: &Program,
    environment: &Strings,
    facts: &Facts<'_>,
) -> Result<u64> {
    let top = USER_END - PAGE_SIZE - random::word() % STACK_SPREAD * PAGE_SIZE;
    let credentials = facts.credentials;
    let secure = credentials.euid != credentials.uid || credentials.egid != credentials.gid;
    let (capabilities, capabilities_2) = hal::cpu::hardware_capabilities();
    let entries = [
        (auxiliary::HARDWARE_CAPABILITIES, capabilities),
        (auxiliary::PAGE_SIZE, PAGE_SIZE),
        (auxiliary::CLOCK_TICKS, CLOCK_TICKS),
        (auxiliary::PROGRAM_HEADERS, loaded.headers),
        (auxiliary::PROGRAM_HEADER_SIZE, elf::PROGRAM_HEADER_SIZE as u64),
        (auxiliary::PROGRAM_HEADER_COUNT, loaded.header_count as u64),
        (auxiliary::BASE, facts.interpreter),
        (auxiliary::FLAGS, 0),
        (auxiliary::ENTRY, loaded.entry),
        (auxiliary::USER, u64::from(credentials.uid)),
        (auxiliary::EFFECTIVE_USER, u64::from(credentials.euid)),
        (auxiliary::GROUP, u64::from(credentials.gid)),
        (auxiliary::EFFECTIVE_GROUP, u64::from(credentials.egid)),
        (auxiliary::SECURE, u64::from(secure)),
        (auxiliary::HARDWARE_CAPABILITIES_2, capabilities_2),
        (auxiliary::MINIMAL_SIGNAL_STACK, FRAME_SIZE),
    ];
    let mut random_bytes = [0; 16];
    random::fill(&mut random_bytes);
    let stack = stack::build(top, &stack::Contents {
        arguments: &program.arguments,
        environment,
        file_name: facts.path,
        auxiliary: &entries,
        random: random_bytes,
    })?;
    let lowest = (stack.pointer & !(PAGE_SIZE - 1)) - FIRST_STACK;
    memory.map(MapRequest {
        placement: Placement::Fixed(lowest),
        flags: AreaFlags::GROWS_DOWN,
        label: Label::Stack,
        ..MapRequest::anonymous(
            top - lowest,
            Protection { read: true, write: true, execute: loaded.executable_stack },
        )
    })?;
    memory.write_memory(stack.pointer, &stack.bytes)?;
    let layout = &mut loaded.layout;
    layout.stack_start = stack.pointer;
    (layout.arguments_start, layout.arguments_end) = stack.arguments;
    (layout.environment_start, layout.environment_end) = stack.environment;
    Ok(stack.pointer)
}

/// Runs the first program of the machine, in a process that has run none.
///
/// # Errors
/// As [`execute`].
pub fn execute_first(
    current: &Current,
    registers: &mut UserRegisters,
    path: &[u8],
    arguments: Strings,
    environment: Strings,
) -> Result<()> {
    execute(current, registers, Request { file: None, start: None, path, follow: true, arguments, environment })
}
