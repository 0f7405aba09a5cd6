use super::*;
use crate::Errno;
use crate::vfs::namespace::Removal;

#[test]
fn spellings_are_one_entry() {
    let mounted = Mounted::new(made(LAYOUTS[1])).unwrap();
    let tree = &mounted.tree;
    tree.directory("/m/Dir").unwrap();
    tree.write("/m/dir/File.Text", b"1").unwrap();
    let number = |path: &str| tree.find(path).unwrap().inode().number();
    assert_eq!(number("/m/DIR/FILE.TEXT"), number("/m/Dir/file.text"));
    assert_eq!(number("/m/DIR/FILE~1.TEX"), number("/m/Dir/file.text..."));
    assert_eq!(tree.file("/m/dIr/fILE.tEXT").err(), Some(Errno::EEXIST));
    assert_eq!(tree.directory("/m/DIR.").err(), Some(Errno::EEXIST));
    assert_eq!(tree.list("/m/dir"), ["File.Text"]);
    tree.remove("/m/DIR/FILE.TEXT", Removal::File).unwrap();
    assert_eq!(tree.find("/m/Dir/File.Text").err(), Some(Errno::ENOENT));
    tree.write("/m/Dir/FILE.text.", b"2").unwrap();
    assert_eq!(tree.list("/m/Dir"), ["FILE.text"]);
    assert_eq!(tree.read("/m/Dir/file.TEXT").unwrap(), b"2");
    tree.remove("/m/dir/file.text", Removal::File).unwrap();
    tree.remove("/m/DIR", Removal::Directory).unwrap();
    assert_eq!(tree.find("/m/Dir").err(), Some(Errno::ENOENT));
    mounted.into_file().check();
}

#[test]
fn names_of_all_kinds_are_kept() {
    for layout in LAYOUTS {
        let mounted = Mounted::new(made(layout)).unwrap();
        let tree = &mounted.tree;
        let mut names: Vec<String> = (0..150)
            .map(|i| format!("a name like others, number {i:03}"))
            .collect();
        names.extend(
            [
                "grüße an Žofie",
                "日本語の名前",
                "😀.emoji",
                ".hidden",
                "a+b=c;d",
                "x y.z w",
            ]
            .map(String::from),
        );
        names.push("n".repeat(255));
        tree.directory("/m/d").unwrap();
        for name in &names {
            tree.write(&format!("/m/d/{name}"), name.as_bytes())
                .unwrap();
        }
        names.sort();
        assert_eq!(tree.list("/m/d"), names);
        let image = mounted.finish();
        ImageFile::new(&image).check();
        let mounted = Mounted::new(image).unwrap();
        assert_eq!(mounted.tree.list("/m/d"), names);
        for name in &names {
            assert_eq!(
                mounted.tree.read(&format!("/m/d/{name}")).unwrap(),
                name.as_bytes()
            );
        }
        for name in &names[..100] {
            mounted
                .tree
                .remove(&format!("/m/d/{name}"), Removal::File)
                .unwrap();
        }
        assert_eq!(mounted.tree.list("/m/d"), names[100..]);
        mounted.into_file().check();
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let mounted = Mounted::new(made(LAYOUTS[0])).unwrap();
    let tree = &mounted.tree;
    for name in ["a:b", "q?", "tail ", "tab\t", "a|b"] {
        assert_eq!(
            tree.file(&format!("/m/{name}")).err(),
            Some(Errno::EINVAL),
            "{name}"
        );
    }
    assert_eq!(tree.link("/m/l", "target").err(), Some(Errno::EPERM));
    tree.file("/m/f").unwrap();
    assert_eq!(tree.hard_link("/m/f", "/m/g"), Err(Errno::EPERM));
    // The root directory of FAT12 doesn't grow.
    let full =
        (0..300).find_map(|number| tree.file(&format!("/m/a long name, number {number}")).err());
    assert_eq!(full, Some(Errno::ENOSPC));
    mounted.into_file().check();
}

#[test]
fn numbers_are_listed_as_they_are() {
    let mounted = Mounted::new(made(LAYOUTS[1])).unwrap();
    for name in ["one", "two", "three", "four"] {
        mounted.tree.file(&format!("/m/{name}")).unwrap();
    }
    let mounted = Mounted::new(mounted.finish()).unwrap();
    let tree = &mounted.tree;
    tree.file("/m/new").unwrap();
    tree.file("/m/gone").unwrap();
    tree.remove("/m/gone", Removal::File).unwrap();
    tree.find("/m/two").unwrap();
    let listed = || {
        let file = tree
            .open("/m", crate::vfs::flags::OpenFlags::READ_ONLY)
            .unwrap();
        let mut numbers = Vec::new();
        let operations = file.operations();
        let mut sink = |entry: &crate::vfs::inode::DirectoryEntry<'_>| {
            numbers.push((String::from_utf8(entry.name.to_vec()).unwrap(), entry.inode));
            true
        };
        operations.read_directory(&file, &mut 2, &mut sink).unwrap();
        numbers
    };
    for (name, number) in listed() {
        let found = tree.find(&format!("/m/{name}")).unwrap();
        assert_eq!(found.inode().number(), number, "{name}");
    }
    // One that is moved keeps its number, and who comes to its place gets another.
    let number = |path: &str| tree.find(path).unwrap().inode().number();
    let before = number("/m/one");
    tree.rename(
        "/m/one",
        "/m/moved",
        crate::vfs::rename::Replacement::Allowed,
    )
    .unwrap();
    tree.file("/m/ONE").unwrap();
    assert_eq!(number("/m/moved"), before);
    let mut numbers: Vec<_> = listed().into_iter().map(|(_, number)| number).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 6);
}
