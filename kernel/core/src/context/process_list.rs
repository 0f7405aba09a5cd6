//! Process lists: which processes a member sees, and their numbers.
//!
//! A list only maps its numbers to the host's; the registry of tasks maps those to processes. Numbers are
//! given to threads too, since Linux's thread and process numbers are one space. A number stays in the
//! list until nothing bears it, so a zombie is still seen by its parent; being *attached* ends at exit.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use gantry_abi::context::{ContextState, ContextType, OpenFlags};
use gantry_abi::ioctl;
use hal::sync::IrqSpinLock;

use super::gate::{Gate, Shut};
use super::{Context, Life, Registry, freezer, members};
use crate::heap::MakeRoom;
use crate::sched::WaitQueue;
use crate::task::{Current, Process, family};
use crate::{Errno, Result};

/// The largest number plus one, as Linux's default `pid_max` of a 64-bit machine.
pub const NUMBER_LIMIT: u32 = 4_194_304;
/// Where numbers begin again once the limit is reached, as in Linux.
const FIRST_REUSED: u32 = 300;

/// A process list.
pub struct ProcessList {
    life: Life,
    is_boot: bool,
    /// Passed from a process's admission to its being found in the registry; shut by what must reach every
    /// member at once.
    gate: Gate,
    table: IrqSpinLock<Table>,
    /// Woken when a thread of a member stands still because the list is frozen.
    standing: WaitQueue,
    /// Members that ended for want of memory.
    memory_kills: AtomicU64,
}

/// Being on the way into a list, from admission until the process is found in the registry.
pub struct Passage(Arc<ProcessList>);

impl Drop for Passage {
    fn drop(&mut self) {
        self.0.gate.leave();
    }
}

struct Table {
    /// Number inside → host's number.
    hosts: BTreeMap<u32, u32>,
    next: u32,
    /// The host's number of number 1.
    first: Option<u32>,
    /// Number 1 is gone: nobody joins any more.
    closed: bool,
    frozen: bool,
}

static REGISTRY: Registry<ProcessList> = Registry::new();

impl Context for ProcessList {
    const TYPE: ContextType = ContextType::ProcessList;
    const RUNS_AGAIN: bool = false;
    type Description = ();

    fn life(&self) -> &Life {
        &self.life
    }

    fn registry() -> &'static Registry<Self> {
        &REGISTRY
    }

    fn create(id: u64, _description: &(), _current: &Current) -> Result<Self> {
        Ok(ProcessList::new(id, false))
    }

    fn configure(
        _description: &mut (),
        _current: &Current,
        request: u32,
        _argument: u64,
    ) -> Result<usize> {
        match request {
            ioctl::SIGNAL
            | ioctl::LIST_PIDS
            | ioctl::FREEZE
            | ioctl::THAW
            | ioctl::MEMORY_KILLS => Err(Errno::ENXIO),
            _ => Err(Errno::EINVAL),
        }
    }

    fn command(
        context: &Arc<Self>,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        members::command(context, current, request, argument)
    }

    fn pass(context: &Arc<Self>) -> Option<Passage> {
        Some(context.pass())
    }

    fn admit(&self) -> Result<()> {
        if self.is_closed() {
            Err(Errno::EAGAIN)
        } else {
            Ok(())
        }
    }

    fn attached(context: &Arc<Self>, process: &Arc<Process>) {
        members::number_threads(context, process);
        if context.is_frozen() {
            freezer::stop(process);
        }
    }

    fn left(left: &Arc<Self>, process: &Arc<Process>) {
        // It was frozen with the list that it left, if it was.
        if !process
            .contexts()
            .list()
            .is_some_and(|list| list.is_frozen())
        {
            freezer::release(process);
        }
        if left.first() == Some(process.host_pid()) {
            members::end_list(left);
        }
        // A parent that waits for it may not see it any more.
        if let Some(parent) = family::parent(process) {
            parent.child_changed.wake_all();
        }
    }

    fn memory_kills(&self) -> Option<u64> {
        Some(self.memory_kills.load(Relaxed))
    }

    fn closed(context: &Arc<Self>, flags: OpenFlags) {
        if flags.contains(OpenFlags::KILL_ON_CLOSE) {
            members::end_list(context);
        }
    }
}

impl ProcessList {
    /// A new list without members. The boot list shows every process under its host's number.
    pub(super) fn new(id: u64, is_boot: bool) -> Self {
        ProcessList {
            life: Life::new(id),
            is_boot,
            gate: Gate::new(),
            table: IrqSpinLock::new(Table {
                hosts: BTreeMap::new(),
                next: 1,
                first: None,
                closed: false,
                frozen: false,
            }),
            standing: WaitQueue::new(),
            memory_kills: AtomicU64::new(0),
        }
    }

    /// Whether this is the boot list, whose members see everyone.
    pub fn is_boot(&self) -> bool {
        self.is_boot
    }

    /// The host's number of what members call `number`; `None` when there is no such task in the list.
    pub fn host_number(&self, number: u32) -> Option<u32> {
        if self.is_boot {
            return Some(number);
        }
        self.table.lock().hosts.get(&number).copied()
    }

    /// The host's numbers of every task in sight of a member, in the order of the list's numbers; `None`
    /// for the boot list, which the registry of tasks stands for. `ENOMEM` when there is no room for them.
    pub fn host_numbers(&self) -> Result<Option<Vec<u32>>> {
        if self.is_boot {
            return Ok(None);
        }
        let mut numbers = Vec::new();
        loop {
            let wanted = self.table.lock().hosts.len();
            numbers.make_room(wanted)?;
            let table = self.table.lock();
            if table.hosts.len() <= numbers.capacity() {
                numbers.extend(table.hosts.values());
                return Ok(Some(numbers));
            }
        }
    }

    /// Lets a process on its way into the list pass; sleeps while an action on the whole list runs.
    pub fn pass(self: &Arc<Self>) -> Passage {
        self.gate.enter();
        Passage(Arc::clone(self))
    }

    /// Keeps every process out that isn't found in the registry yet.
    pub(super) fn shut(&self) -> Shut<'_> {
        self.gate.shut()
    }

    /// The host's number of number 1, also when that is gone; `None` for the boot list and before anybody joined.
    pub fn first(&self) -> Option<u32> {
        self.table.lock().first
    }

    /// Whether number 1 is gone, so that nobody can join.
    pub fn is_closed(&self) -> bool {
        let closed = self.table.lock().closed;
        closed || (self.life.state() == ContextState::Empty && !self.is_boot)
    }

    /// Ends joining.
    pub(super) fn close(&self) {
        self.table.lock().closed = true;
    }

    /// Counts a member that ends for want of memory, and tells whoever polls a descriptor of the list.
    pub fn count_memory_kill(&self) {
        self.memory_kills.fetch_add(1, Relaxed);
        self.life.changed().wake_all();
    }

    /// Whether members are to stand still.
    pub fn is_frozen(&self) -> bool {
        self.table.lock().frozen
    }

    /// Sets whether members are to stand still.
    pub(super) fn set_frozen(&self, frozen: bool) {
        self.table.lock().frozen = frozen;
    }

    /// Where a freezing waits for members to stand still.
    pub(super) fn standing(&self) -> &WaitQueue {
        &self.standing
    }

    /// Gives out the next number to the task with this host number.
    pub(super) fn allocate_number(&self, host: u32) -> u32 {
        let mut table = self.table.lock();
        let mut number = table.next;
        while number >= NUMBER_LIMIT || table.hosts.contains_key(&number) {
            number = if number >= NUMBER_LIMIT {
                FIRST_REUSED
            } else {
                number + 1
            };
        }
        table.next = number + 1;
        table.hosts.insert(number, host);
        table.first.get_or_insert(host);
        number
    }

    /// Takes a number back.
    pub(super) fn release_number(&self, number: u32) {
        self.table.lock().hosts.remove(&number);
    }
}
