//! layout.schema.json and runc agree on what a layout file is.

use jsonschema::Validator;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema() -> Validator {
    let text = fs::read_to_string(package().join("layout.schema.json")).unwrap();
    let schema = serde_json::from_str(&text).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// Files below a folder whose names end so.
fn files(folder: PathBuf, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.to_string_lossy().ends_with(end) {
                found.push(path);
            }
        }
    }
    found
}

fn runc_takes(file: &Path) -> bool {
    let output = Command::new(env!("CARGO_BIN_EXE_runc"))
        .args(["run", "--dry-run", "-f"])
        .arg(file)
        .arg("test")
        .output()
        .unwrap();
    output.status.success()
}

/// Those of runc and of the demos.
#[test]
fn shipped_layouts_are_valid() {
    let demos = package().join("../tools/initramfs/usr/share/gantry/demos");
    let mut layouts = files(demos, ".json");
    assert!(layouts.len() > 5);
    layouts.extend(files(package().join("examples"), ".json"));
    let schema = schema();
    for file in layouts {
        let layout: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        if let Err(error) = schema.validate(&layout) {
            panic!("{}: {error}", file.display());
        }
        assert!(runc_takes(&file), "{}", file.display());
    }
}

/// What runc refuses for its form the schema refuses too, and the other way round.
#[test]
fn cases_are_judged_alike() {
    let schema = schema();
    // Quotes are no matter of JSON, nor is a member that is there twice.
    let beyond = ["layout-open-quote", "layout-field-twice"];
    let mut judged = 0;
    for file in files(package().join("tests/cases"), "layout.json") {
        let Ok(layout) = serde_json::from_str(&fs::read_to_string(&file).unwrap()) else {
            continue;
        };
        let case = file
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_string_lossy();
        if !beyond.contains(&&*case) {
            assert_eq!(schema.is_valid(&layout), runc_takes(&file), "{case}");
            judged += 1;
        }
    }
    assert!(judged > 15, "cases are missing");
}
