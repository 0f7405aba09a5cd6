//! Blobs that aren't what they are said to be.

use super::archive::Tar;
use super::layout::{GZIP, LAYER, Place, ZSTANDARD, digest};
use serde_json::{Value, json};
use std::fs;

/// What is done to a manifest before it is written.
type Change<'a> = &'a dyn Fn(&mut Value);

fn layer() -> Vec<u8> {
    let text = (0..3000)
        .map(|number| format!("{number}\n"))
        .collect::<String>();
    Tar::new().file("file", &text).bytes()
}

/// Every bit counts, wherever it is, in whatever compression.
#[test]
fn is_found_in_layers() {
    for media_type in [LAYER, GZIP, ZSTANDARD] {
        let place = Place::new("bits");
        let layer = place.layer(media_type, &layer());
        let name = layer.descriptor["digest"].as_str().unwrap().to_owned();
        place.index(&[place.image(json!({}), &[layer])]);
        let file = place.0.join(format!("layout/blobs/sha256/{}", &name[7..]));
        let blob = fs::read(&file).unwrap();
        for position in [0, blob.len() / 3, blob.len() / 2, blob.len() - 1] {
            let mut damaged = blob.clone();
            damaged[position] ^= 0x10;
            fs::write(&file, &damaged).unwrap();
            let message = format!(
                "layer 1: {name}: the blob is damaged or was tampered with: its digest is {}",
                digest(&damaged)
            );
            place.expect_refusal("layout", &[], &message);
        }
        let (size, half) = (blob.len(), blob.len() / 2);
        fs::write(&file, &blob[..half]).unwrap();
        let message = format!(
            "layer 1: {name}: the blob has {half} bytes, and {size} according to its descriptor"
        );
        place.expect_refusal("layout", &[], &message);
        fs::write(&file, [blob.as_slice(), b"more"].concat()).unwrap();
        let message = format!(
            "layer 1: {name}: the blob is longer than the {size} bytes that its descriptor says"
        );
        place.expect_refusal("layout", &[], &message);
        fs::remove_file(&file).unwrap();
        let message = format!(
            "layer 1: layout: blobs/sha256/{}: no such file or directory",
            &name[7..]
        );
        place.expect_refusal("layout", &[], &message);
    }
}

/// A blob may be right and hold something other than the configuration promises.
#[test]
fn is_found_in_contents() {
    let place = Place::new("contents");
    let mut wrong = place.layer(GZIP, &layer());
    let right = wrong.content.clone();
    wrong.content = digest(b"something else");
    let promised = wrong.content.clone();
    place.index(&[place.image(json!({}), &[wrong])]);
    let message = format!(
        "layer 1: {promised}: its decompressed content is damaged or was tampered with: its digest is {right}"
    );
    place.expect_refusal("layout", &[], &message);
}

#[test]
fn is_found_in_documents() {
    let place = Place::new("documents");
    let manifest = place.image(json!({}), &[place.layer(LAYER, &layer())]);
    place.index(std::slice::from_ref(&manifest));
    let name = manifest["digest"].as_str().unwrap();
    let path = format!("layout/blobs/sha256/{}", &name[7..]);
    let text = place
        .read(&path)
        .replace("\"schemaVersion\":2", "\"schemaVersion\":3");
    place.write(&path, &text);
    let message = format!(
        "{name}: the blob is damaged or was tampered with: its digest is {}",
        digest(text.as_bytes())
    );
    place.expect_refusal("layout", &[], &message);
    let mut large = manifest.clone();
    large["size"] = (5 << 20).into();
    place.index(&[large]);
    place.expect_refusal("layout", &[], &format!("{path}: larger than 4194304 bytes"));
}

/// Layouts and documents that aren't of the form that the specification gives them.
#[test]
fn is_found_in_forms() {
    let place = Place::new("forms");
    let changed = |change: Change<'_>| {
        let layer = place.layer(LAYER, &layer());
        let configuration = json!({
            "os": "linux", "architecture": "arm64",
            "rootfs": { "type": "layers", "diff_ids": [layer.content] }
        });
        let configuration = place.blob(
            super::layout::CONFIGURATION,
            configuration.to_string().as_bytes(),
        );
        let mut manifest =
            json!({ "schemaVersion": 2, "config": configuration, "layers": [layer.descriptor] });
        change(&mut manifest);
        let manifest = place.blob(super::layout::MANIFEST, manifest.to_string().as_bytes());
        place.index(std::slice::from_ref(&manifest));
        format!(
            "layout/blobs/sha256/{}",
            &manifest["digest"].as_str().unwrap()[7..]
        )
    };
    let cases: [(Change<'_>, &str); 6] = [
        (
            &|manifest| manifest["layers"] = json!([]),
            "layers: there are 0 layers, and 1 according to the configuration",
        ),
        (
            &|manifest| manifest["layers"][0]["mediaType"] = "application/x-rar".into(),
            "layers[0]: a layer of type application/x-rar is not supported: expected a tar archive, plain or compressed with gzip or zstd",
        ),
        (
            &|manifest| manifest["layers"][0]["digest"] = "sha256:../../../etc/passwd".into(),
            "layers[0].digest: this is not a digest: wrong length, or digits other than 0-9 and a-f",
        ),
        (
            &|manifest| manifest["layers"][0]["digest"] = "md5:00".into(),
            "layers[0].digest: the digest is neither sha256 nor sha512",
        ),
        (
            &|manifest| manifest["layers"][0]["size"] = (-1).into(),
            "layers[0].size: expected a whole number from 0 to 9223372036854775807",
        ),
        (
            &|manifest| manifest["schemaVersion"] = 1.into(),
            "schemaVersion: version 2 of the manifest is supported",
        ),
    ];
    for (change, message) in cases {
        let path = changed(change);
        place.expect_refusal("layout", &[], &format!("{path}: {message}"));
    }
    place.write("layout/index.json", "{");
    let output = place.unpack("layout", &[]);
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .starts_with("runc: image: layout/index.json: not valid JSON")
    );
    place.write("layout/oci-layout", r#"{ "imageLayoutVersion": "2.0.0" }"#);
    place.expect_refusal(
        "layout",
        &[],
        "layout/oci-layout: imageLayoutVersion: version 1 of the layout is supported",
    );
    fs::remove_file(place.0.join("layout/oci-layout")).unwrap();
    place.expect_refusal(
        "layout",
        &[],
        "layout: not an OCI image layout: the file oci-layout is missing",
    );
    place.write("docker.tar", Tar::new().file("manifest.json", "[]").bytes());
    place.expect_refusal("docker.tar", &[], "docker.tar: not an OCI image layout: a Docker archive of an old form: `skopeo copy docker-archive:... oci:...` converts it");
    place.expect_refusal("missing", &[], "missing: no such file or directory");
    place.write(
        "text",
        "not an archive, but long enough to be read as one".repeat(20),
    );
    let output = place.unpack("text", &[]);
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .starts_with("runc: image: text: not a valid archive: ")
    );
}
