//! The cache of names, looked up on some CPUs while others change it.

use crate::check::{Check, ensure, equal, ok};
use crate::files::Place;
use crate::harness::Case;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub const CASES: &[Case] = &[Case {
    name: "a_name_that_stays_is_found_while_its_neighbours_change",
    test: neighbours_change,
}];

/// How long names are changed and looked up.
const TIME: Duration = Duration::from_secs(2);

fn neighbours_change() -> Check {
    let place = Place::new("names")?;
    place.file("steady", "")?;
    let steady = place.at("steady");
    let inode = ok("stat", fs::metadata(&steady))?.ino();
    let finished = AtomicBool::new(false);
    let look_up = || -> Check<u64> {
        let mut count = 0_u64;
        while !finished.load(Ordering::Relaxed) {
            equal("the inode", ok("stat", fs::metadata(&steady))?.ino(), inode)?;
            count += 1;
        }
        Ok(count)
    };
    let change = |who: &str| -> Check {
        let names: Vec<String> = (0..40)
            .map(|number| place.at(&format!("{who}{number}")))
            .collect();
        let begin = Instant::now();
        while begin.elapsed() < TIME {
            for name in &names {
                ok("create", fs::write(name, ""))?;
            }
            for pair in names.chunks_exact(2) {
                ok("rename", fs::rename(&pair[0], &pair[1]))?;
                ok("unlink", fs::remove_file(&pair[1]))?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(look_up)).collect();
        let writers = [
            scope.spawn(|| change("one")),
            scope.spawn(|| change("other")),
        ];
        let changed = writers.map(|writer| writer.join());
        finished.store(true, Ordering::Relaxed);
        for reader in readers {
            let count = reader.join().map_err(|_| "a reader panicked")??;
            ensure("lookups happened", count > 0)?;
        }
        for result in changed {
            result.map_err(|_| "a writer panicked")??;
        }
        Ok(())
    })
}
