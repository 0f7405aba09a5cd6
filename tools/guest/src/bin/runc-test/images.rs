//! Bundles of images: on layers that they share, and merged.

use crate::Result;
use crate::manager::{Manager, PATIENCE};
use crate::test::Test;
use guest::image_layout::{Archive, Entry, FILE, FOLDER, HARD_LINK, Image};
use rustix::fs::getxattr;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    Test::own("bundles_share_layers_and_no_writes", share_layers, "images"),
    Test::own(
        "an_overlay_shows_what_merging_makes",
        overlay_and_merged,
        "images",
    ),
    Test::own(
        "containers_of_a_bundle_share_its_root",
        share_a_root,
        "images",
    ),
    Test::own("layers_in_use_are_not_pruned", pruning, "images"),
    Test::own("volumes_start_with_what_the_image_has", volumes, "images"),
    Test::own(
        "a_layer_that_hides_all_below_stands_alone",
        opaque_root,
        "images",
    ),
    Test::own("a_signal_leaves_nothing_half_unpacked", signals, "images"),
    Test::own(
        "what_a_killed_unpacking_leaves_is_removed",
        killed,
        "images",
    ),
];

const SHELL: &str = r#"{ "Cmd": ["/bin/sh"], "Env": ["PATH=/bin"] }"#;

/// A layer with BusyBox in it.
fn system() -> Result<Archive> {
    let busybox = fs::read("/bin/busybox")?;
    let mut layer = Archive::default()
        .folder("bin")
        .file("bin/busybox", busybox);
    for applet in [
        "sh", "cat", "find", "ls", "rm", "sed", "sleep", "sort", "stat", "test",
    ] {
        layer = layer.link(&format!("bin/{applet}"), "busybox");
    }
    Ok(layer)
}

/// Images in a folder with a store of layers and room for bundles.
struct Images {
    runc: Manager,
    layout: String,
    store: String,
}

impl Images {
    fn new(name: &str, images: &[Image<'_>]) -> Result<Self> {
        let runc = Manager::new(name)?;
        let layout = runc.path("images");
        guest::image_layout::write(Path::new(&layout), images)?;
        Ok(Self {
            layout,
            store: runc.path("store"),
            runc,
        })
    }

    fn words(&self, tag: &str, bundle: &str) -> [String; 6] {
        let image = format!("{}:{tag}", self.layout);
        ["image", "unpack", "--store", &self.store, &image, bundle].map(str::to_owned)
    }

    /// Makes a bundle on layers.
    fn unpack(&self, tag: &str, bundle: &str) -> Result<()> {
        let words = self.words(tag, bundle);
        self.runc.does(&words.each_ref().map(String::as_str))
    }

    /// Makes a bundle without.
    fn merge(&self, tag: &str, bundle: &str) -> Result<()> {
        let image = format!("{}:{tag}", self.layout);
        self.runc
            .does(&["image", "unpack", "--merge", &image, bundle])
    }

    /// What a script prints in a container of a bundle.
    fn run(&self, bundle: &str, script: &str) -> Result<String> {
        let words = ["run", "--bundle", bundle, "one", "/bin/sh", "-c", script];
        self.runc.output(&words)
    }

    fn prune(&self) -> Result<usize> {
        let words = ["image", "prune", "--store", &self.store];
        Ok(self.runc.output(&words)?.lines().count())
    }

    /// The folders of the layers.
    fn layers(&self) -> Result<Vec<PathBuf>> {
        let folder = Path::new(&self.store).join("layers/sha256");
        let mut layers = Vec::new();
        for entry in fs::read_dir(folder)? {
            layers.push(entry?.path());
        }
        layers.sort();
        Ok(layers)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} instead of {expected:?}").into())
    }
}

/// Two images on one base, and two bundles of one of them.
fn share_layers() -> Result<()> {
    let base = system()?.folder("data").file("data/f", "base");
    let (web, db) = (
        Archive::default().file("data/own", "web"),
        Archive::default().file("data/own", "db"),
    );
    let images = Images::new(
        "share-layers",
        &[
            Image {
                tag: "web",
                config: SHELL,
                layers: &[&base, &web],
            },
            Image {
                tag: "db",
                config: SHELL,
                layers: &[&base, &db],
            },
        ],
    )?;
    for (tag, bundle) in [("web", "a"), ("web", "b"), ("db", "c")] {
        images.unpack(tag, bundle)?;
    }
    same("layers", images.layers()?.len(), 3)?;
    let script = "echo written > /data/f; echo new > /data/new; rm /data/own; cat /data/f";
    same(
        "in the first",
        images.run("a", script)?.as_str(),
        "written\n",
    )?;
    let script = "cat /data/f /data/own; echo; ls /data";
    same(
        "in the second",
        images.run("b", script)?.as_str(),
        "baseweb\nf\nown\n",
    )?;
    same(
        "in the other",
        images.run("c", script)?.as_str(),
        "basedb\nf\nown\n",
    )?;
    let again = images.run("a", "cat /data/f; ls /data")?;
    same("in the first, again", again.as_str(), "written\nf\nnew\n")?;
    // The same in a layer: nothing of it was changed.
    for layer in images.layers()? {
        if let Ok(text) = fs::read_to_string(layer.join("data/f")) {
            same("the layer", text.as_str(), "base")?;
        }
        same("removed", layer.join("data/new").exists(), false)?;
    }
    let table = images
        .runc
        .output(&["image", "list", "--store", &images.store])?;
    same("bundles", table.lines().count(), 4)
}

/// An image that changes all there is to be changed, in three layers over the system.
fn changes() -> Result<[Archive; 4]> {
    let pipe = |name| Entry {
        kind: b'6',
        name,
        mode: 0o640,
        owner: 7,
        ..Entry::default()
    };
    let kept = Entry {
        name: "kept/tool",
        content: b"tool",
        mode: 0o4751,
        owner: 1000,
        ..Entry::default()
    };
    let folder = |name, mode| Entry {
        kind: FOLDER,
        name,
        mode,
        owner: 3,
        ..Entry::default()
    };
    let linked = |name, target| Entry {
        kind: HARD_LINK,
        name,
        target,
        ..Entry::default()
    };
    let first = system()?
        .entry(&folder("kept", 0o2750))
        .attribute("user.note", "kept")
        .entry(&kept)
        .entry(&linked("kept/twin", "kept/tool"))
        .entry(&pipe("kept/pipe"))
        .folder("gone")
        .file("gone/deep/file", "")
        .folder("emptied")
        .file("emptied/below", "")
        .entry(&folder("emptied/inner", 0o711))
        .file("emptied/inner/below", "")
        .entry(&folder("unlisted", 0o1777))
        .file("unlisted/below", "")
        .file("replaced", "a file")
        .folder("turned")
        .file("turned/below", "")
        .link("led", "kept")
        .file("again", "1");
    let second = Archive::default()
        .file(".wh.gone", "")
        .file("emptied/.wh..wh..opq", "")
        .file("emptied/above", "")
        .file("unlisted/above", "")
        .folder("replaced")
        .file("replaced/inside", "")
        .file("turned", "now a file")
        .folder("led")
        .file("led/inside", "")
        .entry(&linked("other", "kept/tool"))
        .file(".wh.again", "")
        .file("missing/.wh.nothing", "")
        .file("kept/tool/.wh.inside", "");
    let third = Archive::default()
        .folder("gone")
        .file("gone/new", "")
        .file("turned/inside", "")
        .file("again/inside", "2")
        .file("kept/.wh.twin", "")
        .file("unlisted/.wh.below", "")
        .file("led/.wh..wh..opq", "")
        .file("emptied/inner/.wh..wh..opq", "");
    let fourth = Archive::default()
        .file("gone/.wh.new", "")
        .file(".wh.turned", "")
        .folder("turned")
        .file("again/.wh.inside", "")
        .file("again/inside", "3")
        .file("replaced/.wh.inside", "")
        .file(".wh.replaced", "");
    Ok([first, second, third, fourth])
}

/// Every file with what it has, and its content.
const SHOW: &str = r"cd /; find . -xdev ! -path . ! -path './bin*' ! -path './dev*' ! -path './proc*' ! -path './sys*' |
    sort | while read name; do
        stat -c '%n %F %a %u %g %Y %h %N' $name | sed 's/directory \([0-9 ]*\) [0-9]* /directory \1 /'
        test -f $name && cat $name && echo
    done; true";

fn overlay_and_merged() -> Result<()> {
    let layers = changes()?;
    for count in 1..=layers.len() {
        let layers: Vec<_> = layers.iter().take(count).collect();
        let image = Image {
            tag: "it",
            config: SHELL,
            layers: &layers,
        };
        let images = Images::new("overlay-merged", &[image])?;
        images.unpack("it", "overlay")?;
        images.merge("it", "merged")?;
        let (overlay, merged) = (images.run("overlay", SHOW)?, images.run("merged", SHOW)?);
        same("lines", merged.lines().count() > 10, true)?;
        for (found, expected) in overlay.lines().zip(merged.lines()) {
            // A name that a layer adds to a file below is a file of its own there.
            let is_other = found.contains("kept/tool") || found.contains("/other ");
            if !(count > 1 && is_other) {
                same(&format!("with {count} layers"), found, expected)?;
            }
        }
        same("lines", overlay.lines().count(), merged.lines().count())?;
        for root in ["overlay/upper", "merged/rootfs"] {
            same(root, images.runc.bundle().join(root).is_dir(), true)?;
        }
        let mut note = [0; 8];
        let kept = images.runc.bundle().join("merged/rootfs/kept");
        let length = getxattr(&kept, "user.note", &mut note).unwrap_or(0);
        let first = images.layers()?.into_iter().map(|layer| layer.join("kept"));
        let mut noted = first.filter(|kept| {
            let mut note = [0; 8];
            getxattr(kept, "user.note", &mut note).is_ok()
        });
        same("attribute", noted.next().is_some(), length > 0)?;
    }
    Ok(())
}

/// Two containers in one bundle see each other's files, one after the other and at once.
fn share_a_root() -> Result<()> {
    let system = system()?;
    let image = Image {
        tag: "it",
        config: SHELL,
        layers: &[&system],
    };
    let images = Images::new("share-root", &[image])?;
    images.unpack("it", "bundle")?;
    let runc = &images.runc;
    for (id, word) in [("first", "1"), ("second", "2")] {
        let script = format!("echo {word} > /{id}; sleep 1000");
        runc.does(&[
            "run", "-d", "--bundle", "bundle", id, "/bin/sh", "-c", &script,
        ])?;
    }
    let start = Instant::now();
    let words = ["exec", "first", "/bin/cat", "/first", "/second"];
    while runc.run(&words)?.output != "1\n2\n" {
        if start.elapsed() > PATIENCE {
            return Err("one doesn't see what the other has written".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    runc.does(&["delete", "-f", "first"])?;
    let seen = runc.output(&["exec", "second", "/bin/cat", "/first"])?;
    same("after the first", seen.as_str(), "1\n")?;
    runc.does(&["delete", "-f", "second"])?;
    same("later", images.run("bundle", "cat /first")?.as_str(), "1\n")
}

fn pruning() -> Result<()> {
    let (base, more) = (system()?, Archive::default().file("more", ""));
    let images = Images::new(
        "pruning",
        &[
            Image {
                tag: "small",
                config: SHELL,
                layers: &[&base],
            },
            Image {
                tag: "large",
                config: SHELL,
                layers: &[&base, &more],
            },
        ],
    )?;
    images.unpack("small", "small")?;
    images.unpack("large", "large")?;
    same("in use", images.prune()?, 0)?;
    fs::remove_dir_all(images.runc.path("large"))?;
    same("of the large one", images.prune()?, 1)?;
    same(
        "the small one",
        images.run("small", "echo runs")?.as_str(),
        "runs\n",
    )?;
    fs::remove_dir_all(images.runc.path("small"))?;
    same("of both", images.prune()?, 1)?;
    same("left", images.layers()?.len(), 0)?;
    images.unpack("large", "large")?;
    same(
        "again",
        images.run("large", "ls /more")?.as_str(),
        "/more\n",
    )
}

fn volumes() -> Result<()> {
    let base = system()?.folder("data").file("data/seed", "seed");
    let config =
        r#"{ "Cmd": ["/bin/sh"], "Env": ["PATH=/bin"], "Volumes": { "/data": {}, "/none": {} } }"#;
    let image = Image {
        tag: "it",
        config,
        layers: &[&base],
    };
    let images = Images::new("volumes", &[image])?;
    images.unpack("it", "bundle")?;
    let script = "cat /data/seed; echo; ls /none; echo new > /data/new";
    same("content", images.run("bundle", script)?.as_str(), "seed\n")?;
    let kept = fs::read_to_string(images.runc.path("bundle/volumes/1/new"))?;
    same("kept", kept.as_str(), "new\n")
}

fn opaque_root() -> Result<()> {
    let below = Archive::default()
        .file("below", "")
        .folder("bin")
        .file("bin/x", "");
    let above = Archive::default().file(".wh..wh..opq", "");
    let system = system()?;
    let image = Image {
        tag: "it",
        config: SHELL,
        layers: &[&below, &above, &system],
    };
    let images = Images::new("opaque-root", &[image])?;
    for bundle in ["first", "second"] {
        images.unpack("it", bundle)?;
        let script = "ls -d /below /bin/x 2> /dev/null; ls -d /bin";
        same(bundle, images.run(bundle, script)?.as_str(), "/bin\n")?;
    }
    Ok(())
}

/// An image that takes a while.
fn large(name: &str) -> Result<Images> {
    let content = vec![1; 24 << 20];
    let file = Entry {
        kind: FILE,
        name: "large",
        content: &content,
        ..Entry::default()
    };
    let (system, large) = (system()?, Archive::default().entry(&file));
    let image = Image {
        tag: "it",
        config: SHELL,
        layers: &[&system, &large],
    };
    Images::new(name, &[image])
}

/// Sends a signal to runc while it unpacks the second layer; the bundle's and the layer's drafts before and after.
fn interrupt(images: &Images, signal: Signal) -> Result<(usize, usize)> {
    let words = images.words("it", "bundle");
    let mut runc = images
        .runc
        .command(&words.each_ref().map(String::as_str))
        .spawn()?;
    let start = Instant::now();
    while drafts(images)? < 2 || images.layers()?.len() < 2 {
        if start.elapsed() > PATIENCE || runc.try_wait()?.is_some() {
            return Err("it was never half done".into());
        }
    }
    let before = drafts(images)?;
    let process = Pid::from_raw(i32::try_from(runc.id())?).ok_or("no process")?;
    kill_process(process, signal)?;
    let status = runc.wait()?;
    let ended = std::os::unix::process::ExitStatusExt::signal(&status);
    same("the end", ended, Some(signal.as_raw()))?;
    Ok((before, drafts(images)?))
}

/// Hidden folders in which something grows.
fn drafts(images: &Images) -> Result<usize> {
    let mut count = 0;
    let layers = Path::new(&images.store).join("layers/sha256");
    for folder in [images.runc.bundle(), &layers] {
        // There may be no layers yet.
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let name = entry?.file_name();
            count += usize::from(name.to_string_lossy().ends_with(".unpacking"));
        }
    }
    Ok(count)
}

fn signals() -> Result<()> {
    let images = large("signals")?;
    fs::create_dir_all(Path::new(&images.store).join("layers/sha256"))?;
    for signal in [Signal::INT, Signal::TERM] {
        same("drafts", interrupt(&images, signal)?, (2, 0))?;
        same(
            "bundle",
            images.runc.bundle().join("bundle").exists(),
            false,
        )?;
    }
    images.unpack("it", "bundle")?;
    same(
        "after it",
        images.run("bundle", "stat -c %s /large")?.as_str(),
        "25165824\n",
    )
}

fn killed() -> Result<()> {
    let images = large("killed")?;
    fs::create_dir_all(Path::new(&images.store).join("layers/sha256"))?;
    same("drafts", interrupt(&images, Signal::KILL)?, (2, 2))?;
    images.unpack("it", "another")?;
    same("after the next call", drafts(&images)?, 0)?;
    same("drafts", interrupt(&images, Signal::KILL).is_err(), true)?;
    images.prune()?;
    same("after pruning", drafts(&images)?, 0)
}
