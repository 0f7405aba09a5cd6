//! Walks: what path_resolution(7) says, containment, and a comparison with a simple model.

use super::{LINK_LIMIT, Last, WalkFlags, resolve, resolve_for_create, resolve_parent};
use crate::Errno;
use crate::vfs::mount_table::MountTable;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use crate::vfs::test_tree::TestTree;
use crate::vfs::{Location, walk};
use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

fn sample() -> TestTree {
    let tree = TestTree::new();
    for directory in ["/a", "/a/b", "/a/b/c", "/etc"] {
        tree.directory(directory).unwrap();
    }
    tree.file("/a/file").unwrap();
    tree.file("/etc/passwd").unwrap();
    tree
}

fn error(result: crate::Result<Location>) -> Errno {
    result.err().unwrap()
}

#[test]
fn paths_lead_to_files() {
    let tree = sample();
    let c = tree.find("/a/b/c").unwrap();
    for path in [
        "/a/b/c",
        "//a///b/c/",
        "/a/./b/./c/.",
        "/a/b/../b/c",
        "/../../a/b/c",
        "/a/b/c/../c",
    ] {
        assert!(tree.find(path).unwrap().is_same(&c), "{path}");
    }
    assert!(tree.find("/").unwrap().is_same(&tree.table.root()));
    assert_eq!(tree.path_of(&c), "/a/b/c");
}

#[test]
fn errors_are_those_of_linux() {
    let tree = sample();
    assert_eq!(error(tree.find("")), Errno::ENOENT);
    assert_eq!(error(tree.find("/missing")), Errno::ENOENT);
    assert_eq!(error(tree.find("/missing/x")), Errno::ENOENT);
    assert_eq!(error(tree.find("/a/file/x")), Errno::ENOTDIR);
    assert_eq!(error(tree.find("/a/file/")), Errno::ENOTDIR);
    assert_eq!(error(tree.find("/a/file/..")), Errno::ENOTDIR);
    assert_eq!(
        error(tree.find(&format!("/{}", "n".repeat(256)))),
        Errno::ENAMETOOLONG
    );
    assert_eq!(
        error(tree.find(&format!("/{}", "n".repeat(255)))),
        Errno::ENOENT
    );
    assert_eq!(error(tree.find(&"/a".repeat(2048))), Errno::ENAMETOOLONG);
    assert_eq!(
        error(tree.find(&format!("{}x", "/".repeat(4094)))),
        Errno::ENOENT
    );
}

#[test]
fn relative_paths_begin_at_the_start() {
    let tree = sample();
    tree.fs.set_working_directory(tree.find("/a").unwrap());
    assert!(
        tree.find("b/c")
            .unwrap()
            .is_same(&tree.find("/a/b/c").unwrap())
    );
    let b = tree.find("/a/b").unwrap();
    assert!(
        tree.find_from(&b, "..", WalkFlags::empty())
            .unwrap()
            .is_same(&tree.find("/a").unwrap())
    );
    assert!(
        tree.find_from(&b, "", WalkFlags::ALLOW_EMPTY)
            .unwrap()
            .is_same(&b)
    );
    let file = tree.find("/a/file").unwrap();
    assert_eq!(
        error(tree.find_from(&file, "x", WalkFlags::empty())),
        Errno::ENOTDIR
    );
}

#[test]
fn symbolic_links_are_followed() {
    let tree = sample();
    tree.link("/l", "a/b").unwrap();
    tree.link("/abs", "/a/b/c").unwrap();
    tree.link("/a/up", "../etc/passwd").unwrap();
    tree.link("/chain", "l/../up").unwrap();
    tree.link("/dangling", "nowhere").unwrap();
    tree.link("/slash", "a/").unwrap();
    assert!(
        tree.find("/l/c")
            .unwrap()
            .is_same(&tree.find("/a/b/c").unwrap())
    );
    assert!(
        tree.find("/abs/..")
            .unwrap()
            .is_same(&tree.find("/a/b").unwrap())
    );
    assert!(
        tree.find("/chain")
            .unwrap()
            .is_same(&tree.find("/etc/passwd").unwrap())
    );
    assert_eq!(error(tree.find("/dangling")), Errno::ENOENT);
    assert_eq!(error(tree.find("/a/up/")), Errno::ENOTDIR);
    assert!(tree.find("/slash/b").is_ok());
    let unfollowed = resolve(&tree.view(), None, b"/l", WalkFlags::empty()).unwrap();
    assert_eq!(unfollowed.inode().target(), Some(b"a/b".as_slice()));
    let followed = resolve(&tree.view(), None, b"/l/", WalkFlags::empty()).unwrap();
    assert!(followed.is_same(&tree.find("/a/b").unwrap()));
}

#[test]
fn link_chains_end_at_the_limit() {
    let tree = sample();
    tree.link("/loop", "loop").unwrap();
    assert_eq!(error(tree.find("/loop")), Errno::ELOOP);
    tree.link("/l0", "a").unwrap();
    for number in 1..=LINK_LIMIT {
        tree.link(&format!("/l{number}"), &format!("l{}", number - 1))
            .unwrap();
    }
    assert!(tree.find(&format!("/l{}", LINK_LIMIT - 1)).is_ok());
    assert_eq!(error(tree.find(&format!("/l{LINK_LIMIT}"))), Errno::ELOOP);
    // Links in the middle count too, however they nest.
    assert_eq!(error(tree.find(&"/l0/..".repeat(41))), Errno::ELOOP);
}

#[test]
fn searching_needs_permission_at_every_step() {
    let tree = sample();
    tree.directory("/secret")
        .unwrap()
        .inode()
        .attributes
        .set_permissions(0o700);
    tree.file("/secret/x").unwrap();
    let user = tree.as_user(1000);
    assert_eq!(error(user.find("/secret/x")), Errno::EACCES);
    assert_eq!(error(user.find("/secret/missing")), Errno::EACCES);
    assert_eq!(error(user.find("/secret/..")), Errno::EACCES);
    assert!(user.find("/secret").is_ok());
    assert!(tree.find("/secret/x").is_ok());
    tree.find("/secret")
        .unwrap()
        .inode()
        .attributes
        .set_permissions(0o711);
    assert!(user.find("/secret/x").is_ok());
}

#[test]
fn the_last_component_is_left_to_those_who_make_names() {
    let tree = sample();
    let parent = |path: &str| {
        resolve_parent(&tree.view(), None, path.as_bytes(), WalkFlags::empty()).unwrap()
    };
    assert_eq!(parent("/a/new").last, Last::Normal(TestTree::name("new")));
    assert!(parent("/a/new/").trailing_slash);
    assert_eq!(parent("/a/.").last, Last::Dot);
    assert_eq!(parent("/a/..").last, Last::DotDot);
    assert_eq!(parent("///").last, Last::Root);
}

#[test]
fn creation_goes_through_a_dangling_link() {
    let tree = sample();
    tree.link("/dangling", "a/new").unwrap();
    let target = resolve_for_create(&tree.view(), None, b"/dangling", WalkFlags::FOLLOW).unwrap();
    let walk::Target::Missing(parent) = target else {
        panic!("found")
    };
    assert_eq!(parent.last, Last::Normal(TestTree::name("new")));
    assert!(parent.directory.is_same(&tree.find("/a").unwrap()));
}

#[test]
fn mounts_are_crossed_both_ways() {
    let tree = sample();
    tree.mount("/a/b").unwrap();
    assert_eq!(error(tree.find("/a/b/c")), Errno::ENOENT);
    tree.directory("/a/b/inner").unwrap();
    let inner = tree.find("/a/b/inner").unwrap();
    assert_eq!(tree.path_of(&inner), "/a/b/inner");
    assert!(
        tree.find("/a/b/inner/../../..")
            .unwrap()
            .is_same(&tree.table.root())
    );
    // A second mount covers the first one.
    tree.mount("/a/b").unwrap();
    assert_eq!(error(tree.find("/a/b/inner")), Errno::ENOENT);
    assert!(
        tree.find("/a/b/..")
            .unwrap()
            .is_same(&tree.find("/a").unwrap())
    );
    assert_eq!(
        error(resolve(&tree.view(), None, b"/a/b", WalkFlags::NO_CROSSING)),
        Errno::EXDEV
    );
}

#[test]
fn a_changed_root_contains() {
    let tree = sample();
    let outside = tree.find("/etc").unwrap();
    tree.link("/a/out", "/etc").unwrap();
    tree.fs.replace(tree.find("/a").unwrap());
    assert!(tree.find("/..").unwrap().is_same(&tree.fs.root()));
    assert!(tree.find("/b/../../../b").is_ok());
    assert_eq!(error(tree.find("/out")), Errno::ENOENT);
    // A directory outside leads no further out.
    let up = tree
        .find_from(&outside, "../..", WalkFlags::empty())
        .unwrap();
    assert!(up.is_same(&outside));
    assert_eq!(
        error(tree.find_from(&outside, "../a", WalkFlags::empty())),
        Errno::ENOENT
    );
}

#[test]
fn a_directory_moved_out_of_a_bind_mount_leads_nowhere() {
    let tree = sample();
    tree.directory("/m").unwrap();
    tree.bind("/a/b", "/m").unwrap();
    let inside = tree.find("/m/c").unwrap();
    tree.rename("/a/b/c", "/etc/c", Replacement::Allowed)
        .unwrap();
    assert_eq!(
        error(tree.find_from(&inside, "..", WalkFlags::empty())),
        Errno::ENOENT
    );
    assert_eq!(
        error(tree.find_from(&inside, "../../etc/passwd", WalkFlags::empty())),
        Errno::ENOENT
    );
}

#[test]
fn a_walk_in_another_table_stays_there() {
    let host = sample();
    let guest = TestTree::of(MountTable::create_empty_root().unwrap());
    guest.directory("/x").unwrap();
    guest.directory("/etc").unwrap();
    guest.link("/x/abs", "/etc").unwrap();
    guest.link("/x/rel", "../../../../etc").unwrap();
    let guest_root = guest.table.root();
    let guest_etc = guest.find("/etc").unwrap();
    for path in ["x/abs", "x/rel", "etc", "../../etc"] {
        let found = host
            .find_from(&guest_root, path, WalkFlags::FOLLOW)
            .unwrap();
        assert!(found.is_same(&guest_etc), "{path}");
    }
    assert_eq!(
        error(host.find_from(&guest_root, "x/abs/passwd", WalkFlags::FOLLOW)),
        Errno::ENOENT
    );
    // As a working directory too.
    host.fs.set_working_directory(guest.find("/x").unwrap());
    assert!(host.find("abs").unwrap().is_same(&guest_etc));
    assert!(host.find("/etc/passwd").is_ok());
}

#[test]
fn resolve_restrictions_hold() {
    let tree = sample();
    tree.link("/a/abs", "/etc").unwrap();
    tree.link("/a/rel", "b").unwrap();
    let a = tree.find("/a").unwrap();
    assert_eq!(
        error(tree.find_from(&a, "..", WalkFlags::BENEATH)),
        Errno::EXDEV
    );
    assert_eq!(
        error(tree.find_from(&a, "abs", WalkFlags::BENEATH | WalkFlags::FOLLOW)),
        Errno::EXDEV
    );
    assert!(tree.find_from(&a, "b/..", WalkFlags::BENEATH).is_ok());
    assert!(tree.find_from(&a, "../../b", WalkFlags::IN_ROOT).is_ok());
    assert!(
        tree.find_from(&a, "/b", WalkFlags::IN_ROOT)
            .unwrap()
            .is_same(&tree.find("/a/b").unwrap())
    );
    assert_eq!(
        error(tree.find_from(&a, "rel/c", WalkFlags::NO_LINKS)),
        Errno::ELOOP
    );
}

#[test]
fn removed_directories_stay_usable_but_empty() {
    let tree = sample();
    let c = tree.find("/a/b/c").unwrap();
    tree.remove("/a/b/c", Removal::Directory).unwrap();
    assert_eq!(error(tree.find("/a/b/c")), Errno::ENOENT);
    assert!(
        tree.find_from(&c, "..", WalkFlags::empty())
            .unwrap()
            .is_same(&tree.find("/a/b").unwrap())
    );
    tree.fs.set_working_directory(c);
    assert_eq!(tree.file("new").err(), Some(Errno::ENOENT));
}

/// A generator of test cases: the same ones each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// The model: nodes by number, each a directory with names, a link with a target, or a file.
enum Node {
    Directory(BTreeMap<String, usize>),
    Link(String),
    File,
}

struct Model {
    nodes: Vec<Node>,
    parents: Vec<usize>,
}

impl Model {
    /// Walks like a textbook: one component after another, links replaced in the text.
    fn walk(&self, path: &str) -> Result<usize, Errno> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let mut place = 0;
        let mut left = path.to_string();
        let mut links = 0;
        loop {
            let trimmed = left.trim_start_matches('/').to_string();
            let directory_wanted = left.starts_with('/');
            if trimmed.is_empty() {
                return if directory_wanted && !matches!(self.nodes[place], Node::Directory(_)) {
                    Err(Errno::ENOTDIR)
                } else {
                    Ok(place)
                };
            }
            let Node::Directory(names) = &self.nodes[place] else {
                return Err(Errno::ENOTDIR);
            };
            let end = trimmed.find('/').unwrap_or(trimmed.len());
            let (component, rest) = trimmed.split_at(end);
            let next = match component {
                "." => place,
                ".." => self.parents[place],
                name => *names.get(name).ok_or(Errno::ENOENT)?,
            };
            if let Node::Link(target) = &self.nodes[next] {
                links += 1;
                if links > LINK_LIMIT {
                    return Err(Errno::ELOOP);
                }
                if target.starts_with('/') {
                    place = 0;
                }
                left = if target.starts_with('/') {
                    format!("{}{rest}", target.trim_start_matches('/'))
                } else {
                    format!("{target}{rest}")
                };
                continue;
            }
            place = next;
            left = rest.to_string();
        }
    }
}

#[test]
fn walks_agree_with_the_model() {
    let mut random = Random(7);
    for round in 0..60 {
        let tree = TestTree::new();
        let mut model = Model {
            nodes: std::vec![Node::Directory(BTreeMap::new())],
            parents: std::vec![0],
        };
        let mut paths = std::vec![(String::new(), 0usize)];
        let mut locations = std::vec![tree.table.root()];
        let names = ["a", "b", "c", "d"];
        for _ in 0..25 {
            let (path, parent) = paths[random.below(paths.len())].clone();
            let name = names[random.below(names.len())];
            let Node::Directory(entries) = &model.nodes[parent] else {
                continue;
            };
            if entries.contains_key(name) {
                continue;
            }
            let full = format!("{path}/{name}");
            let number = model.nodes.len();
            let (node, location) = match random.below(4) {
                0 | 1 => (
                    Node::Directory(BTreeMap::new()),
                    tree.directory(&full).unwrap(),
                ),
                2 => (Node::File, tree.file(&full).unwrap()),
                _ => {
                    let target = random_path(&mut random);
                    let location = tree.link(&full, &target).unwrap();
                    (Node::Link(target), location)
                }
            };
            if matches!(node, Node::Directory(_)) {
                paths.push((full, number));
            }
            if let Node::Directory(entries) = &mut model.nodes[parent] {
                entries.insert(name.to_string(), number);
            }
            model.nodes.push(node);
            model.parents.push(parent);
            locations.push(location);
        }
        for _ in 0..300 {
            let path = random_path(&mut random);
            match (model.walk(&path), tree.find(&path)) {
                (Ok(number), Ok(found)) => {
                    assert!(found.is_same(&locations[number]), "round {round}: {path}")
                }
                (Err(expected), Err(got)) => assert_eq!(expected, got, "round {round}: {path}"),
                (expected, got) => panic!("round {round}: {path}: {expected:?} but {got:?}"),
            }
        }
    }
}

fn random_path(random: &mut Random) -> String {
    let parts = ["a", "b", "c", "d", ".", "..", "a", "b"];
    let mut path = String::new();
    if random.below(2) == 0 {
        path.push('/');
    }
    for _ in 0..=random.below(5) {
        path.push_str(parts[random.below(parts.len())]);
        path.push_str(if random.below(8) == 0 { "//" } else { "/" });
    }
    if random.below(3) > 0 {
        path.truncate(path.trim_end_matches('/').len().max(1));
    }
    path
}
