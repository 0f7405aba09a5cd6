//! Which of a layout's images is taken.

use super::archive::Tar;
use super::layout::{INDEX, LAYER, Place};
use serde_json::{Value, json};

const NAME: &str = "org.opencontainers.image.ref.name";

impl Place {
    /// An image with one file of this name.
    fn with_file(&self, architecture: &str, file: &str) -> Value {
        let layer = self.layer(LAYER, &Tar::new().file(file, "").bytes());
        self.image_for(architecture, json!({ "Cmd": ["sh"] }), &[layer])
    }
}

fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({ NAME: name });
    descriptor
}

fn for_platform(mut descriptor: Value, system: &str, architecture: &str) -> Value {
    descriptor["platform"] = json!({ "os": system, "architecture": architecture });
    descriptor
}

#[test]
fn is_by_name() {
    let place = Place::new("names");
    place.index(&[
        named(place.with_file("arm64", "one"), "1"),
        named(place.with_file("arm64", "two"), "example.org/two:2"),
    ]);
    for (image, file) in [("layout:1", "one"), ("layout:example.org/two:2", "two")] {
        place.expect_bundle(image, &[]);
        assert_eq!(place.root(), [file]);
        std::fs::remove_dir_all(place.0.join("bundle")).unwrap();
    }
    let several = "layout/index.json: there are several images, put :TAG behind the layout: 1, example.org/two:2";
    place.expect_refusal("layout", &[], several);
    let missing = "layout/index.json: there is no image 3: there is 1, example.org/two:2";
    place.expect_refusal("layout:3", &[], missing);
    place.index(&[place.with_file("arm64", "one")]);
    let nameless = "layout/index.json: there is no image 1: its images have no names";
    place.expect_refusal("layout:1", &[], nameless);
}

#[test]
fn is_by_platform() {
    let place = Place::new("platforms");
    let others = [
        for_platform(
            place.with_file("arm64", "attestation"),
            "unknown",
            "unknown",
        ),
        for_platform(place.with_file("amd64", "amd64"), "linux", "amd64"),
        for_platform(place.with_file("arm64", "windows"), "windows", "arm64"),
    ];
    let ours = for_platform(place.with_file("arm64", "ours"), "linux", "arm64");
    let inner = json!({ "schemaVersion": 2, "manifests": [others[0], others[1], others[2], ours] });
    let inner = place.blob(INDEX, inner.to_string().as_bytes());
    place.index(&[named(inner, "all")]);
    place.expect_bundle("layout:all", &[]);
    assert_eq!(place.root(), ["ours"]);
    std::fs::remove_dir_all(place.0.join("bundle")).unwrap();
    place.index(&others);
    let message =
        "layout/index.json: the image is for linux/amd64, windows/arm64, not for linux/arm64";
    place.expect_refusal("layout", &[], message);
    // Without a platform in the index the image's configuration has the word.
    place.index(&[place.with_file("s390x", "other")]);
    let message = "layout/index.json: the image is for linux/s390x, not for linux/arm64";
    place.expect_refusal("layout", &[], message);
}

#[test]
fn has_an_end() {
    let place = Place::new("nesting");
    let mut inner = place.with_file("arm64", "file");
    for _ in 0..5 {
        let index = json!({ "schemaVersion": 2, "manifests": [inner] });
        inner = place.blob(INDEX, index.to_string().as_bytes());
    }
    place.index(&[inner]);
    let output = place.unpack("layout", &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.ends_with(": indexes refer to indexes more than four times over\n"),
        "{said}"
    );
    let many = vec![place.with_file("s390x", "file"); 40];
    place.index(&many);
    place.expect_refusal("layout", &[], "the index leads to more than 64 documents");
}

#[test]
fn is_only_of_images() {
    let place = Place::new("artifacts");
    let config = place.blob("application/vnd.example.sbom", b"{}");
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [] });
    let manifest = place.blob(super::layout::MANIFEST, manifest.to_string().as_bytes());
    place.index(&[manifest]);
    let message = "layout/index.json: there is no image in it, only something else";
    place.expect_refusal("layout", &[], message);
}
