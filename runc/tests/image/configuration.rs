//! What config.json says.

use super::archive::Tar;
use super::layout::{LAYER, Place};
use serde_json::{Value, json};

fn image(place: &Place, config: Value) {
    let files = Tar::new()
        .file(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/var/www:/bin/sh\n",
        )
        .file("usr/group", "web:x:34:\nlog:x:4:web\n")
        .link("etc/group", "/usr/group")
        .directory("data")
        .file("data/seed", "seed");
    let layer = place.layer(LAYER, &files.bytes());
    place.index(&[place.image(config, &[layer])]);
}

#[test]
fn follows_the_image() {
    let place = Place::new("configuration");
    image(
        &place,
        json!({
            "Entrypoint": ["/bin/web"], "Cmd": ["-p", "80"], "Env": ["A=b", "HOME=/else"],
            "WorkingDir": "srv", "User": "web", "StopSignal": "SIGQUIT",
            "ExposedPorts": { "80/tcp": {}, "443/tcp": {} },
            "Volumes": { "/data": {}, "/empty": {} },
            "Labels": { "maintainer": "me", "org.opencontainers.image.os": "explicit" }
        }),
    );
    place.expect_bundle("layout", &[]);
    let configuration = place.configuration();
    let process = &configuration["process"];
    assert_eq!(process["args"], json!(["/bin/web", "-p", "80"]));
    assert_eq!(
        process["env"],
        json!([
            "A=b",
            "HOME=/else",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        ])
    );
    assert_eq!(process["cwd"], "/srv");
    assert_eq!(
        process["user"],
        json!({ "uid": 33, "gid": 34, "additionalGids": [4] })
    );
    assert_eq!(
        configuration["annotations"],
        json!({
            "maintainer": "me",
            "org.opencontainers.image.os": "explicit",
            "org.opencontainers.image.architecture": "arm64",
            "org.opencontainers.image.stopSignal": "SIGQUIT",
            "org.opencontainers.image.exposedPorts": "443/tcp,80/tcp"
        })
    );
    assert_eq!(
        configuration["root"],
        json!({ "path": "rootfs", "readonly": false })
    );
    let mounts = configuration["mounts"].as_array().unwrap();
    let data = &mounts[mounts.len() - 2];
    assert_eq!(
        (&data["destination"], &data["source"]),
        (&json!("/data"), &json!("volumes/1"))
    );
    assert_eq!(place.read("bundle/volumes/1/seed"), "seed");
    assert!(place.0.join("bundle/volumes/2").is_dir());
}

/// What runc makes, runc takes.
#[test]
fn is_a_bundle_that_can_be_run() {
    let place = Place::new("runnable");
    image(
        &place,
        json!({ "Cmd": ["/bin/true"], "Volumes": { "/data": {} } }),
    );
    place.expect_bundle("layout", &[]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_runc"))
        .args(["run", "--dry-run", "--bundle", "bundle", "test"])
        .current_dir(&place.0)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
}

#[test]
fn names_what_is_missing() {
    let place = Place::new("program");
    image(&place, json!({}));
    let output = place.unpack("layout", &[]);
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "runc: warning: the image names no program to run: give one to runc run\n"
    );
    assert!(place.configuration()["process"].get("args").is_none());
}

#[test]
fn is_refused_where_it_is_wrong() {
    for (config, message) in [
        (
            json!({ "User": "nobody" }),
            "config.User: the image has no user \"nobody\"",
        ),
        (
            json!({ "User": "web:nobody" }),
            "config.User: the image has no group \"nobody\"",
        ),
        (
            json!({ "User": "4294967295" }),
            "config.User: 4294967295 is not a valid number of a user or group",
        ),
        (
            json!({ "WorkingDir": "/a/../.." }),
            "config.WorkingDir: a path inside the container can't contain ..",
        ),
        (
            json!({ "Env": ["A"] }),
            "config.Env[0]: expected NAME=value",
        ),
        (
            json!({ "Volumes": { "../x": {} } }),
            "config.Volumes.../x: expected an absolute path",
        ),
        (
            json!({ "Volumes": { "/": {} } }),
            "config.Volumes./: this can't be the container's root directory",
        ),
        (
            json!({ "Cmd": "sh" }),
            "config.Cmd: expected a list, found a string",
        ),
    ] {
        let place = Place::new("wrong");
        image(&place, config);
        let output = place.unpack("layout", &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.ends_with(&format!(": {message}\n")), "{said}");
        assert!(!place.0.join("bundle").exists());
        assert!(!place.0.join(".bundle.unpacking").exists());
    }
}

/// Links in the image lead to the image's files, whatever they say.
#[test]
fn databases_are_the_images_own() {
    let place = Place::new("databases");
    let layer = Tar::new()
        .link("etc/passwd", "/etc/passwd.real")
        .file("etc/passwd.real", "me:x:5:6::/:");
    place.index(&[place.image(
        json!({ "User": "me", "Cmd": ["sh"] }),
        &[place.layer(LAYER, &layer.bytes())],
    )]);
    place.expect_bundle("layout", &[]);
    assert_eq!(
        place.configuration()["process"]["user"],
        json!({ "uid": 5, "gid": 6 })
    );
    let place = Place::new("pipe");
    let layer = Tar::new().entry("etc/passwd", b'6', 0o644, "", b"");
    place.index(&[place.image(
        json!({ "User": "root" }),
        &[place.layer(LAYER, &layer.bytes())],
    )]);
    place.expect_refusal("layout", &[], "the image's /etc/passwd: not a regular file");
}
