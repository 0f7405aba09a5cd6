//! A small Debian for arm64 as an OCI image, made of packages: something for `runc image unpack` that nobody
//! made for it. The layout lies in out/cache/debian-image.
use super::packages::{bundle, remove, unpack_with_libraries};
use crate::command;
use crate::workspace::write_file;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The packages of the image, which bring their libraries along.
const PACKAGES: [&str; 4] = ["base-files", "base-passwd", "coreutils", "dash"];
/// Nothing runs slower without them, and they are most of the image.
const LEFT_OUT: [&str; 7] = [
    "usr/lib/aarch64-linux-gnu/gconv",
    "usr/share/bug",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
];
/// Where the package base-passwd keeps the users and groups that every Debian has.
const MASTERS: &str = "usr/share/base-passwd";

/// The folder with the layout and, as `root`, with the files that are in the image.
pub struct Sample(PathBuf);

impl Sample {
    /// The image layout.
    pub fn layout(&self) -> PathBuf {
        self.0.join("layout")
    }

    /// A file of the image's first layer, on this machine.
    pub fn file(&self, path: &str) -> PathBuf {
        self.0.join("root").join(path)
    }
}

/// Makes the image unless it is there.
pub fn sample() -> Result<Sample> {
    let folder = bundle(
        "debian-image",
        "a small arm64 Debian",
        "an image to unpack and to run",
        |scratch, result| {
            let root = result.join("root");
            unpack_with_libraries(&PACKAGES, scratch, &root)?;
            remove(&root, &LEFT_OUT)?;
            make_layout(scratch, &root, &result.join("layout"))
        },
    )?;
    Ok(Sample(folder))
}

/// An image of two layers: the packages' files, and above them users and groups, with what they were made from
/// removed.
fn make_layout(scratch: &Path, root: &Path, layout: &Path) -> Result<()> {
    let upper = scratch.join("upper");
    for (master, name) in [("passwd.master", "passwd"), ("group.master", "group")] {
        let text = fs::read(root.join(MASTERS).join(master))
            .with_context(|| format!("the package base-passwd has no {master}"))?;
        write_file(&upper.join("etc").join(name), &text)?;
    }
    write_file(&upper.join("usr/share/.wh.base-passwd"), b"")?;
    let layers = [
        layer(scratch, layout, root)?,
        layer(scratch, layout, &upper)?,
    ];
    let contents = layers
        .each_ref()
        .map(|layer| format!("\"{}\"", layer.content));
    let configuration = format!(
        r#"{{ "architecture": "arm64", "os": "linux", "config": {{
    "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["/bin/sh"], "User": "root" }},
  "rootfs": {{ "type": "layers", "diff_ids": [{}] }} }}"#,
        contents.join(", ")
    );
    let configuration = blob(
        layout,
        "application/vnd.oci.image.config.v1+json",
        configuration.as_bytes(),
    )?;
    let manifest = format!(
        r#"{{ "schemaVersion": 2, "config": {configuration}, "layers": [{}] }}"#,
        layers.map(|layer| layer.descriptor).join(", ")
    );
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = blob(layout, media_type, manifest.as_bytes())?;
    let named = manifest.replacen(
        '{',
        r#"{ "annotations": { "org.opencontainers.image.ref.name": "small" },"#,
        1,
    );
    let index = format!(r#"{{ "schemaVersion": 2, "manifests": [{named}] }}"#);
    write_file(&layout.join("index.json"), index.as_bytes())?;
    let version = br#"{ "imageLayoutVersion": "1.0.0" }"#;
    write_file(&layout.join("oci-layout"), version)
}

/// A layer in the layout: the digest of its archive, and the descriptor of its blob.
struct Layer {
    content: String,
    descriptor: String,
}

/// Packs a folder, owned by root.
fn layer(scratch: &Path, layout: &Path, folder: &Path) -> Result<Layer> {
    let archive = scratch.join("layer.tar");
    command::run_quietly(
        Command::new("tar")
            .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
            .arg("-cf")
            .arg(&archive)
            .arg("-C")
            .arg(folder)
            .arg("."),
    )?;
    let content = format!("sha256:{}", sha256(&archive)?);
    let compressed = scratch.join("layer.tar.gz");
    crate::run::initrd::compress(&archive, &compressed)?;
    let bytes = crate::workspace::read_file(&compressed)?;
    let media_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    Ok(Layer {
        content,
        descriptor: blob(layout, media_type, &bytes)?,
    })
}

/// Puts a blob into the layout and gives its descriptor.
fn blob(layout: &Path, media_type: &str, bytes: &[u8]) -> Result<String> {
    let blobs = layout.join("blobs/sha256");
    let unnamed = blobs.join("new");
    write_file(&unnamed, bytes)?;
    let digest = sha256(&unnamed)?;
    fs::rename(&unnamed, blobs.join(&digest))
        .with_context(|| format!("cannot create {}", blobs.display()))?;
    Ok(format!(
        r#"{{ "mediaType": "{media_type}", "digest": "sha256:{digest}", "size": {} }}"#,
        bytes.len()
    ))
}

/// The SHA-256 of a file, in hexadecimal digits.
pub fn sha256(file: &Path) -> Result<String> {
    let shown = command::output(Command::new("sha256sum").arg("--").arg(file))?;
    let digits = shown.split_whitespace().next();
    digits
        .map(str::to_string)
        .context("sha256sum shows no digest")
}
