//! Before a new program runs, all other threads of the process end.

use crate::errno::{Errno, Result};
use crate::sched::State;
use crate::signal::send::notify;
use crate::signal::state::Ending;
use crate::task::{Current, registry};

/// Ends all threads but the calling one, which takes over the process's number.
///
/// # Errors
/// `RESTART_NO_INTERRUPT` when the process is to end, or another thread runs exec already.
pub fn end_others(current: &Current) -> Result<()> {
    let process = current.process();
    let own = current.host_tid();
    {
        let mut shared = process.shared().lock();
        if !matches!(shared.ending, Ending::No) {
            return Err(Errno::RESTART_NO_INTERRUPT);
        }
        if shared.threads.len() > 1 {
            shared.ending = Ending::Exec(own);
            for thread in shared.threads.iter().filter(|thread| !current.is(thread)) {
                thread.set_killed();
                notify(thread, State::KILL);
            }
        }
    }
    let alone = || (process.shared().lock().threads.len() == 1).then_some(());
    process
        .state_changed
        .wait_killable(alone)
        .map_err(|_| Errno::RESTART_NO_INTERRUPT)?;
    {
        let mut shared = process.shared().lock();
        match shared.ending {
            Ending::Process(_) => return Err(Errno::RESTART_NO_INTERRUPT),
            _ => shared.ending = Ending::No,
        }
    }
    if own != process.host_pid() {
        registry::withdraw_thread(own);
        let old = current.take_number(process.number().clone());
        drop(old);
        registry::publish_thread(&current.arc());
    }
    Ok(())
}
