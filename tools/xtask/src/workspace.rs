//! Where things are: the workspace, its output folder and the boards.
use anyhow::{Context, Result};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A machine the kernel runs on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Board {
    /// QEMU's virt machine
    Virt,
    /// Raspberry Pi 4 Model B
    Rpi4,
}

impl Board {
    pub const ALL: [Board; 2] = [Board::Virt, Board::Rpi4];

    /// The name used in options and folders.
    pub fn name(self) -> &'static str {
        match self {
            Board::Virt => "virt",
            Board::Rpi4 => "rpi4",
        }
    }

    /// The package holding the board's kernel binary.
    pub fn package(self) -> &'static str {
        match self {
            Board::Virt => "gantry_virt",
            Board::Rpi4 => "gantry_rpi4",
        }
    }

    /// `out/<board>`, where the board's image and initramfs are left.
    pub fn output(self) -> PathBuf {
        output().join(self.name())
    }
}

impl fmt::Display for Board {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The top folder of the workspace.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .ancestors()
        .nth(2)
        .map_or(package.clone(), Path::to_path_buf)
}

/// Where the results of a build go.
pub fn output() -> PathBuf {
    root().join("out")
}

/// Where files fetched from the distribution are kept.
pub fn cache() -> PathBuf {
    output().join("cache")
}

/// Writes a file in one step: a reader sees the old content or the new, never half of it.
pub fn write_file(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file path without a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let outcome = fs::write(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if outcome.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    outcome.with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a whole file, naming it when that fails.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The first regular file below `folder` with a name that is `wanted`.
pub fn find_file(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Option<PathBuf>> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for item in
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
        {
            let item = item?;
            let kind = item.file_type()?;
            if kind.is_dir() {
                folders.push(item.path());
            } else if kind.is_file() && wanted(&item.file_name().to_string_lossy()) {
                return Ok(Some(item.path()));
            }
        }
    }
    Ok(None)
}

/// A folder that is removed with all it holds when the value goes.
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes `out/tmp/<name>-<process>-<count>`.
    pub fn new(name: &str) -> Result<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = output().join("tmp");
        remove_abandoned(&folder);
        let path = folder.join(format!("{name}-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes folders of processes that were killed.
fn remove_abandoned(folder: &Path) {
    let Ok(items) = fs::read_dir(folder) else {
        return;
    };
    for item in items.flatten() {
        let name = item.file_name().to_string_lossy().into_owned();
        let process = name.rsplit('-').nth(1).unwrap_or_default();
        let runs = Path::new("/proc").join(process).exists();
        if process.parse::<u32>().is_ok() && !runs {
            // Another process may be at it as well.
            let _ = fs::remove_dir_all(item.path());
        }
    }
}
