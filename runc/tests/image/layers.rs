//! What becomes of a layer's files, and of several layers together.

use super::archive::Tar;
use super::layout::{GZIP, LAYER, Place, ZSTANDARD, archive_of, gzip};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn files_keep_what_they_have() {
    let place = Place::new("attributes");
    let long = format!("d/{}", "n".repeat(200));
    let target = "t".repeat(300);
    let layer = Tar::new()
        .entry("./", b'5', 0o750, "", b"")
        .directory("d/")
        .entry("d/tool", b'0', 0o4755, "", b"content")
        .hard_link("d/same", "./d/tool")
        .link("d/link", "../../outside")
        .entry("d/pipe", b'6', 0o600, "", b"")
        .long(b'L', &long)
        .file("short", "gnu")
        .long(b'K', &target)
        .link("far", "short")
        .pax(&[("path", "d/päx"), ("mtime", "12.5"), ("uid", "9")])
        .file("other", "pax")
        .file("implicit/deep/file", "");
    place.image_of(vec![layer.bytes()]);
    if !is_root() {
        // What belongs to whom is root's to decide.
        assert!(place.unpack("layout", &[]).status.success());
        return;
    }
    place.expect_bundle("layout", &[]);
    let root = place.0.join("bundle/rootfs");
    let status = |name: &str| fs::symlink_metadata(root.join(name)).unwrap();
    assert_eq!(place.read("bundle/rootfs/d/tool"), "content");
    let tool = status("d/tool");
    assert_eq!(
        (tool.mode() & 0o7777, tool.uid(), tool.gid()),
        (0o4755, 7, 8)
    );
    assert_eq!((tool.mtime(), tool.mtime_nsec()), (1_000_000_000, 0));
    assert_eq!((tool.ino(), tool.nlink()), (status("d/same").ino(), 2));
    assert_eq!(
        fs::read_link(root.join("d/link")).unwrap().to_str(),
        Some("../../outside")
    );
    assert_eq!(
        (status("d/link").uid(), status("d/link").mtime()),
        (7, 1_000_000_000)
    );
    assert!(status("d/pipe").file_type().is_fifo());
    assert_eq!(place.read(&format!("bundle/rootfs/{long}")), "gnu");
    assert_eq!(
        fs::read_link(root.join("far")).unwrap().to_str(),
        Some(target.as_str())
    );
    let pax = status("d/päx");
    assert_eq!(
        (pax.uid(), pax.mtime(), pax.mtime_nsec()),
        (9, 12, 500_000_000)
    );
    let directory = status("d");
    assert_eq!(
        (directory.mode() & 0o7777, directory.mtime()),
        (0o755, 1_000_000_000)
    );
    assert_eq!((status("").mode() & 0o7777, status("").uid()), (0o750, 7));
    assert_eq!(
        (
            status("implicit/deep").mode() & 0o7777,
            status("implicit").uid()
        ),
        (0o755, 0)
    );
}

#[test]
fn all_compressions_give_the_same() {
    let text = "line of text\n".repeat(20_000);
    let archive = Tar::new().file("file", &text).bytes();
    for media_type in [
        LAYER,
        GZIP,
        ZSTANDARD,
        "application/vnd.docker.image.rootfs.diff.tar",
    ] {
        let place = Place::new("compression");
        let layer = place.layer(media_type, &archive);
        place.index(&[place.image(json!({ "Cmd": ["sh"] }), &[layer])]);
        place.expect_bundle("layout", &[]);
        assert_eq!(place.read("bundle/rootfs/file"), text, "{media_type}");
    }
}

/// Parallel compressors write members and frames one after the other, and frames without content between.
#[test]
fn streams_may_have_parts() {
    let archive = Tar::new().file("file", &"text".repeat(10_000)).bytes();
    let (first, second) = archive.split_at(700);
    let zstandard = |content: &[u8]| {
        ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
    };
    let skipped = [
        &0x184D_2A50_u32.to_le_bytes()[..],
        &4_u32.to_le_bytes(),
        b"note",
    ]
    .concat();
    for (media_type, blob) in [
        (GZIP, [gzip(first), gzip(second)].concat()),
        (
            ZSTANDARD,
            [
                zstandard(first),
                skipped.clone(),
                zstandard(second),
                skipped,
            ]
            .concat(),
        ),
    ] {
        let place = Place::new("parts");
        let mut layer = place.layer(media_type, &archive);
        layer.descriptor = place.blob(media_type, &blob);
        place.index(&[place.image(json!({ "Cmd": ["sh"] }), &[layer])]);
        place.expect_bundle("layout", &[]);
        assert_eq!(place.read("bundle/rootfs/file").len(), 40_000);
    }
}

#[test]
fn a_layout_may_be_an_archive() {
    let place = Place::new("archive");
    let layer = |name: &str| place.layer(GZIP, &Tar::new().file(name, name).bytes());
    let layers = [layer("a"), layer("b"), layer("c"), layer("d")];
    place.index(&[place.image(json!({ "Cmd": ["sh"] }), &layers)]);
    let archive = archive_of(&place.0.join("layout"));
    place.write("plain.tar", &archive);
    place.write("compressed.tar.gz", gzip(&archive));
    for name in ["plain.tar", "compressed.tar.gz"] {
        place.expect_bundle(name, &[]);
        assert_eq!(place.root(), ["a", "b", "c", "d"]);
        fs::remove_dir_all(place.0.join("bundle")).unwrap();
    }
}

#[test]
fn upper_layers_win() {
    let place = Place::new("upper");
    let lower = Tar::new()
        .directory("both")
        .file("both/lower", "lower")
        .file("both/same", "lower")
        .file("file-to-directory", "")
        .directory("directory-to-file")
        .file("directory-to-file/x", "")
        .link("link-to-file", "both/lower")
        .link("link-to-directory", "both");
    let upper = Tar::new()
        .entry("both", b'5', 0o700, "", b"")
        .file("both/same", "upper")
        .file("both/upper", "upper")
        .directory("file-to-directory")
        .file("file-to-directory/x", "")
        .file("directory-to-file", "now a file")
        .file("link-to-file", "now a file")
        .file("link-to-directory/x", "");
    place.image_of(vec![lower.bytes(), upper.bytes()]);
    place.expect_bundle("layout", &[]);
    assert_eq!(
        place.root(),
        [
            "both/",
            "both/lower",
            "both/same",
            "both/upper",
            "directory-to-file",
            "file-to-directory/",
            "file-to-directory/x",
            "link-to-directory/",
            "link-to-directory/x",
            "link-to-file",
        ]
    );
    assert_eq!(place.read("bundle/rootfs/both/lower"), "lower");
    assert_eq!(place.read("bundle/rootfs/both/same"), "upper");
    let both = fs::metadata(place.0.join("bundle/rootfs/both")).unwrap();
    assert_eq!((both.mode() & 0o7777, both.mtime()), (0o700, 1_000_000_000));
}

/// A directory that a layer does not list stays as it is below.
#[test]
fn unlisted_directories_are_not_changed() {
    let place = Place::new("unlisted");
    let lower = Tar::new().entry("d", b'5', 0o700, "", b"");
    let upper = Tar::new().file("d/file", "");
    place.image_of(vec![lower.bytes(), upper.bytes()]);
    place.expect_bundle("layout", &[]);
    let directory = fs::metadata(place.0.join("bundle/rootfs/d")).unwrap();
    assert_eq!(
        (directory.mode() & 0o7777, directory.mtime()),
        (0o700, 1_000_000_000)
    );
}

/// The examples of the specification's layer.md, in both orders.
#[test]
fn whiteouts_remove_from_lower_layers_only() {
    let lower = Tar::new()
        .directory("a")
        .directory("a/b")
        .file("a/b/bar", "")
        .file("a/file", "lower")
        .file("kept", "");
    let expected = ["a/", "a/b/", "a/b/foo", "kept"];
    let opaque = |tar: Tar| tar.file("a/.wh..wh..opq", "");
    let named = |tar: Tar| tar.file("a/.wh.b", "").file("a/.wh.file", "");
    let content = |tar: Tar| tar.directory("a/b").file("a/b/foo", "");
    for upper in [
        content(opaque(Tar::new())),
        opaque(content(Tar::new())),
        content(named(Tar::new())),
        named(content(Tar::new())),
    ] {
        let place = Place::new("whiteouts");
        place.image_of(vec![lower.clone().bytes(), upper.bytes()]);
        place.expect_bundle("layout", &[]);
        assert_eq!(place.root(), expected);
    }
}

#[test]
fn whiteouts_of_nothing_do_nothing() {
    let place = Place::new("nothing");
    let lower = Tar::new().file("file", "").link("link", "elsewhere");
    let upper = Tar::new()
        .file(".wh.missing", "")
        .file("file/.wh.inside", "")
        .file("link/.wh.inside", "")
        .file("missing/.wh..wh..opq", "")
        .file(".wh..wh.aufs", "")
        .file(".wh..wh.plnk/12.34", "");
    place.image_of(vec![lower.bytes(), upper.bytes()]);
    place.expect_bundle("layout", &[]);
    assert_eq!(place.root(), ["file", "link"]);
}

/// A file that is opaque at the root hides all that is below.
#[test]
fn the_root_may_be_opaque() {
    let place = Place::new("opaque-root");
    let lower = Tar::new().file("a", "").file("d/b", "");
    let upper = Tar::new().file(".wh..wh..opq", "").file("c", "");
    place.image_of(vec![lower.bytes(), upper.bytes()]);
    place.expect_bundle("layout", &[]);
    assert_eq!(place.root(), ["c"]);
}

#[test]
fn hard_links_reach_lower_layers() {
    let place = Place::new("lower-links");
    let lower = Tar::new().file("file", "content");
    let upper = Tar::new().hard_link("other", "file").file(".wh.file", "");
    place.image_of(vec![lower.bytes(), upper.bytes()]);
    place.expect_bundle("layout", &[]);
    assert_eq!(place.root(), ["other"]);
    assert_eq!(place.read("bundle/rootfs/other"), "content");
}

/// Attributes are kept where the system keeps any; where it does not, that is said.
#[test]
fn extended_attributes_are_kept() {
    let place = Place::new("extended");
    let noted = |tar: Tar, value: &str| tar.pax(&[("SCHILY.xattr.user.note", value)]);
    let lower = noted(noted(Tar::new(), "file").file("f", ""), "lower").directory("d");
    let upper = noted(Tar::new(), "upper").directory("d").file("d/x", "");
    place.image_of(vec![lower.bytes(), upper.bytes()]);
    let output = place.unpack("layout", &[]);
    assert!(output.status.success());
    let note = |name: &str| {
        let mut value = vec![0; 16];
        let path = place.0.join("bundle/rootfs").join(name);
        let length = rustix::fs::getxattr(path, "user.note", &mut value);
        length.map(|length| String::from_utf8_lossy(&value[..length]).into_owned())
    };
    let said = String::from_utf8(output.stderr).unwrap();
    if said.contains("without the extended attributes") {
        assert!(note("f").is_err());
    } else {
        assert_eq!(note("f").as_deref(), Ok("file"));
        assert_eq!(note("d").as_deref(), Ok("upper"));
    }
}

/// Everybody may enter a root of which no layer says anything, and one that was said stays.
#[test]
fn unlisted_roots_can_be_entered() {
    let place = Place::new("unlisted-root");
    let file = |name: &str| Tar::new().file(name, "").bytes();
    place.image_of(vec![file("a"), file("b")]);
    let mode = || {
        let root = fs::metadata(place.0.join("bundle/rootfs")).unwrap();
        root.mode() & 0o7777
    };
    place.expect_bundle("layout", &[]);
    assert_eq!(mode(), 0o755);
    fs::remove_dir_all(place.0.join("bundle")).unwrap();
    let listed = Tar::new().entry("./", b'5', 0o1711, "", b"");
    place.image_of(vec![listed.bytes(), file("b")]);
    place.expect_bundle("layout", &[]);
    assert_eq!(mode(), 0o1711);
}
