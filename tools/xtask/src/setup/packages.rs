//! Files out of the distribution's arm64 packages, kept in out/cache.
use super::announce;
use super::apt::Lists;
use super::sources;
use super::system::Distribution;
use crate::command;
use crate::workspace::{self, TemporaryFolder, find_file};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package of the Raspberry Pi's firmware, and the component of Debian that it is in.
const FIRMWARE: &str = "raspi-firmware";
const FIRMWARE_COMPONENT: &str = "non-free-firmware";

/// A static arm64 BusyBox.
pub fn busybox() -> Result<PathBuf> {
    let folder = bundle(
        "busybox",
        "arm64 BusyBox",
        "the programs of the initramfs",
        |scratch, result| {
            let package = Lists::of_machine().download("busybox-static", scratch)?;
            extract(&package, scratch, &["./bin/busybox", "./usr/bin/busybox"])?;
            keep(scratch, "busybox", &result.join("busybox"))
        },
    )?;
    Ok(folder.join("busybox"))
}

/// The device tree of the Raspberry Pi 4 Model B.
pub fn device_tree() -> Result<PathBuf> {
    Ok(linux()?.join("bcm2711-rpi-4-b.dtb"))
}

/// A folder with the firmware that starts a Raspberry Pi 4, and its licence.
pub fn firmware() -> Result<PathBuf> {
    bundle(
        FIRMWARE,
        "the Raspberry Pi's firmware",
        "a board starts a card with it",
        |scratch, result| {
            let package = firmware_lists()?.download(FIRMWARE, scratch)?;
            let licence = format!("*/doc/{FIRMWARE}/copyright");
            extract(
                &package,
                scratch,
                &["*/start4.elf", "*/fixup4.dat", &licence],
            )?;
            for name in ["start4.elf", "fixup4.dat"] {
                keep(scratch, name, &result.join(name))?;
            }
            keep(scratch, "copyright", &result.join("LICENCE.broadcom"))
        },
    )
}

/// Lists that have the firmware's package: the machine's own, or on a Debian whose sources leave out the component that
/// it is in, one derived from them.
fn firmware_lists() -> Result<Lists> {
    let own = Lists::of_machine();
    let this = Distribution::this();
    if this.id != "debian" || own.have(FIRMWARE)? {
        return Ok(own);
    }
    let Some(source) = sources::derive_component(&this.codename, FIRMWARE_COMPONENT)? else {
        return Ok(own);
    };
    let lists = Lists::of_source(FIRMWARE_COMPONENT, source);
    lists.update()?;
    Ok(lists)
}

/// A system root with the arm64 standard library of the distribution's compiler.
pub fn rust_system_root(version: &str) -> Result<PathBuf> {
    let name = format!("rust-{version}");
    let folder = bundle(
        &name,
        "the arm64 Rust standard library",
        "userland's programs use it",
        |scratch, result| {
            let package = Lists::of_machine().download("libstd-rust-web-dev", scratch)?;
            command::run_quietly(Command::new("dpkg-deb").arg("-x").arg(&package).arg(result))
        },
    )?;
    Ok(folder.join("usr"))
}

/// Linux's Image, to compare with.
pub fn linux_image() -> Result<PathBuf> {
    Ok(linux()?.join("Image"))
}

/// The tree of files of the container runtimes of Linux, with the libraries that they need, to compare with.
pub fn runtimes() -> Result<PathBuf> {
    bundle(
        "runtimes",
        "arm64 crun and runc",
        "container runtimes to compare with",
        |scratch, result| {
            unpack_with_libraries(&["crun", "runc"], scratch, result)?;
            remove(result, &["usr/lib/aarch64-linux-gnu/gconv", "usr/share"])
        },
    )
}

/// The device tree and, to compare with, Linux's Image, which come out of one package.
fn linux() -> Result<PathBuf> {
    bundle(
        "linux",
        "the Raspberry Pi 4 device tree",
        "the board starts with it; 60 MB to fetch",
        |scratch, result| {
            let package = Lists::of_machine().download(&linux_package()?, scratch)?;
            extract(
                &package,
                scratch,
                &["*/bcm2711-rpi-4-b.dtb", "./boot/vmlinuz-*"],
            )?;
            keep(
                scratch,
                "bcm2711-rpi-4-b.dtb",
                &result.join("bcm2711-rpi-4-b.dtb"),
            )?;
            keep(scratch, "vmlinuz-", &result.join("Image"))
        },
    )
}

/// The drivers of a card on PCI that are modules of Linux, in the order of loading.
const CARD_MODULES: [&str; 3] = ["cqhci", "sdhci", "sdhci-pci"];

/// Linux's modules for cards, in the order of loading, to compare with.
pub fn linux_card_modules() -> Result<Vec<PathBuf>> {
    let files = CARD_MODULES.map(|name| format!("{name}.ko"));
    let folder = bundle(
        "linux-card",
        "Linux's drivers for cards",
        "Linux is measured with them; 60 MB to fetch",
        |scratch, result| {
            let package = Lists::of_machine().download(&linux_package()?, scratch)?;
            let patterns = files.each_ref().map(|file| format!("*/{file}"));
            extract(&package, scratch, &patterns.each_ref().map(String::as_str))?;
            files
                .iter()
                .try_for_each(|file| keep(scratch, file, &result.join(file)))
        },
    )?;
    Ok(files.iter().map(|file| folder.join(file)).collect())
}

/// The package that linux-image-arm64, which is empty itself, depends on.
fn linux_package() -> Result<String> {
    let shown = Lists::of_machine().run(
        "apt-cache",
        &["show", "--no-all-versions", "linux-image-arm64"],
        None,
    )?;
    shown
        .lines()
        .filter_map(|line| line.strip_prefix("Depends: "))
        .flat_map(|depends| depends.split([' ', ',']))
        .find(|word| word.starts_with("linux-image-"))
        .map(str::to_string)
        .context("linux-image-arm64 names no kernel package")
}

/// Returns the folder `name` of the cache. When it is missing, `fill` is given a folder to work in and one for the result,
/// which becomes it once it is complete.
pub(super) fn bundle(
    name: &str,
    what: &str,
    why: &str,
    fill: impl FnOnce(&Path, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let place = workspace::cache().join(name);
    if place.exists() {
        return Ok(place);
    }
    let _lock = lock()?;
    if place.exists() {
        return Ok(place);
    }
    announce(what, why);
    let scratch = TemporaryFolder::new("fetch")?;
    let result = TemporaryFolder::new("fetched")?;
    Lists::of_machine()
        .update()
        .and_then(|()| fill(scratch.path(), result.path()))
        .with_context(|| {
            format!(
                "cannot get {what} (its files put into {} by hand would do)",
                place.display()
            )
        })?;
    fs::rename(result.path(), &place)
        .with_context(|| format!("cannot create {}", place.display()))?;
    Ok(place)
}

/// Moves the file below `folder` whose name starts with `prefix` to its place in the result.
fn keep(folder: &Path, prefix: &str, place: &Path) -> Result<()> {
    let found = find_file(folder, |name| {
        name.starts_with(prefix) && !name.ends_with(".deb")
    })?;
    let found = found.with_context(|| format!("the package has no {prefix}"))?;
    fs::rename(&found, place).with_context(|| format!("cannot create {}", place.display()))
}

/// One process at a time fills the cache.
fn lock() -> Result<File> {
    let path = workspace::cache().join("lock");
    fs::create_dir_all(workspace::cache()).context("cannot create out/cache")?;
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Unpacks packages, and the libraries that they depend on, directly or not.
pub(super) fn unpack_with_libraries(packages: &[&str], scratch: &Path, root: &Path) -> Result<()> {
    let lists = Lists::of_machine();
    let mut words = vec!["depends", "--recurse", "--important"];
    words.extend(packages);
    let shown = lists.run("apt-cache", &words, None)?;
    let mut names: Vec<_> = shown
        .lines()
        .filter(|line| line.starts_with("lib") || packages.contains(line))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().try_for_each(|package| {
        let file = lists.download(package, scratch)?;
        command::run_quietly(Command::new("dpkg-deb").arg("-x").arg(file).arg(root))
    })
}

/// Removes folders of a tree that nothing in it needs.
pub(super) fn remove(root: &Path, folders: &[&str]) -> Result<()> {
    folders
        .iter()
        .try_for_each(|path| match fs::remove_dir_all(root.join(path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {path}"))
            }
            _ => Ok(()),
        })
}

/// Unpacks the files of a package that match one of the patterns.
fn extract(package: &Path, folder: &Path, patterns: &[&str]) -> Result<()> {
    let tar = folder.join("content.tar");
    let file = File::create(&tar).with_context(|| format!("cannot create {}", tar.display()))?;
    command::run(
        Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(package)
            .stdout(file),
    )?;
    let listed = command::output(Command::new("tar").arg("-tf").arg(&tar))?;
    let members: Vec<_> = listed
        .lines()
        .filter(|member| patterns.iter().any(|pattern| matches(pattern, member)))
        .collect();
    command::run_quietly(
        Command::new("tar")
            .arg("-C")
            .arg(folder)
            .arg("-xf")
            .arg(&tar)
            .args(members),
    )
}

/// A pattern with at most one `*`, which stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
        None => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_patterns() {
        assert!(matches("./boot/vmlinuz-*", "./boot/vmlinuz-6.1-arm64"));
        assert!(matches("*/x.dtb", "./usr/lib/x.dtb"));
        assert!(!matches("*/x.dtb", "./usr/lib/y.dtb"));
        assert!(!matches("./bin/busybox", "./bin/busybox2"));
    }
}
