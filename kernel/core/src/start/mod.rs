//! From the boot information to the first user program.
//!
//! The boot CPU does everything up to the first process, then becomes its own idle thread. The first process is made
//! like any other, but begins in the kernel: it starts its program before it enters user mode.

pub mod command_line;
mod first_program;

use crate::context::{ProcessContexts, TaskNumber, boot};
use crate::errno::{Errno, Result};
use crate::fs::{devtmpfs, erofs, ext4, fat, initramfs, overlay, ramfs};
use crate::memory::AddressSpace;
use crate::sched::cpu::QueueRoom;
use crate::sched::entity::ALL_CPUS;
use crate::sched::{self, Entity, idle};
use crate::signal::action::ActionTable;
use crate::signal::state::AlternateStack;
use crate::signal::{Signal, SignalSet, ThreadSignals};
use crate::system::board;
use crate::task::group::{ProcessGroup, Session};
use crate::task::process::Inheritance;
use crate::task::thread::{NewThread, Resources};
use crate::task::user_tasks::UserTask;
use crate::task::{
    CommandName, Credentials, Current, Limits, Process, ProcessFlags, Thread, ThreadRef, family,
    registry,
};
use crate::vfs::mount_table::MountTable;
use crate::vfs::namespace::{self, Creation};
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{FdTable, FileKind, FsContext, Location, View, file_system, name};
use crate::{exec, log, task, tty};
use alloc::sync::Arc;
use hal::boot::BootInformation;
use hal::exception::UserRegisters;
use hal::sync::Once;
use hal::task::{Task, UserState, flags};

/// What the board found out.
static INFORMATION: Once<BootInformation> = Once::new();

/// The process that idle threads belong to.
static KERNEL: Once<Arc<Process>> = Once::new();

/// The kernel command line (/proc/cmdline).
pub fn command_line() -> &'static [u8] {
    INFORMATION
        .get()
        .map_or(&[], |information| information.command_line)
}

/// What the board found out before the kernel started; nothing in tests on a host.
pub fn information() -> Option<&'static BootInformation> {
    INFORMATION.get()
}

/// Starts the kernel on the boot CPU: memory, the clock, interrupts and the console are there.
pub fn start(information: BootInformation) -> ! {
    INFORMATION.call_once(|| information);
    begin(boot_cpu)
}

/// A further CPU begins: it becomes its idle thread.
pub fn secondary(_cpu: usize) -> ! {
    begin(further_cpu)
}

/// Makes what runs on this CPU its idle thread, which goes on with `main`.
fn begin(main: fn() -> !) -> ! {
    let process = KERNEL.call_once(|| {
        let contexts = ProcessContexts::detached(Arc::new(TaskNumber::new(0, |_| {})));
        Process::new(contexts, inheritance(b"kernel"))
    });
    let room = match QueueRoom::reserve() {
        Ok(room) => room,
        Err(error) => panic!("a CPU can't be started: {error}"),
    };
    hal::task::begin(new_thread(process.clone(), None, room, None), main)
}

fn boot_cpu() -> ! {
    sched::cpu::join(&task::current().arc());
    if let Some(information) = INFORMATION.get()
        && let Err(error) = prepare(information)
    {
        panic!("the system can't be started: {error}");
    }
    idle::run()
}

fn further_cpu() -> ! {
    sched::cpu::join(&task::current().arc());
    idle::run()
}

fn prepare(information: &'static BootInformation) -> Result<()> {
    let (options, _) = command_line::parse(information.command_line)?;
    if let Some(level) = options.console_level {
        log::set_console_level(level);
    }
    if let Some(seconds) = options.panic {
        set_restart(seconds);
    }
    start_screen(information);
    exec::vdso::initialise()?;
    log::info!(
        "Gantry on {}, {} KiB of memory free",
        information.model,
        hal::frame::free() * 4
    );
    board::log_facts(&information.facts);
    if let Some(nanoseconds) = information.wall_clock {
        crate::time::clock::set_boot_wall_clock(nanoseconds);
    }
    name::set_hash_key(crate::system::random::word());
    file_system::register(ramfs::RAMFS);
    file_system::register(ramfs::TMPFS);
    file_system::register(overlay::OVERLAY);
    file_system::register(erofs::EROFS);
    file_system::register(ext4::EXT4);
    file_system::register(fat::VFAT);
    devtmpfs::initialise()?;
    crate::fs::procfs::register();
    crate::fs::devpts::initialise()?;
    tty::console::initialise()?;
    for (name, number) in tty::console::NODES {
        let permissions = if name == "tty" { 0o666 } else { 0o600 };
        devtmpfs::add_node(
            name.as_bytes(),
            FileKind::CharacterDevice,
            permissions,
            number,
        )?;
    }

    let table = MountTable::create_empty_root()?;
    fill_root(&table.root())?;
    let contexts = boot::first_set(table.clone())?;
    start_other_cpus(options.maximum_cpus.unwrap_or(usize::MAX));
    let first = make_first_process(contexts, table.root())?;
    sched::start_thread(first);
    Ok(())
}

/// Makes what every initial file system has on Linux, and unpacks the one that the boot loader gave.
fn fill_root(root: &Location) -> Result<()> {
    let fs = FsContext::new(root.clone());
    let credentials = Credentials::root();
    let view = View {
        fs: &fs,
        credentials: &credentials,
    };
    let make = |path: &[u8], creation: &Creation<'_>| -> Result<()> {
        let parent = walk::resolve_parent(&view, None, path, WalkFlags::empty())?;
        namespace::create(&view, &parent, creation).map(drop)
    };
    make(b"/dev", &Creation::plain(FileKind::Directory, 0o755))?;
    let console = Creation {
        device: tty::console::CONSOLE,
        ..Creation::plain(FileKind::CharacterDevice, 0o600)
    };
    make(b"/dev/console", &console)?;
    make(b"/root", &Creation::plain(FileKind::Directory, 0o700))?;
    let Some(archive) = hal::frame::take_initrd() else {
        panic!("no initramfs: the boot loader gave none (/chosen has no linux,initrd-start)");
    };
    match initramfs::unpack(root, archive) {
        Ok(report) => log::info!("initramfs: {report}"),
        Err(error) => panic!("{error}"),
    }
    Ok(())
}

/// The screen comes first, so that it shows how the rest goes. Without one the serial console is enough.
#[cfg(target_os = "none")]
fn start_screen(information: &'static BootInformation) {
    let Some(frame_buffer) = &information.frame_buffer else {
        return;
    };
    if let Err(error) = crate::screen::start(frame_buffer) {
        log::warn!("the screen is not used: {error}");
    }
}

#[cfg(not(target_os = "none"))]
fn start_screen(_information: &BootInformation) {}

#[cfg(target_os = "none")]
fn set_restart(seconds: i32) {
    hal::panic::set_restart(seconds);
}

#[cfg(not(target_os = "none"))]
fn set_restart(_seconds: i32) {}

#[cfg(target_os = "none")]
fn start_other_cpus(limit: usize) {
    let count = hal::cpu::secondary::start_others(limit.max(1));
    log::info!("{count} of {} CPUs up", hal::cpu::secondary::present());
}

#[cfg(not(target_os = "none"))]
fn start_other_cpus(_limit: usize) {}

fn inheritance(name: &[u8]) -> Inheritance {
    Inheritance {
        actions: ActionTable::new(),
        limits: Limits::initial(),
        name: CommandName::new(name),
        executable: None,
        signal_return: 0,
        flags: ProcessFlags::DUMPABLE,
        personality: 0,
        memory_score: Default::default(),
        owner: 0,
        exit_signal: Some(Signal::SIGCHLD),
    }
}

fn new_thread(
    process: Arc<Process>,
    resources: Option<Resources>,
    room: QueueRoom,
    first: Option<UserTask>,
) -> Thread {
    let name = process.command_name();
    Thread::new(NewThread {
        number: process.number().clone(),
        process,
        scheduling: Entity::new(0, ALL_CPUS),
        signals: ThreadSignals::new(SignalSet::EMPTY, AlternateStack::default()),
        credentials: Arc::new(Credentials::root()),
        starts_system: first.is_some(),
        user_task: first,
        resources,
        name,
        clear_child_tid: 0,
        vfork_done: None,
        room,
    })
}

/// Makes process 1, which starts the first program by itself.
fn make_first_process(contexts: crate::context::ContextSet, root: Location) -> Result<ThreadRef> {
    let number = registry::allocate()?;
    if number != 1 {
        return Err(Errno::EAGAIN);
    }
    let contexts = ProcessContexts::first(
        contexts,
        Arc::new(TaskNumber::new(number, registry::release)),
    );
    let process = Process::new(contexts, inheritance(b"init"));
    let resources = Resources {
        files: FdTable::new(),
        fs: FsContext::new(root),
        memory: AddressSpace::new()?,
    };
    let thread = new_thread(
        process.clone(),
        Some(resources),
        QueueRoom::reserve()?,
        Some(UserTask::of(0)?),
    );
    let task = Task::new_user(thread, UserRegisters::default(), UserState::default())?;
    task.set_flag(flags::WORK);
    process.shared().lock().threads.push(task.clone());
    let session = Session::new(process.number().clone());
    let group = ProcessGroup::new(process.number().clone(), session.clone());
    registry::publish_session(&session);
    registry::publish_group(&group);
    family::enter(&process, None, &group)?;
    registry::publish_process(&process);
    registry::publish_thread(&task);
    Ok(task)
}

/// Starts a thread that only ever runs `entry`, which never returns, in the kernel.
///
/// # Errors
/// `ENOMEM`.
pub(crate) fn kernel_thread(entry: fn()) -> Result<()> {
    let process = KERNEL.get().ok_or(Errno::EAGAIN)?;
    let thread = new_thread(process.clone(), None, QueueRoom::reserve()?, None);
    sched::start_thread(Task::new_kernel(thread, entry)?);
    Ok(())
}

/// Process 1 starts the devices that only a running kernel can use, and the first program, on its way to user mode.
pub(crate) fn run_first_program(current: &Current, registers: &mut UserRegisters) {
    if let Some(information) = INFORMATION.get() {
        (information.start_devices)();
    }
    match command_line::parse(command_line()) {
        Ok((options, given)) => first_program::run(current, registers, &options, &given),
        Err(error) => panic!("the first program can't be started: {error}"),
    }
}
