//! Roots that are image files: read-only, and under a layer in memory.

use crate::Result;
use crate::place::{Bundle, Place, expect_error, outcome};
use crate::test::Test;
use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Stdio};

pub const TESTS: &[Test] = &[
    Test::own(
        "an_image_file_is_a_root",
        bundles,
        "roots that are image files",
    ),
    Test::own(
        "an_image_file_is_the_root_of_a_layout",
        layouts,
        "roots that are image files",
    ),
    Test::own(
        "what_is_no_image_is_no_root",
        refusals,
        "roots that are image files",
    ),
];

/// An image of the kernel's own tests. It has directories `deep` and `etc`, and no program.
const IMAGE: &[u8] =
    include_bytes!("../../../../../kernel/core/src/fs/erofs/tests/compact.erofs.gz");

/// Unpacks the image to a file.
fn write_image(place: &Place, name: &str) -> Result<()> {
    let mut gunzip = Command::new("/bin/busybox")
        .arg("gunzip")
        .stdin(Stdio::piped())
        .stdout(File::create(place.path().join(name))?)
        .spawn()?;
    gunzip.stdin.take().ok_or("no input")?.write_all(IMAGE)?;
    if gunzip.wait()?.success() {
        Ok(())
    } else {
        Err("gunzip failed".into())
    }
}

/// The programs that the image lacks.
const PROGRAMS: &str =
    r#"{ "destination": "/deep", "type": "bind", "source": "/bin", "options": ["bind"] }"#;
const SCRIPT: &str = "B=/deep/busybox; $B cat /etc/hello; \
    { echo x > /new; } 2>&- && $B cat /new; $B rm -r /many 2>&- && ! $B test -e /many && echo removed";

fn bundles() -> Result<()> {
    let place = Place::new("image-root")?;
    write_image(&place, "root")?;
    for (root, expected) in [
        (r#", "readonly": true"#, "hello from an image\n"),
        ("", "hello from an image\nx\nremoved\n"),
        // What one container writes goes with it.
        ("", "hello from an image\nx\nremoved\n"),
    ] {
        let bundle = Bundle {
            root,
            mounts: PROGRAMS,
            ..Bundle::default()
        };
        place.write_bundle("", &bundle)?;
        let mut runc = Command::new("/bin/runc");
        runc.arg("run").arg("--bundle").arg(place.path());
        runc.args(["test", "/deep/busybox", "sh", "-c", SCRIPT]);
        let said = outcome(&mut runc)?;
        if said.output != expected || !said.errors.is_empty() {
            return Err(format!("{root}: {said:?} instead of {expected:?}").into());
        }
    }
    Ok(())
}

fn layouts() -> Result<()> {
    let place = Place::new("image-layout")?;
    write_image(&place, "image")?;
    fs::create_dir(place.path().join("folder"))?;
    fs::create_dir(place.path().join("folder/deep"))?;
    for (kind, source, expected) in [
        ("erofs", "image", "hello from an image\n"),
        ("overlay", "image", "hello from an image\nx\nremoved\n"),
        ("overlay", "folder", "x\n"),
    ] {
        let objects = format!(
            r#"{{ "type": "root_mount", "source": "{}/{source}", "fs_type": "{kind}" }},
            {{ "type": "mount", "source": "/bin", "target": "/deep", "fs_type": "bind" }}"#,
            place.path().display()
        );
        let mut runc = place.layout(&objects)?;
        runc.args(["/deep/busybox", "sh", "-c", SCRIPT]);
        let said = outcome(&mut runc)?;
        if said.output != expected {
            return Err(format!("{kind} {source}: {said:?} instead of {expected:?}").into());
        }
    }
    if fs::read_dir(place.path().join("folder"))?.count() == 1 {
        Ok(())
    } else {
        Err("the folder was written".into())
    }
}

fn refusals() -> Result<()> {
    let place = Place::new("no-image")?;
    fs::write(place.path().join("image"), vec![0; 8192])?;
    let objects = format!(
        r#"{{ "type": "root_mount", "source": "{}/image", "fs_type": "erofs" }}"#,
        place.path().display()
    );
    let path = place.path().join("image").display().to_string();
    let message = format!(
        "create a VFS root from the image {path} (it holds no EROFS image that this kernel can read): invalid argument"
    );
    expect_error(&mut place.layout(&objects)?, 125, &message)?;
    // A program of the image's own is what it doesn't have.
    write_image(&place, "image")?;
    let message = "execute /bin/sh: it does not exist in the container";
    expect_error(&mut place.layout(&objects)?, 127, message)
}
