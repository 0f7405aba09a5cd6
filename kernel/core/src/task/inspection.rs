//! Who may look into another process's memory, files and places (ptrace(2), "Ptrace access mode checking").

use super::{Capability, Current, Process, ProcessFlags, ThreadRef};
use alloc::sync::Arc;

/// Which of the caller's identities counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// That for files, as where a file in /proc is used.
    FileUser,
    /// The real one, as where a system call names the process.
    RealUser,
}

/// Whether the caller may inspect `thread` of `process`; without a thread, what is left of one that has ended. It may
/// look into its own process. Another's must act for the same user and group throughout, be dumpable, and permit itself
/// nothing that the caller lacks, or the caller needs CAP_SYS_PTRACE.
pub fn may_inspect(
    current: &Current,
    process: &Arc<Process>,
    thread: Option<&ThreadRef>,
    by: By,
) -> bool {
    if Arc::ptr_eq(current.process(), process) {
        return true;
    }
    let mine = current.credentials();
    if mine.is_capable(Capability::SysPtrace) {
        return true;
    }
    let (user, group, capabilities) = match by {
        By::FileUser => (mine.fsuid, mine.fsgid, mine.effective),
        By::RealUser => (mine.uid, mine.gid, mine.permitted),
    };
    thread.is_some_and(|thread| {
        thread.with_credentials(|theirs| {
            [theirs.uid, theirs.euid, theirs.suid] == [user; 3]
                && [theirs.gid, theirs.egid, theirs.sgid] == [group; 3]
                && theirs.permitted.is_subset(capabilities)
        })
    }) && process.flags().contains(ProcessFlags::DUMPABLE)
}
