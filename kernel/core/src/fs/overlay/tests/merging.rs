use super::*;
use crate::Errno;
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;

#[test]
fn directories_merge_and_upper_names_win() {
    let tree = layers();
    fill(
        &tree,
        &[
            "/lower/d/",
            "/lower/d/deep = deep",
            "/lower/f = lower",
            "/lower/kind/",
            "/low/d/",
            "/low/d/mid = mid",
            "/low/f = low",
            "/low/kind = file",
            "/up/d/",
            "/up/d/top = top",
            "/up/own = up",
        ],
    );
    tree.overlay("/m", WRITABLE).unwrap();
    assert_eq!(tree.list("/m"), ["d", "f", "kind", "own"]);
    assert_eq!(tree.list("/m/d"), ["deep", "mid", "top"]);
    assert_eq!(text(&tree, "/m/f"), "low");
    assert_eq!(text(&tree, "/m/kind"), "file");
    assert_eq!(text(&tree, "/m/d/deep"), "deep");
    assert_eq!(tree.find("/m/d/none").err(), Some(Errno::ENOENT));
    assert_eq!(tree.find("/m/f/x").err(), Some(Errno::ENOTDIR));
}

#[test]
fn whiteouts_and_opaque_directories_hide() {
    let tree = layers();
    fill(
        &tree,
        &[
            "/lower/gone = 1",
            "/lower/gone-directory/",
            "/lower/gone-directory/x = 1",
            "/lower/opaque/",
            "/lower/opaque/below = 1",
            "/lower/marked/",
            "/lower/marked/file = 1",
            "/low/opaque/",
            "/low/opaque/above = 1",
            "/low/marked/",
            "/low/marked/file = ",
        ],
    );
    whiteout(&tree, "/low/gone");
    whiteout(&tree, "/low/gone-directory");
    set_attribute(&tree, "/low/opaque", "trusted.overlay.opaque", "y");
    set_attribute(&tree, "/low/marked", "trusted.overlay.opaque", "x");
    set_attribute(&tree, "/low/marked/file", "trusted.overlay.whiteout", "");
    for options in [WRITABLE, "lowerdir=/low:/lower"] {
        tree.overlay("/m", options).unwrap();
        assert_eq!(tree.list("/m"), ["marked", "opaque"]);
        assert_eq!(tree.list("/m/opaque"), ["above"]);
        assert!(tree.list("/m/marked").is_empty());
        for path in [
            "/m/gone",
            "/m/gone-directory/x",
            "/m/opaque/below",
            "/m/marked/file",
        ] {
            assert_eq!(tree.find(path).err(), Some(Errno::ENOENT), "{path}");
        }
        tree.unmount("/m").unwrap();
    }
}

#[test]
fn reading_a_directory_ends_though_entries_go() {
    let tree = layers();
    for number in 0..500 {
        fill(
            &tree,
            &[
                &std::format!("/lower/f{number} = "),
                &std::format!("/low/f{number} = "),
            ],
        );
    }
    tree.overlay("/m", WRITABLE).unwrap();
    let directory = tree.open("/m", OpenFlags::READ_ONLY).unwrap();
    let mut position = 0;
    let mut seen = Vec::new();
    loop {
        let mut given = None;
        directory
            .operations()
            .read_directory(&directory, &mut position, &mut |entry| {
                let has_room = given.is_none();
                given.get_or_insert_with(|| entry.name.to_vec());
                has_room
            })
            .unwrap();
        let Some(name) = given else { break };
        let name = String::from_utf8(name).unwrap();
        assert!(!seen.contains(&name), "{name} again");
        if name.starts_with('f') {
            tree.remove(&std::format!("/m/{name}"), Removal::File)
                .unwrap();
        }
        seen.push(name);
    }
    assert_eq!(seen.len(), 502);
    assert!(tree.list("/m").is_empty());
    assert_eq!(tree.list("/lower").len(), 500);
}

#[test]
fn entries_and_files_have_the_same_numbers() {
    let tree = layers();
    tree.mount("/lower").unwrap();
    fill(
        &tree,
        &[
            "/lower/a = 1",
            "/lower/b = 2",
            "/low/c = 3",
            "/up/d = 4",
            "/lower/e/",
        ],
    );
    tree.overlay("/m", WRITABLE).unwrap();
    let before = tree.find("/m/b").unwrap().inode().number();
    tree.write("/m/b", b"changed").unwrap();
    assert_eq!(tree.find("/m/b").unwrap().inode().number(), before);
    let directory = tree.open("/m", OpenFlags::READ_ONLY).unwrap();
    let mut numbers = Vec::new();
    directory
        .operations()
        .read_directory(&directory, &mut 2, &mut |entry| {
            let name = String::from_utf8(entry.name.to_vec()).unwrap();
            numbers.push((name, entry.inode));
            true
        })
        .unwrap();
    for (name, number) in &numbers {
        let location = tree.find(&std::format!("/m/{name}")).unwrap();
        assert_eq!(location.inode().number(), *number, "{name}");
    }
    numbers.sort_by_key(|(_, number)| *number);
    numbers.dedup_by_key(|(_, number)| *number);
    assert_eq!(numbers.len(), 5);
}

#[test]
fn what_can_be_no_layer_is_refused() {
    let tree = layers();
    fill(
        &tree,
        &[
            "/file = ",
            "/low/inner/",
            "/up/inner/",
            "/other/",
            "/second/",
            "/third/",
        ],
    );
    tree.mount("/other").unwrap();
    for (options, error) in [
        ("lowerdir=/low:/none", Errno::ENOENT),
        ("lowerdir=/low:/file", Errno::EINVAL),
        ("lowerdir=/low:/low", Errno::ELOOP),
        ("lowerdir=/low:/low/inner", Errno::ELOOP),
        (
            "lowerdir=/up/inner,upperdir=/up,workdir=/work",
            Errno::ELOOP,
        ),
        (
            "lowerdir=/low,upperdir=/up,workdir=/up/inner",
            Errno::EINVAL,
        ),
        ("lowerdir=/low,upperdir=/up,workdir=/other", Errno::EINVAL),
        ("lowerdir=/low,upperdir=/up,workdir=/up", Errno::EINVAL),
    ] {
        assert_eq!(tree.overlay("/m", options), Err(error), "{options}");
    }
    tree.overlay("/m", "lowerdir=/low:/up").unwrap();
    assert_eq!(tree.write("/m/new", b""), Err(Errno::EROFS));
    let on_overlay = "lowerdir=/lower,upperdir=/m/inner,workdir=/work";
    assert_eq!(tree.overlay("/second", on_overlay), Err(Errno::EINVAL));
    tree.overlay("/second", "lowerdir=/m:/lower").unwrap();
    assert_eq!(tree.list("/second"), ["inner"]);
    assert_eq!(
        tree.overlay("/third", "lowerdir=/second:/other"),
        Err(Errno::EINVAL)
    );
}

#[test]
fn nothing_stays_of_an_overlay_that_was_unmounted() {
    let tree = layers();
    fill(&tree, &["/lower/d/", "/lower/d/f = content"]);
    tree.overlay("/m", WRITABLE).unwrap();
    tree.write("/m/d/f", b"changed").unwrap();
    tree.hard_link("/m/d/f", "/m/twin").unwrap();
    let root = tree.find("/m").unwrap();
    let super_block = std::sync::Arc::downgrade(root.inode().super_block());
    drop(root);
    tree.unmount("/m").unwrap();
    assert!(super_block.upgrade().is_none());
}

#[test]
fn the_layers_stay_when_what_they_were_found_in_goes() {
    let tree = layers();
    tree.mount("/lower").unwrap();
    fill(&tree, &["/lower/f = content", "/lower/d/"]);
    tree.mount("/lower/d").unwrap();
    fill(&tree, &["/lower/d/hidden = "]);
    tree.overlay("/m", WRITABLE).unwrap();
    assert!(tree.list("/m/d").is_empty(), "mounts in a layer don't show");
    tree.unmount("/lower/d").unwrap();
    tree.unmount("/lower").unwrap();
    assert_eq!(text(&tree, "/m/f"), "content");
}
