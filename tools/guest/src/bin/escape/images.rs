//! D16: images whose layers want to be unpacked into the host.

use crate::attack::{ALONE, Class, Result, Scene};
use crate::attempts::Attempts;
use guest::image_layout::{self, Archive, FILE, FOLDER, HARD_LINK, Image, LINK};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub const UNPACKING: Class = Class {
    name: "D16",
    title: "images that unpack into the host",
    unjailed: false,
    absent: no_unpacking,
    inside: stand_by,
    outside: unpack,
    ..ALONE
};

fn no_unpacking() -> Option<String> {
    let help = Command::new("/bin/runc").args(["image", "--help"]).output();
    let known = help.is_ok_and(|output| output.status.success());
    (!known).then(|| "runc unpacks no images".to_owned())
}

/// The attacker is the image.
fn stand_by(attempts: &mut Attempts) -> Result<()> {
    attempts.count += 1;
    Ok(())
}

/// An entry: its kind, name and target.
type Entry = (u8, &'static str, &'static str);

/// What the files of the hostile layers are called where they must not be.
const OUT: &str = "escape-out";

/// Layers, each with what it wants.
const LAYERS: [(&str, &[Entry]); 12] = [
    ("a file above the root", &[(FILE, "../escape-out", "")]),
    (
        "a file far above the root",
        &[(FILE, "a/../../../../escape-out", "")],
    ),
    (
        "a file with an absolute name",
        &[(FILE, "/tmp/escape-host/escape-out", "")],
    ),
    (
        "a file behind an absolute link",
        &[
            (LINK, "link", "/tmp/escape-host"),
            (FILE, "link/escape-out", ""),
        ],
    ),
    (
        "a file behind a relative link",
        &[
            (LINK, "link", "../../../../../../tmp"),
            (FILE, "link/escape-out", ""),
        ],
    ),
    (
        "a file over a link",
        &[(LINK, "link", "/tmp/escape-out"), (FILE, "link", "")],
    ),
    (
        "a folder over a link",
        &[
            (LINK, "link", "/tmp/escape-host"),
            (FOLDER, "link", ""),
            (FILE, "link/escape-out", ""),
        ],
    ),
    (
        "a chain of links",
        &[
            (FOLDER, "a", ""),
            (LINK, "a/b", ".."),
            (LINK, "a/b/c", "../../../tmp"),
            (FILE, "c/escape-out", ""),
        ],
    ),
    (
        "a hard link to the host's secret",
        &[
            (HARD_LINK, "hard", "/tmp/escape-host/secret"),
            (FILE, "hard", ""),
        ],
    ),
    (
        "a hard link behind a link",
        &[
            (LINK, "link", "/tmp/escape-host"),
            (HARD_LINK, "hard", "link/secret"),
        ],
    ),
    (
        "a whiteout behind a link",
        &[
            (LINK, "link", "/tmp/escape-host"),
            (FILE, "link/.wh.secret", ""),
        ],
    ),
    (
        "an opaque folder behind a link",
        &[
            (LINK, "link", "/tmp/escape-host"),
            (FILE, "link/.wh..wh..opq", ""),
        ],
    ),
];

/// An image layout with a layer of these entries.
fn write_layout(layout: &Path, entries: &[Entry]) -> Result<()> {
    let archive = entries
        .iter()
        .fold(Archive::default(), |archive, (kind, name, target)| {
            archive.entry(&image_layout::Entry {
                kind: *kind,
                name,
                target,
                content: if *kind == FILE { b"out" } else { b"" },
                ..image_layout::Entry::default()
            })
        });
    let image = Image {
        tag: "hostile",
        config: r#"{ "Cmd": ["/bin/sh"] }"#,
        layers: &[&archive],
    };
    Ok(image_layout::write(layout, &[image])?)
}

/// Whether a file below a folder has the host's secret in it; links are not followed.
fn holds_secret(folder: &Path, secret: &str) -> bool {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => holds_secret(&path, secret),
                Ok(kind) if kind.is_file() => {
                    fs::read_to_string(&path).is_ok_and(|text| text == secret)
                }
                _ => false,
            }
        })
}

fn unpack(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let place = scene.canaries.place().join("images");
    let store = place.join("store");
    let secret = fs::read_to_string(scene.canaries.place().join(crate::host::SECRET))?;
    // An honest layer shows that what is refused below is refused for what it wants.
    let honest: (&str, &[Entry]) = ("an honest file", &[(FOLDER, "a", ""), (FILE, "a/b", "")]);
    for (index, (what, entries)) in [honest].iter().chain(&LAYERS).enumerate() {
        let layout = place.join(format!("layout{index}"));
        let bundle = place.join(format!("bundle{index}"));
        write_layout(&layout, entries)?;
        let output = Command::new("/bin/runc")
            .args(["image", "unpack", "--store"])
            .args([&store, &layout, &bundle])
            .stdin(Stdio::null())
            .output()?;
        if index == 0 && !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{what} was not unpacked: {errors}").into());
        }
        for folder in [
            "/",
            "/tmp",
            "/etc",
            "/tmp/escape-host",
            "/tmp/escape-host/images",
        ] {
            let path = Path::new(folder).join(OUT);
            attempts.never(format!("{what} made {}", path.display()), path.exists());
        }
        let got = [&bundle, &store].map(|folder| holds_secret(folder, &secret));
        attempts.never(format!("{what} got it"), got.contains(&true));
        let gone = !scene.canaries.place().join(crate::host::SECRET).exists();
        attempts.never(format!("{what} removed the secret"), gone);
    }
    fs::remove_dir_all(&place)?;
    Ok(())
}
