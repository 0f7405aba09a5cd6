//! How many threads each real user has, for RLIMIT_NPROC. A zombie counts as one until it is waited for.

use super::{Capability, Current, Resource};
use crate::errno::{Errno, Result};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hal::sync::IrqSpinLock;

/// The users that have any. A leaf among the locks; masks interrupts, for threads and processes are let go of there too.
static USERS: IrqSpinLock<BTreeMap<u32, Weak<User>>> = IrqSpinLock::new(BTreeMap::new());

struct User {
    number: u32,
    tasks: AtomicU64,
}

impl Drop for User {
    fn drop(&mut self) {
        let mut users = USERS.lock();
        // Another may have taken the place meanwhile.
        if users
            .get(&self.number)
            .is_some_and(|user| user.strong_count() == 0)
        {
            users.remove(&self.number);
        }
    }
}

/// One thread of a user, as long as it lives.
pub struct UserTask(Arc<User>);

impl UserTask {
    /// One of the user with this number.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn of(number: u32) -> Result<Self> {
        hal::frame::headroom()?;
        let mut users = USERS.lock();
        let known = users.get(&number).and_then(Weak::upgrade);
        let user = known.unwrap_or_else(|| {
            let user = Arc::new(User {
                number,
                tasks: AtomicU64::new(0),
            });
            users.insert(number, Arc::downgrade(&user));
            user
        });
        drop(users);
        Ok(Self::count(user))
    }

    /// One more of the same user.
    pub fn another(&self) -> Self {
        Self::count(self.0.clone())
    }

    fn count(user: Arc<User>) -> Self {
        user.tasks.fetch_add(1, Relaxed);
        Self(user)
    }

    /// How many the user has, this one included.
    pub fn total(&self) -> u64 {
        self.0.tasks.load(Relaxed)
    }
}

impl Drop for UserTask {
    fn drop(&mut self) {
        self.0.tasks.fetch_sub(1, Relaxed);
    }
}

/// Whether the caller's user, which is not 0, has more threads than its limit.
fn is_over(current: &Current, more: u64) -> bool {
    current.with_credentials(|own| own.uid != 0)
        && current
            .user_tasks()
            .is_some_and(|total| total + more > current.process().limit(Resource::Processes))
}

/// Refuses a further thread or process beyond RLIMIT_NPROC; neither user 0 nor who has CAP_SYS_RESOURCE or
/// CAP_SYS_ADMIN is limited.
///
/// # Errors
/// `EAGAIN`.
pub fn check_creation(current: &Current) -> Result<()> {
    if is_over(current, 1)
        && !current.is_capable(Capability::SysResource)
        && !current.is_capable(Capability::SysAdmin)
    {
        return Err(Errno::EAGAIN);
    }
    Ok(())
}

/// To be called when the caller has become another user, which can't fail for want of a place: the next exec does, if the
/// user has too many threads then as well.
pub fn note_change(current: &Current) {
    current.set_over_process_limit(is_over(current, 0));
}

/// Refuses exec to who became a user that had, and has, too many threads.
///
/// # Errors
/// `EAGAIN`.
pub fn check_exec(current: &Current) -> Result<()> {
    if current.is_over_process_limit() {
        if is_over(current, 0) {
            return Err(Errno::EAGAIN);
        }
        current.set_over_process_limit(false);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_while_it_has_a_task() {
        const NUMBER: u32 = 77_001;
        let one = UserTask::of(NUMBER).unwrap();
        let two = one.another();
        let three = UserTask::of(NUMBER).unwrap();
        assert_eq!(two.total(), 3);
        drop((one, three));
        assert_eq!(two.total(), 1);
        assert!(USERS.lock().contains_key(&NUMBER));
        drop(two);
        assert!(!USERS.lock().contains_key(&NUMBER));
    }
}
