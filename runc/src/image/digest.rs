//! Digests of blobs (image-spec descriptor.md): an algorithm and the hash in hexadecimal digits.

use sha2::{Digest as _, Sha256, Sha512};
use std::fmt;

/// A registered hash algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha512,
}

/// A digest in its one valid form: lower-case digits, as many as the algorithm has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    algorithm: Algorithm,
    digits: String,
}

impl Digest {
    /// Parses `ALGORITHM:DIGITS`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (algorithm, digits) = text
            .split_once(':')
            .ok_or("expected a digest such as sha256:...")?;
        let (algorithm, length) = match algorithm {
            "sha256" => (Algorithm::Sha256, 64),
            "sha512" => (Algorithm::Sha512, 128),
            _ => return Err("the digest is neither sha256 nor sha512"),
        };
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if digits.len() != length || !digits.bytes().all(is_digit) {
            return Err("this is not a digest: wrong length, or digits other than 0-9 and a-f");
        }
        Ok(Self {
            algorithm,
            digits: digits.to_owned(),
        })
    }

    /// The digest of a text.
    pub fn of(text: &str) -> Self {
        let mut hasher = Hasher::Sha256(Sha256::new());
        hasher.update(text.as_bytes());
        hasher.finish()
    }

    /// A path of two parts. The digest's form keeps it beneath where it starts.
    pub fn path(&self) -> String {
        format!("{}/{}", self.algorithm.name(), self.digits)
    }

    /// The hash alone.
    pub fn digits(&self) -> &str {
        &self.digits
    }

    /// Starts the computation that leads to this digest if the content is right.
    pub fn hasher(&self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm.name(), self.digits)
    }
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// A digest on its way.
pub enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    /// Adds content.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    /// The digest of what was added.
    pub fn finish(self) -> Digest {
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha256(state) => Digest {
                algorithm: Algorithm::Sha256,
                digits: digits(&state.finalize()),
            },
            Self::Sha512(state) => Digest {
                algorithm: Algorithm::Sha512,
                digits: digits(&state.finalize()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn digests_are_computed() {
        let abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digest = Digest::parse(abc).unwrap();
        let mut hasher = digest.hasher();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.finish(), digest);
        assert_eq!(digest.to_string(), abc);
    }

    #[test]
    fn other_forms_are_refused() {
        let zeros = "0".repeat(64);
        assert!(Digest::parse(&format!("sha256:{zeros}")).is_ok());
        for text in [
            "",
            "sha256",
            "sha256:",
            "sha256:../../etc/passwd",
            &format!("md5:{zeros}"),
            &format!("sha512:{zeros}"),
            &format!("sha256:{}A", "0".repeat(63)),
            &format!("sha256:{zeros}0"),
        ] {
            assert!(Digest::parse(text).is_err(), "{text}");
        }
    }
}
