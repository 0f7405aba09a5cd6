//! Layers that were made to do harm: each is refused with its reason, or does what it does inside.

use super::archive::Tar;
use super::layout::{GZIP, Place, list};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;

/// Each layer alone, and what is said of it.
#[test]
fn are_refused() {
    let long = "a/".repeat(2500);
    let cases: Vec<(&str, Tar, &str)> = vec![
        (
            "climbing name",
            Tar::new().file("../escaped", ""),
            "../escaped: its name contains ..",
        ),
        (
            "climbing inside",
            Tar::new().file("a/../../escaped", ""),
            "a/../../escaped: its name contains ..",
        ),
        (
            "climbing by PAX record",
            Tar::new().pax(&[("path", "../escaped")]).file("x", ""),
            "../escaped: its name contains ..",
        ),
        (
            "NUL in a PAX record",
            Tar::new().pax(&[("path", "a\0b")]).file("x", ""),
            r"a\0b: its name contains a NUL character",
        ),
        (
            "terminal codes in a name",
            Tar::new().file("../\u{1b}[2J", ""),
            r"../\u{1b}[2J: its name contains ..",
        ),
        (
            "through a link out",
            Tar::new().link("out", "/tmp").file("out/escaped", ""),
            "/out: its directory is behind a symbolic link",
        ),
        (
            "through a link inside",
            Tar::new()
                .directory("d")
                .link("in", "d")
                .file("in/file", ""),
            "/in: its directory is behind a symbolic link",
        ),
        (
            "through a link further up",
            Tar::new().link("out", "..").file("out/d/escaped", ""),
            "/out/d: its directory is behind a symbolic link",
        ),
        (
            "a file over a link",
            Tar::new().link("out", "/etc/passwd").file("out", "mine"),
            "/out: the archive has it twice",
        ),
        (
            "a directory over a link",
            Tar::new().link("out", "/etc").directory("out"),
            "/out: the archive has it twice",
        ),
        (
            "a file twice",
            Tar::new().file("a", "1").file("./a", "2"),
            "/a: the archive has it twice",
        ),
        (
            "a file over a directory",
            Tar::new().directory("a").file("a", ""),
            "/a: the archive has it twice",
        ),
        (
            "below a file",
            Tar::new().file("a", "").file("a/b", ""),
            "/a: a file is used as a directory",
        ),
        (
            "hard link out",
            Tar::new().hard_link("a", "../../etc/passwd"),
            "/a: a hard link to ../../etc/passwd: its name contains ..",
        ),
        (
            "hard link through a link",
            Tar::new().link("etc", "/etc").hard_link("a", "etc/passwd"),
            "/a: a hard link to /etc/passwd: its directory is behind a symbolic link",
        ),
        (
            "hard link to what is not there",
            Tar::new().hard_link("a", "/etc/passwd"),
            "/a: a hard link to /etc/passwd: no such file or directory",
        ),
        (
            "hard link to a directory",
            Tar::new().directory("d").hard_link("a", "d"),
            "/a: a hard link to /d: operation not permitted",
        ),
        (
            "hard link to the root",
            Tar::new().hard_link("a", "."),
            "/a: a hard link to the root",
        ),
        (
            "block device",
            Tar::new().entry("dev/sda", b'4', 0o666, "", b""),
            "/dev/sda: an image can't bring device nodes: --skip-devices leaves them out",
        ),
        (
            "character device",
            Tar::new().entry("kmem", b'3', 0o666, "", b""),
            "/kmem: an image can't bring device nodes: --skip-devices leaves them out",
        ),
        (
            "root that is a link",
            Tar::new().link("./", "/etc"),
            "/: the root is not a directory",
        ),
        (
            "whiteout of the parent",
            Tar::new().file("a/.wh...", ""),
            "/a/.wh...: it marks the removal of no file",
        ),
        (
            "whiteout without a name",
            Tar::new().file(".wh.", ""),
            "/.wh.: it marks the removal of no file",
        ),
        (
            "below a whiteout",
            Tar::new().file(".wh.a/b", ""),
            "/.wh.a/b: it is in a directory whose name marks a removal",
        ),
        (
            "GNU sparse file",
            Tar::new().entry("a", b'S', 0o644, "", b""),
            "not a valid archive: sparse entry type but header is not GNU format",
        ),
        (
            "PAX sparse file",
            Tar::new()
                .pax(&[
                    ("GNU.sparse.major", "1"),
                    ("GNU.sparse.minor", "0"),
                    ("GNU.sparse.name", "a"),
                    ("GNU.sparse.realsize", "1000000000000"),
                ])
                .file("a", &format!("0\n{}", "\0".repeat(510))),
            "/a: sparse files are not supported in layers",
        ),
        (
            "unknown type",
            Tar::new().entry("a", b'Z', 0o644, "", b""),
            "/a: an entry of the unknown type 'Z'",
        ),
        (
            "owner out of range",
            Tar::new().pax(&[("uid", "4294967295")]).file("a", ""),
            "/a: its owner or group is not a valid number",
        ),
        (
            "attributes of an overlay",
            Tar::new()
                .pax(&[("SCHILY.xattr.trusted.overlay.redirect", "/etc")])
                .directory("a"),
            "/a: it has extended attributes that are for an overlay file system alone",
        ),
        (
            "name without end",
            Tar::new().long(b'L', &long).file("a", ""),
            "not a valid archive: path exceeds limit: 5000 bytes > 4000 bytes",
        ),
        (
            "part of a name without end",
            Tar::new().long(b'L', &"a".repeat(300)).file("a", ""),
            &format!("/{}: file name too long", "a".repeat(300)),
        ),
        (
            "PAX records without end",
            Tar::new().block("x", b'x', 0o644, "", 1 << 30),
            "not a valid archive: metadata exceeds limit: 1073741824 bytes > 1048576 bytes",
        ),
        (
            "wrong checksum",
            Tar::new().file("abc", "").damage(0, b"x"),
            "not a valid archive: header error: checksum mismatch: expected 4056, computed 4079",
        ),
        (
            "size out of range",
            Tar::new()
                .pax(&[("size", "18446744073709551615")])
                .file("a", ""),
            "not a valid archive: a size out of range",
        ),
    ]
    .into_iter()
    .map(|(name, tar, message)| (name, tar, &*String::leak(message.to_owned())))
    .collect();
    for (name, tar, message) in cases {
        let place = Place::new(&format!("hostile-{}", name.replace(' ', "-")));
        place.image_of(vec![tar.bytes()]);
        place.expect_refusal("layout", &[], &format!("layer 1: {message}"));
    }
}

/// Archives that end where they must not.
#[test]
fn ends_are_noticed() {
    for (tar, message) in [
        (
            Tar::new()
                .block("a", b'0', 0o644, "", 100_000)
                .content(b"short"),
            "/a: the archive ends inside a file",
        ),
        (
            Tar::new()
                .file("a", "")
                .block("../x", b'0', 0o644, "", 1 << 32),
            "../x: its name contains ..",
        ),
        (
            Tar::new().directory("d").block("x", b'x', 0o644, "", 1000),
            "the archive ends inside a header",
        ),
    ] {
        let place = Place::new("ends");
        place.image_of(vec![tar.unfinished()]);
        place.expect_refusal("layout", &[], &format!("layer 1: {message}"));
    }
}

/// What can be taken two ways is taken the harmless one.
#[test]
fn are_contained() {
    let place = Place::new("contained");
    let layer = Tar::new()
        .file("/absolute", "inside")
        .link("out", "/etc")
        .link("up", "../../..")
        .hard_link("link-to-link", "out")
        .entry("dev/null", b'3', 0o666, "", b"");
    place.image_of(vec![layer.bytes()]);
    let output = place.unpack("layout", &["--skip-devices"]);
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let note = "runc: warning: layer 1: 1 file left out: device nodes\n";
    assert!(said.ends_with(note), "{said}");
    assert_eq!(place.root(), ["absolute", "link-to-link", "out", "up"]);
}

/// A lower layer's links lead an upper one's whiteouts and files nowhere.
#[test]
fn lower_links_are_not_followed() {
    let place = Place::new("lower");
    let outside = place.0.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("precious"), "").unwrap();
    let target = outside.display().to_string();
    let lower = Tar::new().link("out", &target).link("again", &target);
    let upper = Tar::new()
        .file("out/.wh.precious", "")
        .file("out/.wh..wh..opq", "")
        .file("again/new", "");
    place.image_of(vec![lower.bytes(), upper.bytes()]);
    place.expect_bundle("layout", &[]);
    assert_eq!(list(&outside), ["precious"]);
    assert_eq!(place.root(), ["again/", "again/new", "out"]);
}

/// A small blob that becomes a large file is stopped at the limit.
#[test]
fn bombs_are_stopped() {
    let place = Place::new("bomb");
    let zeros = |size: usize| {
        Tar::new()
            .entry("zeros", b'0', 0o644, "", &vec![0; size])
            .bytes()
    };
    let harmless = place.layer(GZIP, &zeros(1 << 20));
    let bomb = place.layer(GZIP, &zeros(40 << 20));
    let limit = bomb.descriptor["size"].as_u64().unwrap() * 100 + (16 << 20);
    assert!(limit < 40 << 20);
    place.index(&[place.image(json!({}), &[bomb])]);
    let refusal = |limit: u64| {
        format!(
            "layer 1: it decompresses to more than {limit} bytes, which may be an attack: --max-size allows more"
        )
    };
    place.expect_refusal("layout", &[], &refusal(limit));
    place.expect_refusal("layout", &["--max-size", "1M"], &refusal(1 << 20));
    place.index(&[place.image(json!({ "Cmd": ["sh"] }), &[harmless])]);
    place.expect_bundle("layout", &["--max-size", "2M"]);
}

/// More directories in each other than there may be open files.
#[test]
fn deep_trees_are_unpacked_merged_and_removed() {
    let place = Place::new("deep");
    let deep = "d/".repeat(1100);
    let layer = |last: &str| {
        Tar::new()
            .long(b'L', &format!("{deep}{last}"))
            .file("x", "")
            .bytes()
    };
    place.image_of(vec![layer("a"), layer("b")]);
    place.expect_bundle("layout", &[]);
    let removed = Tar::new().file(".wh.d", "").file("flat", "").bytes();
    fs::rename(place.0.join("bundle"), place.0.join("first")).unwrap();
    place.image_of(vec![layer("a"), layer("b"), removed]);
    place.expect_bundle("layout", &[]);
    assert_eq!(place.root(), ["flat"]);
    place.image_of(vec![
        layer("a"),
        layer("b"),
        Tar::new().file("../x", "").bytes(),
    ]);
    fs::remove_dir_all(place.0.join("bundle")).unwrap();
    let output = place.unpack("layout", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!place.0.join(".bundle.unpacking").exists());
    // The standard library holds a descriptor for each level; a shell's tool does not.
    let remove = std::process::Command::new("rm")
        .arg("-rf")
        .arg(place.0.join("first"))
        .status();
    assert!(remove.unwrap().success());
}

/// Nothing is put where something is, and what a killed process left is in nobody's way.
#[test]
fn places_are_not_taken() {
    let place = Place::new("places");
    place.image_of(vec![Tar::new().file("a", "").bytes()]);
    fs::create_dir_all(place.0.join(".bundle.unpacking/rootfs")).unwrap();
    place.expect_bundle("layout", &[]);
    assert!(!place.0.join(".bundle.unpacking").exists());
    place.expect_refusal("layout", &[], "bundle: it exists already");
    fs::remove_dir_all(place.0.join("bundle")).unwrap();
    symlink("/tmp", place.0.join("bundle")).unwrap();
    place.expect_refusal("layout", &[], "bundle: it exists already");
    fs::remove_file(place.0.join("bundle")).unwrap();
    symlink("/tmp", place.0.join(".bundle.unpacking")).unwrap();
    let output = place.unpack("layout", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(place.0.join(".bundle.unpacking").is_symlink());
}
