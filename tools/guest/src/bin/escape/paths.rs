//! D3: paths of the container's tree that change under the hands of its manager.

use crate::attack::{ALONE, Class, Result, Scene};
use crate::attempts::Attempts;
use crate::container::Container;
use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, ResolveFlags, mkdirat, openat2, renameat_with, symlinkat,
    unlinkat,
};
use std::fs;
use std::path::Path;

pub const PATH_RACE: Class = Class {
    name: "D3",
    title: "paths swapped for links while the manager uses them",
    prepare: prepare_targets,
    inside: swap,
    outside: manage,
    ..ALONE
};

/// Where the links lead that take the directory's place.
const TARGETS: [&str; 4] = ["/", "../../../..", "/tmp/escape-host", "/proc/self/root"];

/// A folder that its manager mounts below, and links to take its place.
fn prepare_targets(container: &Container) -> Result<()> {
    let top = container.top()?;
    for folder in ["m", "m/sub"] {
        mkdirat(&top, folder, Mode::from(0o755))?;
    }
    for (index, target) in TARGETS.iter().enumerate() {
        symlinkat(*target, &top, format!("link{index}").as_str())?;
    }
    Ok(())
}

/// Exchanges the folder and the links until the manager is done.
fn swap(attempts: &mut Attempts) -> Result<()> {
    let end = format!("/shared/end{}", attempts.role.member);
    let here = rustix::fs::CWD;
    let mut round = 0;
    while !Path::new(&end).exists() {
        let link = format!("/link{}", round % TARGETS.len());
        // With a mount below, the folder stays for the moment.
        for _ in 0..2 {
            let _ = renameat_with(here, "/m", here, link.as_str(), RenameFlags::EXCHANGE);
        }
        round += 1;
        attempts.count += 1;
    }
    attempts.secret_out_of_reach("after the race");
    Ok(())
}

/// Makes folders, files and mounts below the folder, as a manager does while it fills a container.
fn manage(scene: &Scene<'_>, attempts: &mut Attempts) -> Result<()> {
    let shared = scene.canaries.place().join("shared");
    for _ in 0..100 {
        for container in scene.containers {
            let top = container.top()?;
            // Whether each of these meets the folder or a link is up to the attacker: none may leave the container.
            let _ = mkdirat(&top, "m/race-folder", Mode::from(0o755));
            for resolve in [
                ResolveFlags::IN_ROOT,
                ResolveFlags::BENEATH,
                ResolveFlags::empty(),
            ] {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
                let _ = openat2(&top, "m/race-file", flags, Mode::from(0o600), resolve);
            }
            let _ = container.show(&shared, "/m/sub", true);
            let _ = container.mount("tmpfs", "m/sub");
            let _ = unlinkat(&top, "m/race-file", AtFlags::empty());
            let _ = unlinkat(&top, "m/race-folder", AtFlags::REMOVEDIR);
        }
    }
    for place in ["/", "/tmp", "/tmp/escape-host", "/proc/self/cwd"] {
        for name in ["race-file", "race-folder"] {
            let path = Path::new(place).join(name);
            attempts.never(format!("{} was made", path.display()), path.exists());
        }
    }
    for member in 0..scene.containers.len() {
        fs::write(shared.join(format!("end{member}")), "")?;
    }
    Ok(())
}
