//! What `stat` reports of an inode, kept in atomics so that readers take no lock.

use super::kind::{FileKind, PERMISSION_MASK, SET_GROUP_ID, SET_USER_ID};
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Nanoseconds in a day: an access time older than this is renewed under `relatime` (mount(8)).
const DAY: i64 = 86_400 * 1_000_000_000;

/// The time of day in nanoseconds since 1970.
pub fn now() -> i64 {
    crate::time::realtime() as i64
}

/// Mode, owner, links, size and times of an inode. Each is read and written on its own: a reader that races with
/// `chown` may see the new owner with the old mode, as on Linux.
#[derive(Debug)]
pub struct Attributes {
    mode: AtomicU32,
    /// It has file capabilities; see [`Attributes::gives_rights`].
    capabilities: AtomicBool,
    owner: AtomicU32,
    group: AtomicU32,
    links: AtomicU32,
    size: AtomicU64,
    accessed: AtomicI64,
    modified: AtomicI64,
    changed: AtomicI64,
}

impl Attributes {
    /// Attributes of a new inode with one link (two for a directory), all times now.
    pub fn new(kind: FileKind, permissions: u32, owner: u32, group: u32) -> Self {
        let now = now();
        let links = if kind == FileKind::Directory { 2 } else { 1 };
        Self {
            mode: AtomicU32::new(kind.mode_bits() | (permissions & PERMISSION_MASK)),
            capabilities: AtomicBool::new(false),
            owner: AtomicU32::new(owner),
            group: AtomicU32::new(group),
            links: AtomicU32::new(links),
            size: AtomicU64::new(0),
            accessed: AtomicI64::new(now),
            modified: AtomicI64::new(now),
            changed: AtomicI64::new(now),
        }
    }

    /// Kind and permission bits.
    #[inline]
    pub fn mode(&self) -> u32 {
        self.mode.load(Relaxed)
    }

    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub fn permissions(&self) -> u32 {
        self.mode() & PERMISSION_MASK
    }

    /// Replaces the permission bits.
    pub fn set_permissions(&self, permissions: u32) {
        let kind = self.mode() & !PERMISSION_MASK;
        self.mode
            .store(kind | (permissions & PERMISSION_MASK), Relaxed);
    }

    /// Clears permission bits.
    pub fn clear_permissions(&self, bits: u32) {
        self.mode.fetch_and(!(bits & PERMISSION_MASK), Relaxed);
    }

    /// Notes that the file has capabilities, or none any more.
    pub fn set_capabilities(&self, has: bool) {
        self.capabilities.store(has, Relaxed);
    }

    /// Whether the file has capabilities.
    pub fn has_capabilities(&self) -> bool {
        self.capabilities.load(Relaxed)
    }

    /// Whether executing the file may give rights, by set-id bits or capabilities: a change of content takes them.
    #[inline]
    pub fn gives_rights(&self) -> bool {
        self.mode() & (SET_USER_ID | SET_GROUP_ID) != 0 || self.has_capabilities()
    }

    /// User id of the owner.
    #[inline]
    pub fn owner(&self) -> u32 {
        self.owner.load(Relaxed)
    }

    /// Group id.
    #[inline]
    pub fn group(&self) -> u32 {
        self.group.load(Relaxed)
    }

    /// Replaces the owner and the group.
    pub fn set_ownership(&self, owner: u32, group: u32) {
        self.owner.store(owner, Relaxed);
        self.group.store(group, Relaxed);
    }

    /// Number of names.
    pub fn links(&self) -> u32 {
        self.links.load(Relaxed)
    }

    /// One more name.
    pub fn add_link(&self) {
        self.links.fetch_add(1, Relaxed);
    }

    /// One name less; never below zero.
    pub fn remove_link(&self) {
        let _ = self
            .links
            .fetch_update(Relaxed, Relaxed, |links| links.checked_sub(1));
    }

    /// Sets the number of names.
    pub fn set_links(&self, links: u32) {
        self.links.store(links, Relaxed);
    }

    /// Size in bytes.
    #[inline]
    pub fn size(&self) -> u64 {
        self.size.load(Relaxed)
    }

    /// Sets the size in bytes.
    #[inline]
    pub fn set_size(&self, size: u64) {
        self.size.store(size, Relaxed);
    }

    /// Time of the last access, nanoseconds since 1970.
    pub fn accessed(&self) -> i64 {
        self.accessed.load(Relaxed)
    }

    /// Time of the last change of content.
    pub fn modified(&self) -> i64 {
        self.modified.load(Relaxed)
    }

    /// Time of the last change of content or attributes.
    pub fn changed(&self) -> i64 {
        self.changed.load(Relaxed)
    }

    /// Sets the access time.
    pub fn set_accessed(&self, time: i64) {
        self.accessed.store(time, Relaxed);
    }

    /// Sets the modification time.
    pub fn set_modified(&self, time: i64) {
        self.modified.store(time, Relaxed);
    }

    /// Sets the change time.
    pub fn set_changed(&self, time: i64) {
        self.changed.store(time, Relaxed);
    }

    /// The content changed now.
    pub fn touch_modified(&self) {
        let now = now();
        self.modified.store(now, Relaxed);
        self.changed.store(now, Relaxed);
    }

    /// The attributes changed now.
    pub fn touch_changed(&self) {
        self.changed.store(now(), Relaxed);
    }

    /// The content was read: under `relatime` the access time moves only if it is not after the last change or a day old.
    /// Returns whether it has moved.
    #[inline]
    pub fn touch_accessed(&self, strict: bool) -> bool {
        let accessed = self.accessed.load(Relaxed);
        if strict
            || accessed <= self.modified.load(Relaxed)
            || accessed <= self.changed.load(Relaxed)
        {
            self.accessed.store(now(), Relaxed);
            return true;
        }
        let now = now();
        let is_old = now.saturating_sub(accessed) >= DAY;
        if is_old {
            self.accessed.store(now, Relaxed);
        }
        is_old
    }
}
