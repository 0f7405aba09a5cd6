//! D16: images whose layers want to be unpacked into the host.

use crate::attack::{ALONE, Class, Result, Scene};
use crate::attempts::Attempts;
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

/// What an entry of a layer is, with the numbers of tar(5).
const FILE: u8 = b'0';
const HARD_LINK: u8 = b'1';
const LINK: u8 = b'2';
const FOLDER: u8 = b'5';

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

/// An archive of entries as tar(5) describes it.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, name, target) in entries {
        let content: &[u8] = if *kind == FILE { b"out" } else { b"" };
        let mut header = [0_u8; 512];
        let mut put = |place: usize, text: &str| {
            header[place..place + text.len()].copy_from_slice(text.as_bytes());
        };
        put(0, name);
        put(100, "0000755\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(157, target);
        put(257, "ustar\x0000");
        header[156] = *kind;
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Puts a blob into a layout; its digest.
fn blob(layout: &Path, content: &[u8]) -> Result<String> {
    let file = layout.join("blob");
    fs::write(&file, content)?;
    let output = Command::new("/bin/busybox")
        .arg("sha256sum")
        .arg(&file)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let digest = text.split(' ').next().ok_or("no digest")?.to_owned();
    fs::rename(file, layout.join("blobs/sha256").join(&digest))?;
    Ok(digest)
}

/// An image layout with a layer of these entries.
fn write_layout(layout: &Path, entries: &[Entry]) -> Result<()> {
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    fs::write(
        layout.join("oci-layout"),
        r#"{ "imageLayoutVersion": "1.0.0" }"#,
    )?;
    let layer = archive(entries);
    let layer_digest = blob(layout, &layer)?;
    let configuration = format!(
        r#"{{ "architecture": "arm64", "os": "linux", "config": {{ "Cmd": ["/bin/sh"] }},
        "rootfs": {{ "type": "layers", "diff_ids": ["sha256:{layer_digest}"] }} }}"#
    );
    let configuration_digest = blob(layout, configuration.as_bytes())?;
    let manifest = format!(
        r#"{{ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {{ "mediaType": "application/vnd.oci.image.config.v1+json", "size": {},
            "digest": "sha256:{configuration_digest}" }},
        "layers": [{{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "size": {},
            "digest": "sha256:{layer_digest}" }}] }}"#,
        configuration.len(),
        layer.len()
    );
    let manifest_digest = blob(layout, manifest.as_bytes())?;
    fs::write(
        layout.join("index.json"),
        format!(
            r#"{{ "schemaVersion": 2, "manifests": [{{ "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": {}, "digest": "sha256:{manifest_digest}" }}] }}"#,
            manifest.len()
        ),
    )?;
    Ok(())
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
    let secret = fs::read_to_string(scene.canaries.place().join(crate::host::SECRET))?;
    // An honest layer shows that what is refused below is refused for what it wants.
    let honest: (&str, &[Entry]) = ("an honest file", &[(FOLDER, "a", ""), (FILE, "a/b", "")]);
    for (index, (what, entries)) in [honest].iter().chain(&LAYERS).enumerate() {
        let layout = place.join(format!("layout{index}"));
        let bundle = place.join(format!("bundle{index}"));
        write_layout(&layout, entries)?;
        let output = Command::new("/bin/runc")
            .args(["image", "unpack"])
            .args([&layout, &bundle])
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
        attempts.never(format!("{what} got it"), holds_secret(&bundle, &secret));
        let gone = !scene.canaries.place().join(crate::host::SECRET).exists();
        attempts.never(format!("{what} removed the secret"), gone);
    }
    fs::remove_dir_all(&place)?;
    Ok(())
}
