//! Whether what a loss of power left can be.

use super::super::Mounted;
use super::workload::{FileId, Names, Node, Step};
use crate::vfs::kind::FileKind;
use crate::vfs::walk::{self, WalkFlags};
use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// What is there: kinds, numbers, contents.
fn look(mounted: &Mounted) -> BTreeMap<String, Found> {
    let mut found = BTreeMap::new();
    let mut directories = std::vec!["/m".to_string()];
    let tree = &mounted.tree;
    while let Some(directory) = directories.pop() {
        for name in tree.list(&directory) {
            let path = format!("{directory}/{name}");
            let location = walk::resolve(&tree.view(), None, path.as_bytes(), WalkFlags::empty());
            let inode = location.unwrap().inode().clone();
            let node = match inode.kind() {
                FileKind::Directory => {
                    directories.push(path.clone());
                    Found::Directory
                }
                FileKind::SymbolicLink => Found::Link(match inode.target() {
                    Some(target) => target.to_vec(),
                    None => inode.operations().link_text(&inode).unwrap(),
                }),
                _ => Found::File(inode.number(), tree.read(&path).unwrap()),
            };
            found.insert(path, node);
        }
    }
    found
}

enum Found {
    Directory,
    File(u64, Vec<u8>),
    Link(Vec<u8>),
}

/// Panics unless what is mounted can be what a loss of power at a moment has left: names as they were after all that was on
/// the medium and perhaps some more, and files with bytes that they had since they were last on the medium.
pub fn judge(mounted: &Mounted, steps: &[Step], moment: usize) {
    let found = look(mounted);
    let begun = steps.partition_point(|step| step.start <= moment);
    let steps = &steps[..begun];
    let synced = steps
        .iter()
        .rposition(|step| step.syncs && step.end <= moment);
    let empty = Names::from([("/m/lost+found".to_string(), Node::Directory)]);
    let first = synced.is_none().then_some(("nothing", &empty));
    let later = steps[synced.unwrap_or(0)..].iter();
    let states = first
        .into_iter()
        .chain(later.map(|step| (step.what.as_str(), &step.names)));
    let mut complaints = String::new();
    for (what, names) in states {
        match compare(&found, names, steps, moment) {
            Ok(()) => return,
            Err(complaint) => complaints += &format!("not as after {what}: {complaint}\n"),
        }
    }
    panic!("{complaints}");
}

fn compare(
    found: &BTreeMap<String, Found>,
    names: &Names,
    steps: &[Step],
    moment: usize,
) -> Result<(), String> {
    if !found.keys().eq(names.keys()) {
        return Err(format!("{:?} instead of {:?}", found.keys(), names.keys()));
    }
    for ((path, found), node) in found.iter().zip(names.values()) {
        match (found, node) {
            (Found::Directory, Node::Directory) => {}
            (Found::Link(text), Node::Link(target)) if text == target.as_bytes() => {}
            (Found::File(inode, content), Node::File(id)) if *inode == id.inode => {
                judge_content(steps, moment, *id, content)
                    .map_err(|complaint| format!("{path}, {id:?}: {complaint}"))?;
            }
            _ => return Err(format!("{path} is not {node:?}")),
        }
    }
    Ok(())
}

/// A file may have parts of all contents since the last one that is on the medium.
fn judge_content(steps: &[Step], moment: usize, id: FileId, content: &[u8]) -> Result<(), String> {
    let mut versions: Vec<&Vec<u8>> = Vec::new();
    let mut whats = Vec::new();
    for step in steps {
        for (_, version) in step.contents.iter().filter(|(changed, _)| *changed == id) {
            if step.stores && step.end <= moment {
                versions.clear();
                whats.clear();
            }
            versions.push(version);
            whats.push((&step.what, step.start, step.end));
        }
    }
    let sizes = || versions.iter().map(|version| version.len());
    let (smallest, largest) = (sizes().min().unwrap(), sizes().max().unwrap());
    if !(smallest..=largest).contains(&content.len()) {
        let sizes: Vec<_> = sizes().collect();
        return Err(format!(
            "{} bytes, not as {sizes:?}, after {whats:?}",
            content.len()
        ));
    }
    if versions.iter().any(|version| *version == content) {
        return Ok(());
    }
    let is_impossible = |&(position, byte): &(usize, &u8)| {
        versions
            .iter()
            .all(|version| version.get(position).unwrap_or(&0) != byte)
    };
    match content.iter().enumerate().find(is_impossible) {
        Some((position, byte)) => Err(format!(
            "{byte:#x} at {position} of {} bytes, after {whats:?}",
            content.len()
        )),
        None => Ok(()),
    }
}
