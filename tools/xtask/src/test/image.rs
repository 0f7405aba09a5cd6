//! A real image on the system: unpacked there, and its own dynamically linked programs run in a container.
use super::guest;
use super::step::Step;
use crate::build::archive::Archive;
use crate::run::initrd;
use crate::run::machine::Machine;
use crate::setup::image::{self, Sample};
use crate::workspace::{self, Board, TemporaryFolder};
use anyhow::{Result, ensure};

/// Files whose digests the image's own sha256sum has to find as they are on this machine.
const FILES: [&str; 3] = ["bin/dash", "usr/bin/sha256sum", "etc/debian_version"];
/// Unpacks the image, runs it with a script, and shows that its bundle and its layers can be removed.
const COMMAND: &str = r#"set -e
runc image unpack /image:small /run/debian
runc run --bundle /run/debian debian /bin/sh -c "$(cat /script)"
runc run --bundle /run/debian debian /bin/sh -c 'test ! -e /usr/share/base-passwd'
rm -r /run/debian
runc image prune | wc -l
"#;
/// What the container's shell does with programs that the dynamic linker starts.
const SCRIPT: &str = r#"
id
cat /etc/debian_version
uname -sm
printf '%s\n' c a b | sort | tr -d '\n'; echo
factor 1000000016000000063
date -u -d @1000000000 +%Y-%m-%dT%H:%M:%S
cd /; sha256sum bin/dash usr/bin/sha256sum etc/debian_version
mkdir /tmp/d && cp /bin/dash /tmp/d/sh && ln -s d/sh /tmp/link && /tmp/link -c 'echo a copy runs'
chown 33:44 /tmp/d/sh && stat -c '%u %g' /tmp/d/sh
ls -l /lib/ld-linux-aarch64.so.1 > /dev/null && echo $$
"#;

/// Makes an image whose only layer has a link that leads out, and a file behind that link.
const HOSTILE: &str = r#"set -e
mkdir /tmp/h && cd /tmp/h
mkdir -p a b/out outside layout/blobs/sha256
ln -s /tmp/h/outside a/out && echo x > b/out/escaped
tar -cf a.tar -C a out && tar -cf b.tar -C b out/escaped
head -c 512 a.tar > layer && cat b.tar >> layer
blob() {
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    cp "$1" layout/blobs/sha256/$digest
    echo "{ \"mediaType\": \"application/vnd.oci.image.$2\", \"digest\": \"sha256:$digest\", \"size\": $(stat -c %s "$1") }"
}
layer=$(blob layer layer.v1.tar)
content=$(sha256sum layer | cut -d ' ' -f 1)
echo "{ \"os\": \"linux\", \"architecture\": \"arm64\", \"rootfs\": { \"type\": \"layers\", \"diff_ids\": [\"sha256:$content\"] } }" > config
echo "{ \"schemaVersion\": 2, \"config\": $(blob config config.v1+json), \"layers\": [$layer] }" > manifest
echo "{ \"manifests\": [$(blob manifest manifest.v1+json)] }" > layout/index.json
echo '{ "imageLayoutVersion": "1.0.0" }' > layout/oci-layout
runc image unpack layout bundle 2>&1 || echo "status $?"
ls -A outside
test ! -e bundle && test ! -e .bundle.unpacking && echo nothing is left
"#;

pub fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for board in Board::ALL {
        steps.push(Step::new(format!("a Debian image, {board}"), move || {
            runs(board)
        }));
        steps.push(Step::new(
            format!("an image that leads out, {board}"),
            move || is_refused(board),
        ));
    }
    steps
}

fn is_refused(board: Board) -> Result<()> {
    let output = guest::succeed(Machine::new(board), HOSTILE)?;
    let expected = "runc: image: layer 1: /out: its directory is behind a symbolic link\n\
                    status 1\nnothing is left\n";
    ensure!(
        output == expected,
        "expected:\n{expected}\nfound:\n{output}"
    );
    Ok(())
}

fn runs(board: Board) -> Result<()> {
    let sample = image::sample()?;
    let mut machine = Machine::new(board);
    let folder = TemporaryFolder::new("image")?;
    let base = guest::initramfs(&machine)?;
    let file = folder.path().join("initrd");
    let mut addition = archive(&sample)?;
    addition.add_file("script", 0o644, SCRIPT);
    workspace::write_file(&file, &initrd::join(base, addition))?;
    machine.initrd = Some(file);
    let output = guest::succeed(machine, COMMAND)?;
    let expected = expected(&sample)?;
    ensure!(
        output == expected,
        "expected:\n{expected}\nfound:\n{output}"
    );
    Ok(())
}

/// The image's layout, to be added to an initramfs.
pub fn archive(sample: &Sample) -> Result<Archive> {
    let mut archive = Archive::new();
    archive.add_directory("image", 0o755);
    archive.add_tree_at(&sample.layout(), "image/")?;
    Ok(archive)
}

fn expected(sample: &Sample) -> Result<String> {
    let version = workspace::read_file(&sample.file("etc/debian_version"))?;
    let version = String::from_utf8_lossy(&version).into_owned();
    let mut text = format!(
        "uid=0(root) gid=0(root) groups=0(root)\n{version}Linux aarch64\nabc\n\
         1000000016000000063: 1000000007 1000000009\n2001-09-09T01:46:40\n"
    );
    for file in FILES {
        let digest = image::sha256(&sample.file(file))?;
        text.push_str(&format!("{digest}  {file}\n"));
    }
    text.push_str("a copy runs\n33 44\n1\n2\n");
    Ok(text)
}
