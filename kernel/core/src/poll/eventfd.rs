//! eventfd(2): a counter that can be waited for.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

use hal::sync::SpinLock;

use crate::errno::{Errno, Result};
use crate::sched::WaitQueue;
use crate::vfs::{
    Destination, File, FileOperations, OpenFlags, PollEvents, PollRegistration, Source,
};

/// The largest value of the counter; adding beyond it waits.
const MAXIMUM: u64 = u64::MAX - 1;

struct EventCounter {
    value: SpinLock<u64>,
    /// Each read takes one instead of all (EFD_SEMAPHORE).
    semaphore: bool,
    /// Readers wait for a value, writers for room: both are rare enough to share a queue.
    queue: Arc<WaitQueue>,
}

/// Opens a counter that starts at `value`.
pub fn open(value: u64, semaphore: bool, flags: OpenFlags) -> Arc<File> {
    let counter = EventCounter {
        value: SpinLock::new(value),
        semaphore,
        queue: Arc::new(WaitQueue::new()),
    };
    File::anonymous(
        "[eventfd]",
        Box::new(counter),
        flags | OpenFlags::READ_WRITE,
    )
}

impl EventCounter {
    fn take(&self) -> Option<u64> {
        let mut value = self.value.lock();
        let taken = match (*value, self.semaphore) {
            (0, _) => return None,
            (_, true) => 1,
            (all, false) => all,
        };
        *value -= taken;
        Some(taken)
    }

    fn add(&self, amount: u64) -> Option<()> {
        let mut value = self.value.lock();
        let sum = value.checked_add(amount).filter(|sum| *sum <= MAXIMUM)?;
        *value = sum;
        Some(())
    }
}

impl FileOperations for EventCounter {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        if destination.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let taken = match self.take() {
            Some(taken) => taken,
            None if file.is_non_blocking() => return Err(Errno::EAGAIN),
            None => self.queue.wait_interruptible(|| self.take())?,
        };
        self.queue.wake_all();
        destination.write(&taken.to_ne_bytes())?;
        Ok(8)
    }

    fn write(&self, file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        if source.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let mut bytes = [0; 8];
        let read = source.read(&mut bytes);
        // An amount that isn't added has not been written.
        source.disown();
        read?;
        let amount = u64::from_ne_bytes(bytes);
        if amount == u64::MAX {
            return Err(Errno::EINVAL);
        }
        match self.add(amount) {
            Some(()) => {}
            None if file.is_non_blocking() => return Err(Errno::EAGAIN),
            None => self.queue.wait_interruptible(|| self.add(amount))?,
        }
        self.queue.wake_all();
        Ok(8)
    }

    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        if let Some(registration) = registration {
            registration.watch(&self.queue);
        }
        let value = *self.value.lock();
        let mut events = PollEvents::empty();
        events.set(PollEvents::IN, value > 0);
        events.set(PollEvents::OUT, value < MAXIMUM);
        events
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
