//! The contents of the project's own initramfs.
use super::applets;
use super::archive::{Archive, Entry};
use super::programs::Userland;
use crate::setup::packages;
use crate::workspace::{self, read_file};
use anyhow::{Result, ensure};

/// Packs the archive: BusyBox, our programs and the files of tools/initramfs, which lie there as they will in the root.
pub fn build(userland: &Userland) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    for folder in [".", "dev", "proc", "run", "root", "mnt", "etc"] {
        archive.add_directory(folder, 0o755);
    }
    archive.add_directory("tmp", 0o1777);
    // The first process gets the console before it can mount anything.
    archive.add(
        "dev/console",
        Entry::Device {
            mode: 0o600,
            major: 5,
            minor: 1,
        },
    );
    archive.add(
        "dev/null",
        Entry::Device {
            mode: 0o666,
            major: 1,
            minor: 3,
        },
    );
    add_busybox(&mut archive)?;
    archive.add_tree(&workspace::root().join("tools/initramfs"))?;
    archive.add_file("bin/runc", 0o755, read_file(&userland.runc)?);
    for (name, program) in &userland.guest {
        let path = if name == "init" {
            "init".to_string()
        } else {
            format!("bin/{name}")
        };
        archive.add_file(&path, 0o755, read_file(program)?);
    }
    Ok(archive.into_bytes())
}

/// Adds BusyBox with a link for each of its applets.
pub fn add_busybox(archive: &mut Archive) -> Result<()> {
    let path = packages::busybox()?;
    let binary = read_file(&path)?;
    let applets = applets::names(&binary);
    ensure!(
        applets.iter().any(|name| name == "sh"),
        "{} is not a BusyBox with a shell",
        path.display()
    );
    archive.add_file("bin/busybox", 0o755, binary);
    for applet in applets.iter().filter(|name| *name != "busybox") {
        archive.add_link(&format!("bin/{applet}"), "busybox");
    }
    archive.add_link("sbin", "bin");
    archive.add_link("usr/bin", "../bin");
    archive.add_link("usr/sbin", "../bin");
    Ok(())
}
