//! Running a program: everything that can fail first, then the point of no return.

use super::arguments::Arguments;
use super::elf::Image;
use super::load::{self, Head, Loaded};
use super::privileges::{self, Privileges};
use super::stack::{self, Stack, key};
use super::{script, threads, vdso};
use crate::context;
use crate::errno::{Errno, Result};
use crate::futex;
use crate::heap::MakeRoom;
use crate::memory::{
    AddressSpace, AreaFlags, Label, Layout, MapRequest, PAGE_SIZE, Placement, Protection,
};
use crate::signal::Signal;
use crate::signal::state::AlternateStack;
use crate::task::syscalls::personality;
use crate::task::user_tasks;
use crate::task::{CommandName, Credentials, Current, ProcessFlags, Resource};
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{Executable, File, Location, View, open, permission};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use hal::exception::UserRegisters;
use hal::task::InterruptGuard;
use hal::user::{self, UserAddr};

/// How often an interpreter may itself be a script.
const SCRIPT_DEPTH: usize = 5;
/// What lies behind the stack: the vDSO, which shares its page table there, and a free page.
const BEHIND_STACK: u64 = vdso::SIZE + PAGE_SIZE;
/// What the stack's area begins with besides the arguments; it grows by itself.
const STACK_INITIAL: u64 = 128 << 10;
/// AT_MINSIGSTKSZ: a signal frame and some room.
const MINIMUM_SIGNAL_STACK: u64 = 5120;
/// Clock ticks a second that times(2) counts in.
const CLOCK_TICKS: u64 = 100;

/// The file to run.
pub enum Program<'a> {
    /// Looked up by path, relative to a directory or to the working directory.
    Path {
        start: Option<Location>,
        path: &'a [u8],
        follow: bool,
    },
    /// An open file (AT_EMPTY_PATH); `name` is what it is called.
    Open { location: Location, name: &'a [u8] },
}

impl Program<'_> {
    fn name(&self) -> &[u8] {
        match self {
            Program::Path { path, .. } => path,
            Program::Open { name, .. } => name,
        }
    }
}

/// A program that was found and understood, with its interpreter.
struct Found {
    file: Arc<File>,
    executable: Executable,
    image: Image,
    interpreter: Option<Interpreter>,
    /// The path it was found by, for AT_EXECFN.
    name: Vec<u8>,
}

/// The ELF interpreter of a program. Nobody writes it until it is mapped.
struct Interpreter {
    file: Arc<File>,
    _executable: Executable,
    image: Image,
}

/// A program in an address space of its own, ready to run.
struct Ready {
    memory: Arc<AddressSpace>,
    entry: u64,
    stack_pointer: u64,
    signal_return: u64,
}

/// Runs a program in the calling process: on success the registers are those of its start.
///
/// # Errors
/// Those of execve(2); the caller goes on as it was.
pub fn execute(
    current: &Current,
    registers: &mut UserRegisters,
    program: &Program<'_>,
    mut given: Arguments,
) -> Result<usize> {
    hal::frame::headroom()?;
    user_tasks::check_exec(current)?;
    let prepared = context::prepare_exec(current)?;
    let own = current.fs();
    let new_directories = prepared.directories(&own);
    let credentials = current.credentials();
    let view = View {
        fs: new_directories.as_deref().unwrap_or(&own),
        credentials: &credentials,
    };
    let search = Search {
        view: &view,
        prepared: &prepared,
    };
    let found = search.find(program, &mut given)?;
    let executable = found.executable.clone();
    let privileges =
        privileges::for_program(current, Some(executable.location()), own.is_shared())?;
    let is_dumpable = is_dumpable(&found, &credentials, &privileges);
    let ready = prepare(current, &found, &given, &privileges)?;
    let command = CommandName::new(
        found
            .name
            .rsplit(|&byte| byte == b'/')
            .next()
            .unwrap_or_default(),
    );
    // Copied here: nothing may fail later.
    let unshared_files = {
        let files = current.files();
        // One reference is the thread's, one this one.
        if Arc::strong_count(&files) > 2 {
            Some(files.duplicate()?)
        } else {
            None
        }
    };
    let unshared_fs =
        (prepared.replaces_root() && Arc::strong_count(&own) > 2).then(|| own.duplicate());
    drop(found);
    threads::end_others(current)?;

    // The point of no return. Nobody may look at the new program before its credentials are in place.
    current.process().set_flags(ProcessFlags::DUMPABLE, false);
    leave_memory(current);
    let Ready {
        memory,
        entry,
        stack_pointer,
        signal_return,
    } = ready;
    let old = current.replace_resources(|resources| {
        if let Some(resources) = resources {
            resources.memory = memory;
            resources.files = unshared_files.unwrap_or_else(|| resources.files.clone());
            resources.fs = unshared_fs.unwrap_or_else(|| resources.fs.clone());
        }
    });
    current.activate_address_space(&InterruptGuard::new());
    drop(old);
    if let Some(done) = current.take_vfork_done() {
        done.finish();
    }
    current.process().set_signal_return(signal_return);
    prepared.commit(current);
    current.files().close_on_exec();
    become_program(current, command, executable, privileges);
    current
        .process()
        .set_flags(ProcessFlags::DUMPABLE, is_dumpable);
    *registers = UserRegisters::new(entry, stack_pointer);
    Ok(0)
}

/// Whether others of the same user may look into the process that runs the program: not if it may do more than they,
/// nor if its file isn't theirs to read.
fn is_dumpable(found: &Found, old: &Credentials, privileges: &Privileges) -> bool {
    (old.uid, old.gid) == (old.euid, old.egid)
        && !privileges.credentials.differ_in_power(old)
        && found
            .file
            .location()
            .is_none_or(|file| permission::check(file.inode(), old, permission::READ).is_ok())
}

/// What a thread owes to the memory it leaves (mm_release): robust locks, and the word to clear.
fn leave_memory(current: &Current) {
    futex::robust::release(current);
    let clear = current.clear_child_tid.swap(0, Relaxed);
    if clear != 0 && user::write_value(UserAddr(clear), &0u32).is_ok() {
        futex::wake_at(current, clear, 1);
    }
}

/// Everything of the thread and process that a new program doesn't keep.
fn become_program(
    current: &Current,
    command: CommandName,
    executable: Executable,
    privileges: Privileges,
) {
    let process = current.process();
    process.shared().lock().actions.reset_for_exec();
    current
        .signals()
        .set_alternate_stack(AlternateStack::default());
    process.timers().clear_for_exec();
    process.set_exit_signal(Signal::SIGCHLD);
    process.set_executable(Some(executable));
    process.set_flags(ProcessFlags::HAS_EXECUTED, true);
    if privileges.is_secure {
        current.set_parent_death_signal(None);
        process
            .personality()
            .fetch_and(!personality::CLEARED_FOR_SECURITY, Relaxed);
    }
    current.set_credentials(privileges.credentials);
    current.set_name(command);
    hal::task::reset_float_state();
    hal::task::set_thread_pointer(0);
}

/// Looking programs up, as the program that is to run will see them.
struct Search<'a> {
    view: &'a View<'a>,
    prepared: &'a context::Prepared,
}

impl Search<'_> {
    /// The place of a path. A link of /proc may lead from the root that the program gets to a place outside of it, such as
    /// the file that the caller runs now.
    ///
    /// # Errors
    /// Those of the walk; `EACCES` for a place outside.
    fn resolve(&self, start: Option<&Location>, path: &[u8], flags: WalkFlags) -> Result<Location> {
        let location = walk::resolve(self.view, start, path, flags)?;
        self.prepared.check_inside(&location)?;
        Ok(location)
    }

    /// Opens a program, follows `#!` lines, and understands what it finds at the end.
    fn find(&self, program: &Program<'_>, given: &mut Arguments) -> Result<Found> {
        let location = match program {
            Program::Open { location, .. } => location.clone(),
            Program::Path {
                start,
                path,
                follow,
            } => {
                let flags = if *follow {
                    WalkFlags::FOLLOW
                } else {
                    WalkFlags::empty()
                };
                self.resolve(start.as_ref(), path, flags)?
            }
        };
        let (mut file, mut executable) = open::open_program(self.view, location)?;
        let mut name = Vec::new();
        append(&mut name, program.name())?;
        for _ in 0..=SCRIPT_DEPTH {
            let head = Head::read(&file)?;
            let Some(interpreter) = script::parse(head.bytes())? else {
                let image = load::understand(&file, &head)?;
                let interpreter = self.find_interpreter(&file, &image)?;
                return Ok(Found {
                    file,
                    executable,
                    image,
                    interpreter,
                    name,
                });
            };
            match interpreter.argument {
                Some(argument) => {
                    given
                        .arguments
                        .replace_first(&[interpreter.path, argument, &name])?
                }
                None => given.arguments.replace_first(&[interpreter.path, &name])?,
            }
            let location = self.resolve(None, interpreter.path, WalkFlags::FOLLOW)?;
            (file, executable) = open::open_program(self.view, location)?;
            name.clear();
            append(&mut name, interpreter.path)?;
        }
        Err(Errno::ELOOP)
    }

    /// The ELF interpreter that a program names (PT_INTERP).
    fn find_interpreter(&self, file: &File, image: &Image) -> Result<Option<Interpreter>> {
        let Some((offset, length)) = image.interpreter else {
            return Ok(None);
        };
        let mut path = Vec::new();
        path.make_room_exact(length)?;
        path.resize(length, 0);
        if load::read_at(file, offset, &mut path)? != length || path.pop() != Some(0) {
            return Err(Errno::ENOEXEC);
        }
        let location = self.resolve(None, &path, WalkFlags::FOLLOW)?;
        let (file, executable) = open::open_program(self.view, location)?;
        let head = Head::read(&file)?;
        // As on Linux (ELIBBAD): the program is sound, its interpreter isn't.
        let image = load::understand(&file, &head).map_err(|error| {
            if error == Errno::ENOEXEC {
                Errno::ELIBBAD
            } else {
                error
            }
        })?;
        Ok(Some(Interpreter {
            file,
            _executable: executable,
            image,
        }))
    }
}

fn append(target: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    target.make_room(bytes.len())?;
    target.extend_from_slice(bytes);
    Ok(())
}

/// Maps a program, its interpreter, the vDSO and the stack into a new address space.
fn prepare(
    current: &Current,
    found: &Found,
    given: &Arguments,
    privileges: &Privileges,
) -> Result<Ready> {
    let memory = AddressSpace::new()?;
    take_limits(current, &memory);
    let kept = current.process().personality().load(Relaxed);
    let random = if kept & personality::FIXED_ADDRESSES != 0 && !privileges.is_secure {
        0
    } else {
        crate::system::random::word()
    };
    let top = memory.arrange(random, BEHIND_STACK);
    let program = load::map(&memory, &found.file, &found.image, false)?;
    let interpreter = match &found.interpreter {
        Some(Interpreter { file, image, .. }) => Some(load::map(&memory, file, image, true)?),
        None => None,
    };
    vdso::map(&memory, top)?;
    let stack = build_stack(
        found,
        given,
        privileges,
        &program,
        interpreter.as_ref(),
        top,
    )?;
    let length = (top - (stack.address & !(PAGE_SIZE - 1))) + STACK_INITIAL;
    let protection = Protection {
        read: true,
        write: true,
        execute: found.image.executable_stack,
    };
    memory.map(MapRequest {
        placement: Placement::Fixed(top - length),
        flags: AreaFlags::GROWS_DOWN,
        label: Label::Stack,
        ..MapRequest::anonymous(length, protection)
    })?;
    memory.write_memory(stack.address, &stack.bytes)?;
    memory.set_layout(Layout {
        code_start: program.code.0,
        code_end: program.code.1,
        data_start: program.data.0,
        data_end: program.data.1,
        heap_start: program.end.next_multiple_of(PAGE_SIZE),
        stack_start: stack.address,
        arguments_start: stack.arguments.0,
        arguments_end: stack.arguments.1,
        environment_start: stack.environment.0,
        environment_end: stack.environment.1,
    });
    let entry = interpreter.map_or(program.entry, |interpreter| interpreter.entry);
    Ok(Ready {
        memory,
        entry,
        stack_pointer: stack.address,
        signal_return: vdso::signal_return(top),
    })
}

fn take_limits(current: &Current, memory: &AddressSpace) {
    let limits = *current.process().limits().lock();
    memory
        .limits()
        .address_space
        .store(limits.get(Resource::AddressSpace).soft, Relaxed);
    memory
        .limits()
        .data
        .store(limits.get(Resource::Data).soft, Relaxed);
    memory
        .limits()
        .stack
        .store(limits.get(Resource::Stack).soft, Relaxed);
    memory
        .limits()
        .locked
        .store(limits.get(Resource::LockedMemory).soft, Relaxed);
}

fn build_stack(
    found: &Found,
    given: &Arguments,
    privileges: &Privileges,
    program: &Loaded,
    interpreter: Option<&Loaded>,
    top: u64,
) -> Result<Stack> {
    let credentials = &privileges.credentials;
    let (hardware, hardware_2) = hal::cpu::hardware_capabilities();
    let mut random = [0; 16];
    crate::system::random::fill(&mut random);
    stack::build(
        top,
        given,
        &found.name,
        &random,
        &[
            (key::SYSTEM_INFORMATION, top),
            (key::MINIMUM_SIGNAL_STACK, MINIMUM_SIGNAL_STACK),
            (key::HARDWARE, hardware),
            (key::PAGE_SIZE, PAGE_SIZE),
            (key::CLOCK_TICKS, CLOCK_TICKS),
            (key::PROGRAM_HEADERS, program.program_headers),
            (key::PROGRAM_HEADER_SIZE, 56),
            (
                key::PROGRAM_HEADER_COUNT,
                u64::from(found.image.program_header_count),
            ),
            (
                key::BASE,
                interpreter.map_or(0, |interpreter| interpreter.bias),
            ),
            (key::FLAGS, 0),
            (key::ENTRY, program.entry),
            (key::UID, u64::from(credentials.uid)),
            (key::EUID, u64::from(credentials.euid)),
            (key::GID, u64::from(credentials.gid)),
            (key::EGID, u64::from(credentials.egid)),
            (key::SECURE, u64::from(privileges.is_secure)),
            (key::HARDWARE_2, hardware_2),
        ],
    )
}
