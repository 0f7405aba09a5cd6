//! Names of files in a layer: bytes that an archive's author chose freely.

use crate::text::shown;
use std::fmt;

/// A path below a layer's root, in its one form: no empty part, no `.`, no `..`. The root has no parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(Vec<u8>);

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self(Vec::new())
    }

    /// Takes a name of an archive; absolute ones mean the layer's root. `..` is refused: no archive of a
    /// tree of files has it.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.contains(&0) {
            return Err("its name contains a NUL character");
        }
        let mut name = Vec::with_capacity(bytes.len());
        for part in bytes.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return Err("its name contains .."),
                _ => {}
            }
            if !name.is_empty() {
                name.push(b'/');
            }
            name.extend_from_slice(part);
        }
        Ok(Self(name))
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes of the path, relative to the root.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The parts, from the root on.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty())
    }

    /// The directory that holds it, and its name there; `None` for the root.
    pub fn split(&self) -> Option<(Self, &[u8])> {
        if self.is_root() {
            return None;
        }
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => Some((Self(self.0[..slash].to_vec()), &self.0[slash + 1..])),
            None => Some((Self::root(), &self.0)),
        }
    }

    /// Something in this directory.
    pub fn join(&self, part: &[u8]) -> Self {
        let mut name = self.0.clone();
        if !name.is_empty() {
            name.push(b'/');
        }
        name.extend_from_slice(part);
        Self(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}", shown(&String::from_utf8_lossy(&self.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    #[test]
    fn names_have_one_form() {
        for (bytes, form) in [
            ("./a/b/", "/a/b"),
            ("/etc//passwd", "/etc/passwd"),
            ("a/./b", "/a/b"),
            ("./", "/"),
            ("...", "/..."),
        ] {
            assert_eq!(Name::parse(bytes.as_bytes()).unwrap().to_string(), form);
        }
        for bytes in ["..", "../a", "a/..", "a/../../b", "/..", "a\0b"] {
            assert!(Name::parse(bytes.as_bytes()).is_err(), "{bytes}");
        }
    }

    #[test]
    fn names_are_split_and_joined() {
        let name = Name::parse(b"a/b/c").unwrap();
        let (parent, last) = name.split().unwrap();
        assert_eq!((parent.to_string().as_str(), last), ("/a/b", &b"c"[..]));
        assert_eq!(parent.join(last), name);
        assert_eq!(Name::root().join(b"a").split().unwrap().0, Name::root());
        assert!(Name::root().split().is_none());
        assert_eq!(name.parts().count(), 3);
    }
}
