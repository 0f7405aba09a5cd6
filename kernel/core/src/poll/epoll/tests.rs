//! The rules of epoll(7) on files that are ready when the test says so.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU32, Ordering};

use super::instance::{Epoll, Event};
use super::interest::{EDGE_TRIGGERED, ONE_SHOT};
use crate::errno::{Errno, Result};
use crate::sched::WaitQueue;
use crate::vfs::{File, FileOperations, OpenFlags, PollEvents, PollRegistration};

const IN: u32 = PollEvents::READABLE.bits();
const OUT: u32 = PollEvents::WRITABLE.bits();

#[derive(Default)]
struct State {
    ready: AtomicU32,
    queue: WaitQueue,
}

struct Scripted(Arc<State>);

impl FileOperations for Scripted {
    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        if let Some(registration) = registration {
            registration.watch(&self.0.queue);
        }
        PollEvents::from_bits_retain(self.0.ready.load(Ordering::SeqCst))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn scripted() -> (Arc<File>, Arc<State>) {
    let state = Arc::new(State::default());
    (
        File::anonymous(
            "[test]",
            Box::new(Scripted(state.clone())),
            OpenFlags::READ_WRITE,
        ),
        state,
    )
}

impl State {
    /// Becomes ready for these events, and tells.
    fn become_ready(&self, events: u32) {
        self.ready.store(events, Ordering::SeqCst);
        self.queue.wake_all();
    }
}

fn event(events: u32, data: u64) -> Event {
    Event {
        events,
        padding: 0,
        data,
    }
}

/// The events there are, without waiting.
fn collect(epoll: &Epoll, maximum: usize) -> Vec<(u32, u64)> {
    let mut found = Vec::new();
    let count = epoll.wait(maximum, Some(0), |index, event| {
        assert_eq!(index, found.len());
        found.push((event.events, event.data));
        Ok(())
    });
    assert_eq!(count, Ok(found.len()));
    found
}

fn epoll() -> Arc<File> {
    Epoll::open(OpenFlags::empty())
}

#[test]
fn level_triggered_reports_while_it_lasts() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let (file, state) = scripted();
    set.add(3, &file, event(IN, 30)).unwrap();
    assert_eq!(collect(set, 8), []);
    state.become_ready(IN | OUT);
    assert_eq!(collect(set, 8), [(IN, 30)]);
    assert_eq!(collect(set, 8), [(IN, 30)]);
    state.ready.store(0, Ordering::SeqCst);
    assert_eq!(collect(set, 8), []);
    state.become_ready(IN);
    assert_eq!(collect(set, 8), [(IN, 30)]);
}

#[test]
fn edge_triggered_reports_each_change_once() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let (file, state) = scripted();
    state.ready.store(IN, Ordering::SeqCst);
    set.add(3, &file, event(IN | EDGE_TRIGGERED, 1)).unwrap();
    assert_eq!(collect(set, 8), [(IN, 1)]);
    assert_eq!(collect(set, 8), []);
    state.become_ready(IN);
    assert_eq!(collect(set, 8), [(IN, 1)]);
    assert_eq!(collect(set, 8), []);
}

#[test]
fn one_shot_sleeps_until_it_is_changed() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let (file, state) = scripted();
    set.add(3, &file, event(IN | ONE_SHOT, 1)).unwrap();
    state.become_ready(IN);
    assert_eq!(collect(set, 8), [(IN, 1)]);
    state.become_ready(IN);
    assert_eq!(collect(set, 8), []);
    set.modify(3, &file, event(IN | ONE_SHOT, 2)).unwrap();
    assert_eq!(collect(set, 8), [(IN, 2)]);
}

#[test]
fn errors_and_hang_up_are_always_reported() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let (file, state) = scripted();
    set.add(3, &file, event(0, 1)).unwrap();
    let hang_up = PollEvents::HANG_UP.bits();
    state.become_ready(IN | hang_up);
    assert_eq!(collect(set, 8), [(hang_up, 1)]);
}

#[test]
fn many_take_turns() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let files: Vec<_> = (0..40).map(|_| scripted()).collect();
    for (index, (file, state)) in files.iter().enumerate() {
        set.add(index as i32, file, event(IN, index as u64))
            .unwrap();
        state.become_ready(IN);
    }
    let mut seen: Vec<u64> = Vec::new();
    for _ in 0..4 {
        seen.extend(collect(set, 10).iter().map(|(_, data)| data));
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
    assert_eq!(collect(set, 64).len(), 40);
}

#[test]
fn membership_is_by_descriptor_and_file() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let (file, state) = scripted();
    let (other, _) = scripted();
    set.add(3, &file, event(IN, 1)).unwrap();
    assert_eq!(set.add(3, &file, event(IN, 1)), Err(Errno::EEXIST));
    set.add(4, &file, event(IN, 2)).unwrap();
    assert_eq!(set.modify(3, &other, event(IN, 1)), Err(Errno::ENOENT));
    state.become_ready(IN);
    assert_eq!(collect(set, 8).len(), 2);
    set.remove(3, &file).unwrap();
    assert_eq!(set.remove(3, &file), Err(Errno::ENOENT));
    assert_eq!(collect(set, 8), [(IN, 2)]);
}

#[test]
fn a_set_does_not_keep_files_open() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let (file, state) = scripted();
    set.add(3, &file, event(IN, 1)).unwrap();
    let before = Arc::strong_count(&file);
    assert_eq!(before, 1);
    drop(file);
    state.become_ready(IN);
    assert_eq!(collect(set, 8), []);
}

#[test]
fn what_could_not_be_handed_on_comes_again() {
    let set = epoll();
    let set = Epoll::of(&set).unwrap();
    let (file, state) = scripted();
    set.add(3, &file, event(IN | EDGE_TRIGGERED, 1)).unwrap();
    state.become_ready(IN);
    let refused: Result<usize> = set.wait(8, Some(0), |_, _| Err(Errno::EFAULT));
    assert_eq!(refused, Err(Errno::EFAULT));
    assert_eq!(collect(set, 8), [(IN, 1)]);
}

#[test]
fn instances_nest_but_not_in_circles_nor_too_deep() {
    let instances: Vec<_> = (0..6).map(|_| epoll()).collect();
    let of = |index: usize| Epoll::of(&instances[index]).unwrap();
    let (file, state) = scripted();
    of(0).add(9, &file, event(IN, 7)).unwrap();
    for index in 1..5 {
        of(index)
            .add(9, &instances[index - 1], event(IN, index as u64))
            .unwrap();
    }
    assert_eq!(of(5).add(9, &instances[4], event(IN, 0)), Err(Errno::ELOOP));
    assert_eq!(
        of(0).add(10, &instances[3], event(IN, 0)),
        Err(Errno::ELOOP)
    );
    assert_eq!(collect(of(4), 8), []);
    state.become_ready(IN);
    assert_eq!(collect(of(4), 8), [(IN, 4)]);
    assert_eq!(collect(of(0), 8), [(IN, 7)]);
    state.ready.store(0, Ordering::SeqCst);
    assert_eq!(collect(of(4), 8), []);
}
