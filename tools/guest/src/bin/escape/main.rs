//! Ways out of a container, tried one after the other.
//!
//! `escape [CLASS...]` tries the classes with these names (`D3`), or all. Each class attacks as root with every
//! capability inside a container, alone and in a pair of containers that share a directory and run at the same time;
//! in a jail, and without one where the contexts alone have to hold. One line a class: `held`, `absent` where the system
//! has nothing for the class to attack, or `ESCAPED` with what was reached; then `N held, N absent, N escaped`. Exit
//! status 0: nothing escaped and every attack could be tried.
#![forbid(unsafe_code)]

mod attack;
mod attempts;
mod calls;
mod container;
mod descriptors;
mod devices;
mod exhaustion;
mod host;
mod images;
mod managers;
mod memory;
mod mounts;
mod nesting;
mod paths;
mod processes;

use attack::{Class, Finding};
use std::process::ExitCode;

/// Every class, in order.
const CLASSES: [&Class; 17] = [
    &processes::VISIBLE_RUNTIME,
    &descriptors::LEAKED_DESCRIPTOR,
    &paths::PATH_RACE,
    &managers::MASKS,
    &mounts::REDIRECTED_SETTINGS,
    &managers::LINKED_FOLDERS,
    &managers::LOOSE_PARSING,
    &memory::SHARED_PAGES,
    &processes::REUSED_IDENTITY,
    &mounts::RESOURCE_GROUPS,
    &devices::TERMINALS,
    &devices::DEVICES,
    &nesting::NESTING,
    &descriptors::PASSED_DESCRIPTORS,
    &exhaustion::EXHAUSTION,
    &images::UNPACKING,
    &calls::ANY_CALL,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((flag, rest)) = arguments.split_first()
        && flag == container::INSIDE
    {
        return container::attack_inside(&CLASSES, rest);
    }
    let chosen =
        |class: &Class| arguments.is_empty() || arguments.iter().any(|name| name == class.name);
    let (mut held, mut absent, mut escaped, mut failed) = (0, 0, 0, 0);
    for class in CLASSES.into_iter().filter(|class| chosen(class)) {
        let label = format!("{} {}", class.name, class.title);
        match attack::try_class(class) {
            Finding::Held => {
                println!("held {label}");
                held += 1;
            }
            Finding::Absent(why) => {
                println!("absent {label}: {why}");
                absent += 1;
            }
            Finding::Escaped(how) => {
                println!("ESCAPED {label}: {}", how.replace('\n', "; "));
                escaped += 1;
            }
            Finding::Failed(why) => {
                println!("FAILED {label}: {}", why.replace('\n', "; "));
                failed += 1;
            }
        }
    }
    println!("{held} held, {absent} absent, {escaped} escaped");
    if escaped == 0 && failed == 0 && held > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
