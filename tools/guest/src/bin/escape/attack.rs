//! What a class of attacks is, and how it is tried.

use crate::attempts::Attempts;
use crate::container::{Container, OVER, Running};
use crate::host::{Canaries, Snapshot};

/// Why something went wrong in the attack itself.
pub type Error = Box<dyn std::error::Error>;
/// The result of a step of an attack.
pub type Result<T> = std::result::Result<T, Error>;

/// A class of ways out.
pub struct Class {
    /// `D` and a number.
    pub name: &'static str,
    /// What the attack goes for.
    pub title: &'static str,
    /// Whether the contexts hold without a jail too.
    pub unjailed: bool,
    /// Why there is nothing to attack, if so.
    pub absent: fn() -> Option<String>,
    /// What the host puts into a container before an attacker is in it.
    pub prepare: fn(&Container) -> Result<()>,
    /// What the attacker does inside; its attempts.
    pub inside: fn(&mut Attempts) -> Result<()>,
    /// What the host does while attackers are at work, and what it finds.
    pub outside: fn(&Scene<'_>, &mut Attempts) -> Result<()>,
}

/// A class whose attackers need nobody's help, in the system everywhere.
pub const ALONE: Class = Class {
    name: "",
    title: "",
    unjailed: true,
    absent: || None,
    prepare: |_| Ok(()),
    inside: |_| Ok(()),
    outside: |_, _| Ok(()),
};

/// The attackers at work, seen from the host.
pub struct Scene<'a> {
    /// Their containers.
    pub containers: &'a [Container],
    /// Their processes.
    pub attackers: &'a [Running],
    /// What they are after.
    pub canaries: &'a Canaries,
    /// Whether they are jailed.
    pub jailed: bool,
}

/// Which attacker of how many.
#[derive(Clone, Copy, Default)]
pub struct Role {
    /// From 0.
    pub member: usize,
    /// How many attack at the same time.
    pub members: usize,
    /// Whether they are jailed.
    pub jailed: bool,
}

/// What became of a class.
pub enum Finding {
    /// Nothing got out.
    Held,
    /// There is nothing to attack.
    Absent(String),
    /// Something got out.
    Escaped(String),
    /// The attack could not be made.
    Failed(String),
}

/// Tries a class in every arrangement.
pub fn try_class(class: &Class) -> Finding {
    if let Some(why) = (class.absent)() {
        return Finding::Absent(why);
    }
    let jails: &[bool] = if class.unjailed {
        &[true, false]
    } else {
        &[true]
    };
    for &jailed in jails {
        for count in [1, 2] {
            let arrangement = format!(
                "{}{}",
                if count == 1 { "alone" } else { "in a pair" },
                if jailed { "" } else { ", without a jail" }
            );
            match arrange(class, count, jailed) {
                Ok(attempts) if !attempts.successes.is_empty() => {
                    return Finding::Escaped(format!(
                        "{} ({arrangement})",
                        attempts.successes.join(", ")
                    ));
                }
                Ok(attempts) if attempts.count == 0 => {
                    return Finding::Failed(format!("nothing was tried {arrangement}"));
                }
                Ok(_) => {}
                Err(error) => return Finding::Failed(format!("{error} ({arrangement})")),
            }
        }
    }
    Finding::Held
}

/// Lets so many attackers loose at once and looks at what they reached.
fn arrange(class: &Class, count: usize, jailed: bool) -> Result<Attempts> {
    let canaries = Canaries::new()?;
    let before = Snapshot::take(&canaries)?;
    let mut all = Attempts::default();
    {
        let mut containers = Vec::new();
        let mut attackers = Vec::new();
        for member in 0..count {
            let container = Container::new(&canaries)?;
            (class.prepare)(&container)?;
            let role = Role {
                member,
                members: count,
                jailed,
            };
            attackers.push(container.start(class.name, &role, &canaries)?);
            container.wait_for_member()?;
            containers.push(container);
        }
        let scene = Scene {
            containers: &containers,
            attackers: &attackers,
            canaries: &canaries,
            jailed,
        };
        let watched = (class.outside)(&scene, &mut all);
        std::fs::write(canaries.place().join("shared").join(OVER), "")?;
        watched?;
        for attacker in attackers {
            all.add(attacker.finish()?);
        }
    }
    for change in before.changes(&canaries)? {
        all.successes.push(change);
    }
    Ok(all)
}
