//! Image layouts in a directory for one test.

use super::archive::Tar;
use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const ZSTANDARD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";

/// A directory with a layout and room for bundles, removed at the end.
pub struct Place(pub PathBuf);

/// A layer as a manifest lists it, and the digest of its content.
pub struct Layer {
    pub descriptor: Value,
    pub content: String,
}

impl Place {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("runc-image-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("layout/blobs/sha256")).unwrap();
        let place = Self(path);
        place.write("layout/oci-layout", r#"{ "imageLayoutVersion": "1.0.0" }"#);
        place
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), content).unwrap();
    }

    /// Adds a blob, and gives its descriptor.
    pub fn blob(&self, media_type: &str, content: &[u8]) -> Value {
        let digest = digest(content);
        self.write(&format!("layout/blobs/sha256/{}", &digest[7..]), content);
        json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
    }

    /// Adds a layer, compressed as its type says.
    pub fn layer(&self, media_type: &str, archive: &[u8]) -> Layer {
        let blob = match media_type {
            GZIP => gzip(archive),
            ZSTANDARD => compress_to_vec(archive, CompressionLevel::Fastest),
            _ => archive.to_vec(),
        };
        Layer {
            descriptor: self.blob(media_type, &blob),
            content: digest(archive),
        }
    }

    /// Adds an image for linux/arm64 and gives the descriptor of its manifest.
    pub fn image(&self, config: Value, layers: &[Layer]) -> Value {
        self.image_for("arm64", config, layers)
    }

    pub fn image_for(&self, architecture: &str, config: Value, layers: &[Layer]) -> Value {
        let contents: Vec<_> = layers.iter().map(|layer| &layer.content).collect();
        let configuration = json!({
            "os": "linux", "architecture": architecture, "config": config,
            "rootfs": { "type": "layers", "diff_ids": contents }
        });
        let descriptors: Vec<_> = layers.iter().map(|layer| &layer.descriptor).collect();
        let configuration = self.blob(CONFIGURATION, configuration.to_string().as_bytes());
        let manifest =
            json!({ "schemaVersion": 2, "config": configuration, "layers": descriptors });
        self.blob(MANIFEST, manifest.to_string().as_bytes())
    }

    /// Writes the index.
    pub fn index(&self, manifests: &[Value]) {
        let index = json!({ "schemaVersion": 2, "manifests": manifests });
        self.write("layout/index.json", index.to_string());
    }

    /// A layout with one image that has these layers.
    pub fn image_of(&self, layers: Vec<Vec<u8>>) {
        let layers: Vec<_> = layers
            .iter()
            .map(|archive| self.layer(LAYER, archive))
            .collect();
        self.index(&[self.image(json!({ "Cmd": ["sh"] }), &layers)]);
    }

    pub fn unpack(&self, image: &str, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_runc"))
            .args(["image", "unpack", "--merge"])
            .args(options)
            .args([image, "bundle"])
            .current_dir(&self.0)
            .output()
            .unwrap()
    }

    /// Unpacks what must be right.
    pub fn expect_bundle(&self, image: &str, options: &[&str]) {
        let output = self.unpack(image, options);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(said, "");
    }

    /// Unpacks what must be refused with this message, and looks for anything left.
    pub fn expect_refusal(&self, image: &str, options: &[&str], message: &str) {
        let before = self.files();
        let output = self.unpack(image, options);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, format!("runc: image: {message}\n"));
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(self.files(), before, "{message}");
    }

    /// All files in the place.
    pub fn files(&self) -> Vec<String> {
        list(&self.0)
    }

    /// All files of the bundle's root, without it.
    pub fn root(&self) -> Vec<String> {
        list(&self.0.join("bundle/rootfs"))
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// config.json of the bundle.
    pub fn configuration(&self) -> Value {
        serde_json::from_str(&self.read("bundle/config.json")).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Names of all files below a directory, sorted; directories end with a slash.
pub fn list(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            let path = entry.path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            if entry.file_type().unwrap().is_dir() {
                names.push(format!("{name}/"));
                waiting.push(path);
            } else {
                names.push(name);
            }
        }
    }
    names.sort();
    names
}

pub fn digest(content: &[u8]) -> String {
    let digits: String = Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{digits}")
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A layout's directory as an archive.
pub fn archive_of(directory: &Path) -> Vec<u8> {
    let mut tar = Tar::new();
    for name in list(directory) {
        tar = match name.strip_suffix('/') {
            Some(_) => tar.directory(&name),
            None => {
                let content = fs::read(directory.join(&name)).unwrap();
                tar.entry(&name, b'0', 0o644, "", &content)
            }
        };
    }
    tar.bytes()
}
