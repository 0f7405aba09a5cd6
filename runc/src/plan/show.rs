//! How a plan reads: one operation a line. Messages about a failed operation use the same words.

use super::{ChildStep, Operation, Plan, Program};
use crate::config::{AccessTimes, FileSystem, Hook, Layers, Mount, Restrictions, Root, Upper};
use crate::text::{quoted, shown};
use std::fmt::{self, Display, Formatter};

impl Display for Plan {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for operation in &self.operations {
            writeln!(formatter, "{operation}")?;
        }
        for step in &self.child {
            writeln!(formatter, "in the new process: {step}")?;
        }
        for (point, hooks) in [
            ("prestart", &self.hooks.prestart),
            ("createRuntime", &self.hooks.create_runtime),
            ("createContainer", &self.hooks.create_container),
            ("startContainer", &self.hooks.start_container),
        ] {
            show_hooks(point, hooks, formatter)?;
        }
        writeln!(formatter, "{}", self.program)?;
        show_hooks("poststart", &self.hooks.poststart, formatter)?;
        show_hooks("poststop", &self.hooks.poststop, formatter)
    }
}

fn show_hooks(point: &str, hooks: &[Hook], formatter: &mut Formatter<'_>) -> fmt::Result {
    for hook in hooks {
        write!(formatter, "{point} hook: execute {}", quoted(&hook.path))?;
        for argument in hook.arguments.iter().skip(1) {
            write!(formatter, " {}", quoted(argument))?;
        }
        match hook.timeout {
            Some(seconds) => writeln!(formatter, ", for {seconds} s at most")?,
            None => writeln!(formatter)?,
        }
    }
    Ok(())
}

impl Display for Operation {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateProcessList => {
                formatter.write_str("create a process list that dies with runc")
            }
            Self::CreateRoot(root) => write!(formatter, "create a VFS root from {root}"),
            Self::CreateHostname { name, domain } => {
                formatter.write_str("create a hostname context with ")?;
                match name {
                    Some(name) => write!(formatter, "the name {}", quoted(name)),
                    None => formatter.write_str("a copy of the name"),
                }?;
                match domain {
                    Some(domain) => write!(formatter, " and the domain name {}", quoted(domain)),
                    None => Ok(()),
                }
            }
            Self::MakeDirectory { path, parents } => {
                let parents = if *parents {
                    ", with its parents, if missing"
                } else {
                    ""
                };
                write!(formatter, "make the directory {}{parents}", quoted(path))
            }
            Self::Mount {
                mount,
                target,
                restrictions,
                ..
            } => {
                write!(
                    formatter,
                    "mount {mount} on {}{restrictions}",
                    quoted(target)
                )
            }
            Self::Copy { source, target } => {
                write!(
                    formatter,
                    "copy {} to {}",
                    shown_path(source),
                    quoted(target)
                )
            }
            Self::Link { path, target } => {
                write!(formatter, "link {} to {}", quoted(path), quoted(target))
            }
            Self::ProtectPath(path) => write!(formatter, "make {} read-only", quoted(path)),
            Self::MaskPath(path) => write!(formatter, "hide {}", quoted(path)),
            Self::ProtectRoot => formatter.write_str("make the root read-only"),
            Self::MakeTerminal {
                size,
                owner,
                is_console,
            } => {
                write!(formatter, "make a terminal of user {owner} in /dev/pts")?;
                match size {
                    Some(size) => write!(formatter, ", {} by {}", size.columns, size.rows),
                    None => Ok(()),
                }?;
                if *is_console {
                    formatter.write_str(", and show it on /dev/console")?;
                }
                Ok(())
            }
        }
    }
}

impl Display for ChildStep {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => formatter.write_str("take the terminal over, or start a session"),
            Self::Terminal => formatter.write_str("start a session on the terminal"),
            Self::DieWithManager => formatter.write_str("die when runc does"),
            Self::CloseDescriptors(0) => {
                formatter.write_str("leave all descriptors but 0, 1 and 2 behind")
            }
            Self::CloseDescriptors(preserved) => {
                let last = preserved.saturating_add(2);
                write!(formatter, "leave all descriptors after {last} behind")
            }
            Self::Limit(limit) => {
                write!(
                    formatter,
                    "set {} to {} of {}",
                    limit.name, limit.soft, limit.hard
                )
            }
            Self::EnterHostname => formatter.write_str("enter the hostname context at exec"),
            Self::EnterProcessList => formatter.write_str("enter the process list at exec"),
            Self::EnterRoot => formatter.write_str("enter the VFS root at exec"),
            Self::ChangeDirectory(path) => {
                write!(
                    formatter,
                    "change the working directory to {}",
                    quoted(path)
                )
            }
            Self::Umask(mask) => write!(formatter, "set the umask to {mask:04o}"),
            Self::Identity {
                user,
                group,
                additional,
            } => {
                write!(formatter, "become user {user} and group {group}")?;
                match additional.as_slice() {
                    [] => Ok(()),
                    groups => write!(formatter, " with groups {groups:?}"),
                }
            }
            Self::Scheduling(scheduling) => write!(
                formatter,
                "use scheduling policy {} with nice level {}",
                scheduling.policy, scheduling.nice
            ),
            Self::Affinity(processors) => {
                formatter.write_str("run on the processors")?;
                let bits = processors.iter().zip(0..);
                for (word, number) in bits.flat_map(|(word, index)| {
                    (0..64).map(move |bit| (word >> bit, index * 64 + bit))
                }) {
                    if word & 1 != 0 {
                        write!(formatter, " {number}")?;
                    }
                }
                Ok(())
            }
            Self::IoPriority(priority) => write!(
                formatter,
                "set the I/O priority to class {} and level {}",
                priority >> 13,
                priority & 0x1fff
            ),
            Self::MemoryScore(score) => {
                write!(formatter, "add {score} to the score for want of memory")
            }
            Self::Personality(personality) => {
                write!(formatter, "use execution domain {personality}")
            }
            Self::BoundCapabilities(set) => write!(formatter, "bound capabilities to {set}"),
            Self::Capabilities(sets) => write!(
                formatter,
                "set capabilities: effective {}; permitted {}; inheritable {}; ambient {}",
                sets.effective, sets.permitted, sets.inheritable, sets.ambient
            ),
            Self::NoNewPrivileges => formatter.write_str("give up new privileges at exec"),
            Self::Jail => formatter.write_str("enter the jail until exit"),
        }
    }
}

impl Display for Program {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.arguments.is_empty() {
            return formatter.write_str("execute nothing: no program is configured");
        }
        formatter.write_str("execute")?;
        for argument in &self.arguments {
            write!(formatter, " {}", quoted(argument))?;
        }
        if let [_, _, ..] = self.candidates.as_slice() {
            write!(formatter, " from {}", shown(&self.candidates.join(", ")))?;
        }
        for variable in &self.environment {
            write!(formatter, "\n    {}", quoted(variable))?;
        }
        match self.home_of {
            Some(user) => write!(formatter, "\n    HOME of user {user} in the container"),
            None => Ok(()),
        }
    }
}

impl Display for Root {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("an empty RAMFS"),
            Self::FileSystem(file_system) => write!(formatter, "a new {file_system}"),
            Self::Directory(path) => write!(formatter, "the directory {}", shown_path(path)),
            Self::Image(path) => write!(formatter, "the image {}", shown_path(path)),
            Self::Overlay(layers) => write!(formatter, "{layers}"),
        }
    }
}

impl Display for Layers {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let lowers: Vec<_> = self.lowers.iter().map(|path| shown_path(path)).collect();
        let lowers = lowers.join(", ");
        match &self.upper {
            Upper::None => write!(formatter, "an overlay of {lowers}")?,
            Upper::Memory => write!(formatter, "an overlay of memory over {lowers}")?,
            Upper::Directories { upper, work } => {
                let (upper, work) = (shown_path(upper), shown_path(work));
                write!(
                    formatter,
                    "an overlay of {upper} (made in {work}) over {lowers}"
                )?;
            }
        }
        write!(formatter, "{}", self.restrictions)
    }
}

impl Display for Mount {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileSystem(file_system) => write!(formatter, "{file_system}"),
            Self::Bind { source, recursive } => {
                let below = if *recursive {
                    " and what is mounted below"
                } else {
                    ""
                };
                write!(formatter, "{}{below}", shown_path(source))
            }
        }
    }
}

impl Display for FileSystem {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind)?;
        for (index, (name, value)) in self.options.iter().enumerate() {
            let separator = if index == 0 { " with " } else { "," };
            write!(formatter, "{separator}{}", shown(name))?;
            if let Some(value) = value {
                write!(formatter, "={}", shown(value))?;
            }
        }
        if self.copies_up {
            formatter.write_str(", with a copy of what is there,")?;
        }
        Ok(())
    }
}

impl Display for Restrictions {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let named = [
            (self.read_only, "ro"),
            (self.no_setuid, "nosuid"),
            (self.no_devices, "nodev"),
            (self.no_execute, "noexec"),
            (self.no_links, "nosymfollow"),
            (self.access_times == Some(AccessTimes::Never), "noatime"),
            (
                self.access_times == Some(AccessTimes::Always),
                "strictatime",
            ),
            (self.access_times == Some(AccessTimes::Relative), "relatime"),
            (self.no_directory_access_times, "nodiratime"),
        ];
        let names: Vec<&str> = named
            .iter()
            .filter(|(is_set, _)| *is_set)
            .map(|(_, name)| *name)
            .collect();
        if names.is_empty() {
            Ok(())
        } else {
            write!(formatter, " ({})", names.join(","))
        }
    }
}

fn shown_path(path: &std::path::Path) -> String {
    quoted(&path.to_string_lossy())
}
