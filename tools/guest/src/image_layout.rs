//! OCI image layouts to be unpacked, honest ones and others.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// What an entry of a layer is, with the letters of tar(5).
pub const FILE: u8 = b'0';
/// A further name of a file of the layer or of those below.
pub const HARD_LINK: u8 = b'1';
/// A symbolic link.
pub const LINK: u8 = b'2';
/// A directory.
pub const FOLDER: u8 = b'5';
/// Extended attributes of the next entry.
const RECORDS: u8 = b'x';

/// An entry of a layer.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// What it is.
    pub kind: u8,
    /// Its name, of less than 100 bytes.
    pub name: &'a str,
    /// What a link leads to.
    pub target: &'a str,
    /// What a file holds.
    pub content: &'a [u8],
    /// Permissions and set-id bits.
    pub mode: u32,
    /// User and group.
    pub owner: u32,
}

impl Default for Entry<'_> {
    fn default() -> Self {
        Self {
            kind: FILE,
            name: "",
            target: "",
            content: b"",
            mode: 0o755,
            owner: 0,
        }
    }
}

/// A layer's archive (tar(5)).
#[derive(Clone, Default)]
pub struct Archive(Vec<u8>);

impl Archive {
    /// Adds an entry.
    #[must_use]
    pub fn entry(mut self, entry: &Entry<'_>) -> Self {
        let mut header = [0_u8; 512];
        let mut put = |place: usize, text: &str| {
            header[place..place + text.len()].copy_from_slice(text.as_bytes());
        };
        put(0, entry.name);
        put(100, &format!("{:07o}\0", entry.mode));
        put(108, &format!("{:07o}\0", entry.owner));
        put(116, &format!("{:07o}\0", entry.owner));
        put(124, &format!("{:011o}\0", entry.content.len()));
        put(136, "07346545000\0");
        put(148, "        ");
        put(157, entry.target);
        put(257, "ustar\x0000");
        header[156] = entry.kind;
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&header);
        self.0.extend_from_slice(entry.content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// Adds a file with mode 0755.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.entry(&Entry {
            name,
            content,
            ..Entry::default()
        })
    }

    /// Adds a directory with mode 0755.
    #[must_use]
    pub fn folder(self, name: &str) -> Self {
        self.entry(&Entry {
            kind: FOLDER,
            name,
            ..Entry::default()
        })
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn link(self, name: &str, target: &str) -> Self {
        self.entry(&Entry {
            kind: LINK,
            name,
            target,
            ..Entry::default()
        })
    }

    /// Gives the next entry an extended attribute.
    #[must_use]
    pub fn attribute(self, name: &str, value: &str) -> Self {
        let rest = format!(" SCHILY.xattr.{name}={value}\n");
        // The length counts its own digits, of which there are two here.
        let record = format!("{}{rest}", rest.len() + 2);
        self.entry(&Entry {
            kind: RECORDS,
            name: "records",
            content: record.as_bytes(),
            ..Entry::default()
        })
    }

    /// The archive, with its end.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }
}

/// An image of a layout.
pub struct Image<'a> {
    /// Its name there.
    pub tag: &'a str,
    /// What its configuration says of containers, as JSON.
    pub config: &'a str,
    /// Its layers, from the lowest on.
    pub layers: &'a [&'a Archive],
}

/// Makes an image layout.
pub fn write(layout: &Path, images: &[Image<'_>]) -> io::Result<()> {
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    let version = r#"{ "imageLayoutVersion": "1.0.0" }"#;
    fs::write(layout.join("oci-layout"), version)?;
    let manifests = images.iter().map(|image| manifest(layout, image));
    let manifests = manifests.collect::<io::Result<Vec<_>>>()?.join(", ");
    let index = format!(r#"{{ "schemaVersion": 2, "manifests": [{manifests}] }}"#);
    fs::write(layout.join("index.json"), index)
}

/// Puts an image into a layout; how the index lists it.
fn manifest(layout: &Path, image: &Image<'_>) -> io::Result<String> {
    let (mut layers, mut contents) = (Vec::new(), Vec::new());
    for archive in image.layers {
        let bytes = archive.bytes();
        let digest = blob(layout, &bytes)?;
        layers.push(descriptor("layer.v1.tar", &digest, bytes.len(), ""));
        contents.push(format!("\"sha256:{digest}\""));
    }
    let configuration = format!(
        r#"{{ "architecture": "arm64", "os": "linux", "config": {},
        "rootfs": {{ "type": "layers", "diff_ids": [{}] }} }}"#,
        image.config,
        contents.join(", ")
    );
    let digest = blob(layout, configuration.as_bytes())?;
    let configuration = descriptor("config.v1+json", &digest, configuration.len(), "");
    let manifest = format!(
        r#"{{ "schemaVersion": 2, "config": {configuration}, "layers": [{}] }}"#,
        layers.join(", ")
    );
    let digest = blob(layout, manifest.as_bytes())?;
    let name = format!(
        r#", "annotations": {{ "org.opencontainers.image.ref.name": "{}" }}"#,
        image.tag
    );
    Ok(descriptor(
        "manifest.v1+json",
        &digest,
        manifest.len(),
        &name,
    ))
}

fn descriptor(kind: &str, digest: &str, size: usize, more: &str) -> String {
    format!(
        r#"{{ "mediaType": "application/vnd.oci.image.{kind}", "digest": "sha256:{digest}", "size": {size}{more} }}"#
    )
}

/// Puts a blob into a layout; its digest.
fn blob(layout: &Path, content: &[u8]) -> io::Result<String> {
    let file = layout.join("blob");
    fs::write(&file, content)?;
    let mut sum = Command::new("/bin/busybox");
    let output = sum.arg("sha256sum").arg(&file).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let digest = text.split(' ').next().unwrap_or_default();
    fs::rename(file, layout.join("blobs/sha256").join(digest))?;
    Ok(digest.to_owned())
}
