//! Users and groups of an image: its own /etc/passwd and /etc/group, never the caller's.

use crate::error::Error;
use crate::system;
use crate::system::tree::Tree;
use std::io;

/// A user database larger than this is no user database.
const LARGEST_FILE: u64 = 4 << 20;

/// What the image's databases say.
#[derive(Debug, Default)]
pub struct Users {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Debug)]
struct User {
    name: String,
    id: u32,
    group: u32,
    home: String,
}

#[derive(Debug)]
struct Group {
    name: String,
    id: u32,
    members: Vec<String>,
}

/// What a program runs as.
#[derive(Debug, PartialEq, Eq)]
pub struct Identity {
    pub user: u32,
    pub group: u32,
    pub additional_groups: Vec<u32>,
}

impl Users {
    /// Reads both files, following links inside the tree. An image may have neither.
    pub fn read(tree: &Tree) -> Result<Self, Error> {
        let text = |path: &str| {
            let text = match tree.open_file(path) {
                Ok(file) => system::read_all(file, LARGEST_FILE),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
                Err(error) => Err(error),
            };
            let text =
                text.map_err(|error| Error::system(format!("the image's {path}"), &error))?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        Ok(Self::parse(&text("/etc/passwd")?, &text("/etc/group")?))
    }

    /// Lines that aren't of the form that passwd(5) and group(5) give are passed over, as everywhere.
    fn parse(passwd: &str, group: &str) -> Self {
        Self {
            users: passwd.lines().filter_map(User::parse).collect(),
            groups: group.lines().filter_map(Group::parse).collect(),
        }
    }

    /// What the configuration's `USER[:GROUP]` means; each is a name or a number. The empty text is root.
    pub fn identity(&self, text: &str) -> Result<Identity, String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let user = if text.is_empty() { "0" } else { user };
        let number = number(user)?;
        let entry = self.users.iter().find(|entry| match number {
            Some(number) => entry.id == number,
            None => entry.name == user,
        });
        let id = match (number, entry) {
            (Some(number), _) => number,
            (None, Some(entry)) => entry.id,
            (None, None) => return Err(format!("the image has no user {user:?}")),
        };
        // Whose group is given, or who is given as a number, is in no others (conversion.md).
        let additional_groups = match (group, number, entry) {
            (None, None, Some(entry)) => self.groups_of(entry),
            _ => Vec::new(),
        };
        Ok(Identity {
            user: id,
            group: match group {
                Some(group) => self.group(group)?,
                None => entry.map_or(0, |entry| entry.group),
            },
            additional_groups,
        })
    }

    /// The home directory of a user.
    pub fn home(&self, user: u32) -> Option<&str> {
        let entry = self.users.iter().find(|entry| entry.id == user)?;
        Some(entry.home.as_str()).filter(|home| home.starts_with('/'))
    }

    fn group(&self, text: &str) -> Result<u32, String> {
        if let Some(number) = number(text)? {
            return Ok(number);
        }
        let entry = self.groups.iter().find(|entry| entry.name == text);
        entry
            .map(|entry| entry.id)
            .ok_or_else(|| format!("the image has no group {text:?}"))
    }

    fn groups_of(&self, user: &User) -> Vec<u32> {
        let mut ids: Vec<u32> = self
            .groups
            .iter()
            .filter(|group| group.members.contains(&user.name))
            .map(|group| group.id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| *id != user.group);
        ids
    }
}

/// A text of digits is a number and never a name. 4294967295 means "leave it" to the system.
fn number(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(number) if number != u32::MAX => Ok(Some(number)),
        _ => Err(format!("{text} is not a valid number of a user or group")),
    }
}

impl User {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let home = fields.nth(1)?.to_owned();
        Some(Self {
            name,
            id,
            group,
            home,
        })
    }
}

impl Group {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        let members = fields.next().unwrap_or_default().split(',');
        Some(Self {
            name,
            id,
            members: members.map(|member| member.trim().to_owned()).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Identity, Users};

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nbroken\n\nweb:x:33:33::/var/www:/bin/sh\n12:x:77:77::/:\n";
    const GROUP: &str = "root:x:0:\nweb:x:33:web\nlog:x:4:other,web\nssl:x:9:web\n";

    fn identity(text: &str) -> Result<Identity, String> {
        Users::parse(PASSWD, GROUP).identity(text)
    }

    #[test]
    fn users_are_found() {
        for (text, user, group, additional) in [
            ("", 0, 0, vec![]),
            ("root", 0, 0, vec![]),
            ("web", 33, 33, vec![4, 9]),
            ("33", 33, 33, vec![]),
            ("web:log", 33, 4, vec![]),
            ("web:1234", 33, 1234, vec![]),
            ("1000", 1000, 0, vec![]),
            ("1000:ssl", 1000, 9, vec![]),
            ("12", 12, 0, vec![]),
        ] {
            let expected = Identity {
                user,
                group,
                additional_groups: additional,
            };
            assert_eq!(identity(text), Ok(expected), "{text}");
        }
        assert_eq!(Users::parse(PASSWD, GROUP).home(33), Some("/var/www"));
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "nobody",
            ":",
            ":0",
            "web:",
            "web:nobody",
            "0x0",
            " 1",
            "-1",
            "+1",
            "4294967295",
            "4294967296",
            "1:4294967295",
            "web:log:ssl",
        ] {
            assert!(identity(text).is_err(), "{text}");
        }
    }
}
