//! The counts and the life of contexts, checked against a model: random sequences of what processes and
//! descriptors do, after each of which every number must be what the model says, and nothing may be left.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use gantry_abi::context::{ContextState, ContextType};

use super::hostname::{Name, Names};
use super::life::{Attachment, Hold, Opened, Pending};
use super::*;
use crate::Errno;
use crate::vfs::MountTable;

fn release(_number: u32) {}

fn names() -> Names {
    let name = Name::new(b"test").unwrap();
    Names {
        host: name,
        domain: name,
    }
}

fn new_hostname() -> Opened<HostnameContext> {
    HostnameContext::registry()
        .create(|id| Ok(HostnameContext::new(id, names())))
        .unwrap()
}

fn new_list() -> Opened<ProcessList> {
    // The boot list takes the first id.
    boot::process_list();
    ProcessList::registry()
        .create(|id| Ok(ProcessList::new(id, false)))
        .unwrap()
}

fn new_root() -> Opened<VfsRootContext> {
    VfsRootContext::registry()
        .create(|id| Ok(VfsRootContext::new(id, MountTable::create_empty_root()?)))
        .unwrap()
}

fn process_in(
    list: &Opened<ProcessList>,
    root: &Opened<VfsRootContext>,
    name: &Opened<HostnameContext>,
    host: u32,
) -> ProcessContexts {
    let set = ContextSet {
        process_list: Attachment::new(Arc::clone(list.context())).unwrap(),
        vfs_root: Attachment::new(Arc::clone(root.context())).unwrap(),
        hostname: Attachment::new(Arc::clone(name.context())).unwrap(),
    };
    let number = TaskNumber::new(host, release);
    number.enter(list.context());
    ProcessContexts::first(set, Arc::new(number))
}

#[test]
fn states_follow_the_diagram() {
    let name = new_hostname();
    let life = name.context().life();
    assert_eq!(life.state(), ContextState::Created);
    let attached = Attachment::new(Arc::clone(name.context())).unwrap();
    assert_eq!(life.state(), ContextState::Running);
    drop(attached);
    assert_eq!(life.state(), ContextState::Empty);
    let again = Attachment::new(Arc::clone(name.context())).unwrap();
    assert_eq!(life.state(), ContextState::Running);
    drop(again);
    let context = Arc::clone(name.context());
    drop(name);
    assert_eq!(context.life().state(), ContextState::Destroyed);
    assert_eq!(
        HostnameContext::registry()
            .find::<life::OpenDescriptor>(context.life().id())
            .err(),
        Some(Errno::ESRCH)
    );
    assert_eq!(Attachment::new(context).err(), Some(Errno::ESRCH));
}

#[test]
fn an_empty_list_runs_no_more() {
    let list = new_list();
    drop(Attachment::new(Arc::clone(list.context())).unwrap());
    assert_eq!(list.context().life().state(), ContextState::Empty);
    assert_eq!(
        Attachment::new(Arc::clone(list.context())).err(),
        Some(Errno::EAGAIN)
    );
    assert_eq!(list.context().admit(), Err(Errno::EAGAIN));
}

#[test]
fn ids_grow_and_are_never_reused() {
    let mut last = 0;
    for _ in 0..10 {
        let id = new_hostname().context().life().id();
        assert!(id > last);
        last = id;
    }
}

#[test]
fn a_root_that_nobody_holds_is_unmounted() {
    let root = new_root();
    let place = root.context().root();
    assert!(root.context().mounts().contains(&place));
    drop(root);
    // Whoever has the place still may use it, but it is in no tree any more.
    assert_eq!(crate::vfs::unmount::unmount(place), Err(Errno::EINVAL));
}

#[test]
fn numbers_inside_begin_with_one_and_stay_while_borne() {
    let (list, root, name) = (new_list(), new_root(), new_hostname());
    let first = process_in(&list, &root, &name, 100);
    assert_eq!((first.number().own(), first.number().host()), (1, 100));
    assert_eq!(list.context().first(), Some(100));
    let (second, passage) = first.fork(|| false).unwrap().build(101, release);
    drop(passage);
    assert_eq!(second.number().own(), 2);
    assert_eq!(first.number_of(second.number()), Some(2));
    assert_eq!(first.host_number(2), Some(101));
    let thread = second.number_for_thread(102, release);
    assert_eq!(thread.own(), 3);
    // A zombie's number is still seen; a reaped one's isn't.
    second.detach();
    assert_eq!(list.context().life().attached(), 1);
    assert_eq!(first.host_number(2), Some(101));
    drop(second);
    assert_eq!(first.host_number(2), None);
    drop(thread);
    assert_eq!(first.host_number(3), None);
}

#[test]
fn lists_do_not_see_each_other_and_the_host_sees_both() {
    let (one, other, root, name) = (new_list(), new_list(), new_root(), new_hostname());
    let (here, there) = (
        process_in(&one, &root, &name, 200),
        process_in(&other, &root, &name, 201),
    );
    assert!(!here.sees(there.number()) && !there.sees(here.number()));
    assert_eq!(here.number().seen_by(boot::process_list()), Some(200));
    assert_eq!(there.number().own(), 1);
}

#[test]
fn a_pending_signal_or_a_closed_list_stops_a_fork() {
    let (list, root, name) = (new_list(), new_root(), new_hostname());
    let process = process_in(&list, &root, &name, 300);
    assert_eq!(
        process.fork(|| true).err(),
        Some(Errno::RESTART_NO_INTERRUPT)
    );
    list.context().close();
    assert_eq!(process.fork(|| false).err(), Some(Errno::EAGAIN));
    assert_eq!(list.context().life().attached(), 1);
}

/// What the model knows of one context.
#[derive(Default)]
struct Known {
    attached: BTreeSet<usize>,
    pending: BTreeSet<usize>,
    descriptors: usize,
    has_run: bool,
}

/// A process of the model, with the real thing beside it.
struct Actor {
    real: ProcessContexts,
    name: u64,
    list: u64,
    pending_name: Option<u64>,
    pending_list: Option<u64>,
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// A context's descriptors, the context itself, and what the counts should be.
type Observed<C> = (Vec<Opened<C>>, Arc<C>, Known);

struct World {
    random: Random,
    root: Opened<VfsRootContext>,
    names: BTreeMap<u64, Observed<HostnameContext>>,
    lists: BTreeMap<u64, Observed<ProcessList>>,
    actors: BTreeMap<usize, Actor>,
    next: usize,
}

impl World {
    fn new(seed: u64) -> Self {
        let root = new_root();
        let mut world = World {
            random: Random(seed),
            root,
            names: BTreeMap::new(),
            lists: BTreeMap::new(),
            actors: BTreeMap::new(),
            next: 1,
        };
        let (name, list) = (world.create_name(), world.create_list());
        world.begin(name, list);
        world
    }

    fn create_name(&mut self) -> u64 {
        let hold = new_hostname();
        let id = hold.context().life().id();
        let context = Arc::clone(hold.context());
        self.names.insert(
            id,
            (
                vec![hold],
                context,
                Known {
                    descriptors: 1,
                    ..Known::default()
                },
            ),
        );
        id
    }

    fn create_list(&mut self) -> u64 {
        let hold = new_list();
        let id = hold.context().life().id();
        let context = Arc::clone(hold.context());
        self.lists.insert(
            id,
            (
                vec![hold],
                context,
                Known {
                    descriptors: 1,
                    ..Known::default()
                },
            ),
        );
        id
    }

    fn begin(&mut self, name: u64, list: u64) {
        let who = self.next;
        self.next += 1;
        let list_hold = self.lists[&list].0[0].clone();
        let name_hold = self.names[&name].0[0].clone();
        let real = process_in(&list_hold, &self.root, &name_hold, 10_000 + who as u32);
        self.actors.insert(
            who,
            Actor {
                real,
                name,
                list,
                pending_name: None,
                pending_list: None,
            },
        );
        for known in [
            &mut self.names.get_mut(&name).unwrap().2,
            &mut self.lists.get_mut(&list).unwrap().2,
        ] {
            known.attached.insert(who);
            known.has_run = true;
        }
    }

    fn pick<K: Copy + Ord, V>(random: &mut Random, map: &BTreeMap<K, V>) -> Option<K> {
        let index = random.below(map.len());
        map.keys().nth(index).copied()
    }

    fn step(&mut self) {
        let action = self.random.below(12);
        let Some(who) = Self::pick(&mut self.random, &self.actors) else {
            let (name, list) = (self.create_name(), self.create_list());
            return self.begin(name, list);
        };
        match action {
            0 => drop(self.create_name()),
            1 => drop(self.create_list()),
            2 | 3 => self.fork(who),
            4 => self.enter_name(who),
            5 => self.enter_list(who),
            6 => self.set_pending(who),
            7 => self.exec(who),
            8 | 9 => self.exit(who),
            10 => self.close_a_descriptor(),
            _ => self.cancel(who),
        }
    }

    fn fork(&mut self, who: usize) {
        let child = self.next;
        let actor = &self.actors[&who];
        let inherited = match actor.real.fork(|| false) {
            Ok(inherited) => inherited,
            Err(error) => return assert_eq!(error, Errno::EAGAIN),
        };
        // Half of the failures of a fork happen after it has inherited.
        if self.random.below(4) == 0 {
            return drop(inherited);
        }
        self.next += 1;
        let (real, passage) = inherited.build(10_000 + child as u32, release);
        drop(passage);
        let copy = Actor {
            real,
            name: actor.name,
            list: actor.list,
            pending_name: actor.pending_name,
            pending_list: actor.pending_list,
        };
        self.names
            .get_mut(&copy.name)
            .unwrap()
            .2
            .attached
            .insert(child);
        self.lists
            .get_mut(&copy.list)
            .unwrap()
            .2
            .attached
            .insert(child);
        if let Some(id) = copy.pending_name {
            self.names.get_mut(&id).unwrap().2.pending.insert(child);
        }
        if let Some(id) = copy.pending_list {
            self.lists.get_mut(&id).unwrap().2.pending.insert(child);
        }
        self.actors.insert(child, copy);
    }

    fn enter_name(&mut self, who: usize) {
        let Some(id) = Self::pick(&mut self.random, &self.names) else {
            return;
        };
        let actor = self.actors.get_mut(&who).unwrap();
        drop(actor.real.replace(&self.names[&id].1).unwrap());
        self.names
            .get_mut(&actor.name)
            .unwrap()
            .2
            .attached
            .remove(&who);
        actor.name = id;
        let known = &mut self.names.get_mut(&id).unwrap().2;
        known.attached.insert(who);
        known.has_run = true;
    }

    fn enter_list(&mut self, who: usize) {
        let Some(id) = Self::pick(&mut self.random, &self.lists) else {
            return;
        };
        let actor = self.actors.get_mut(&who).unwrap();
        let known = &self.lists[&id].2;
        let is_over = known.has_run && known.attached.is_empty();
        match actor.real.replace(&self.lists[&id].1) {
            Ok(replaced) => drop(replaced),
            Err(error) => {
                assert_eq!(error, Errno::EAGAIN);
                return assert!(is_over);
            }
        }
        assert!(!is_over);
        self.lists
            .get_mut(&actor.list)
            .unwrap()
            .2
            .attached
            .remove(&who);
        actor.list = id;
        let known = &mut self.lists.get_mut(&id).unwrap().2;
        known.attached.insert(who);
        known.has_run = true;
    }

    fn set_pending(&mut self, who: usize) {
        let (Some(name), Some(list)) = (
            Self::pick(&mut self.random, &self.names),
            Self::pick(&mut self.random, &self.lists),
        ) else {
            return;
        };
        let actor = self.actors.get_mut(&who).unwrap();
        if self.random.below(2) == 0 {
            actor
                .real
                .set_pending(Pending::new(Arc::clone(&self.names[&name].1)).unwrap());
            if let Some(old) = actor.pending_name.replace(name) {
                self.names.get_mut(&old).unwrap().2.pending.remove(&who);
            }
            self.names.get_mut(&name).unwrap().2.pending.insert(who);
        } else {
            actor
                .real
                .set_pending(Pending::new(Arc::clone(&self.lists[&list].1)).unwrap());
            if let Some(old) = actor.pending_list.replace(list) {
                self.lists.get_mut(&old).unwrap().2.pending.remove(&who);
            }
            self.lists.get_mut(&list).unwrap().2.pending.insert(who);
        }
    }

    fn cancel(&mut self, who: usize) {
        let actor = self.actors.get_mut(&who).unwrap();
        actor.real.cancel_pending(ContextType::Hostname);
        if let Some(old) = actor.pending_name.take() {
            self.names.get_mut(&old).unwrap().2.pending.remove(&who);
        }
    }

    fn exec(&mut self, who: usize) {
        let pending = self.actors[&who].real.pending();
        // A failed exec changes nothing.
        if self.random.below(3) == 0 {
            return drop(pending);
        }
        if let Some(list) = &pending.process_list
            && list.context().admit().is_err()
        {
            return drop(pending);
        }
        let (name, list) = (
            self.actors[&who].pending_name,
            self.actors[&who].pending_list,
        );
        {
            let real = &self.actors[&who].real;
            if let Some(pending) = &pending.process_list {
                drop(real.replace(pending.context()).unwrap());
            }
            if let Some(pending) = &pending.hostname {
                drop(real.replace(pending.context()).unwrap());
            }
            real.clear_pending();
        }
        drop(pending);
        let actor = self.actors.get_mut(&who).unwrap();
        if let Some(id) = name {
            self.names
                .get_mut(&actor.name)
                .unwrap()
                .2
                .attached
                .remove(&who);
            actor.name = id;
            let known = &mut self.names.get_mut(&id).unwrap().2;
            known.pending.remove(&who);
            known.attached.insert(who);
            known.has_run = true;
        }
        if let Some(id) = list {
            self.lists
                .get_mut(&actor.list)
                .unwrap()
                .2
                .attached
                .remove(&who);
            actor.list = id;
            let known = &mut self.lists.get_mut(&id).unwrap().2;
            known.pending.remove(&who);
            known.attached.insert(who);
            known.has_run = true;
        }
        (actor.pending_name, actor.pending_list) = (None, None);
    }

    fn exit(&mut self, who: usize) {
        let actor = self.actors.remove(&who).unwrap();
        // Half of them are reaped at once without being a zombie first.
        if self.random.below(2) == 0 {
            actor.real.detach();
        }
        drop(actor.real);
        for (_, _, known) in self.names.values_mut() {
            known.attached.remove(&who);
            known.pending.remove(&who);
        }
        for (_, _, known) in self.lists.values_mut() {
            known.attached.remove(&who);
            known.pending.remove(&who);
        }
    }

    fn close_a_descriptor(&mut self) {
        if let Some(id) = Self::pick(&mut self.random, &self.names) {
            let (holds, _, known) = self.names.get_mut(&id).unwrap();
            known.descriptors -= usize::from(holds.pop().is_some());
        }
        if let Some(id) = Self::pick(&mut self.random, &self.lists) {
            let (holds, _, known) = self.lists.get_mut(&id).unwrap();
            known.descriptors -= usize::from(holds.pop().is_some());
        }
    }

    /// Everything is as the model says; what the model says is gone, is.
    fn check(&mut self) {
        fn expected(known: &Known) -> ContextState {
            match (
                known.attached.len() + known.pending.len() + known.descriptors,
                known.attached.is_empty(),
            ) {
                (0, _) => ContextState::Destroyed,
                (_, false) => ContextState::Running,
                (_, true) if known.has_run => ContextState::Empty,
                _ => ContextState::Created,
            }
        }
        fn check_one<C: Context>(context: &Arc<C>, known: &Known) -> bool {
            let info = context.life().info(C::TYPE);
            assert_eq!(info.attached_processes, known.attached.len() as u64);
            assert_eq!(info.pending_slots, known.pending.len() as u64);
            assert_eq!(info.open_descriptors, known.descriptors as u64);
            assert_eq!(info.state(), Some(expected(known)));
            let is_gone = expected(known) == ContextState::Destroyed;
            let found = C::registry().find::<life::PendingSlot>(info.id);
            assert_eq!(found.is_err(), is_gone);
            !is_gone
        }
        self.names
            .retain(|_, (_, context, known)| check_one(context, known));
        self.lists
            .retain(|_, (_, context, known)| check_one(context, known));
    }
}

#[test]
fn random_lives_agree_with_a_model_and_leak_nothing() {
    for seed in 1..=12u64 {
        let mut world = World::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..600 {
            world.step();
            world.check();
        }
        let everyone: Vec<usize> = world.actors.keys().copied().collect();
        for who in everyone {
            world.exit(who);
        }
        for (holds, _, known) in world.names.values_mut() {
            holds.clear();
            known.descriptors = 0;
        }
        for (holds, _, known) in world.lists.values_mut() {
            holds.clear();
            known.descriptors = 0;
        }
        world.check();
        assert!(world.names.is_empty() && world.lists.is_empty());
    }
}

#[test]
fn the_gate_lets_many_in_or_one_shut() {
    let gate = gate::Gate::new();
    gate.enter();
    gate.enter();
    gate.leave();
    gate.leave();
    drop(gate.shut());
    gate.enter();
    gate.leave();
}

#[test]
fn a_hold_can_be_cloned_and_moved_between_threads() {
    let name = new_hostname();
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let hold: Hold<_, _> = name.clone();
            std::thread::spawn(move || {
                for _ in 0..1000 {
                    drop(Attachment::new(Arc::clone(hold.context())).unwrap());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let info = name.context().life().info(ContextType::Hostname);
    assert_eq!((info.attached_processes, info.open_descriptors), (0, 1));
}
