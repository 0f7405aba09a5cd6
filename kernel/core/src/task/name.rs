//! The short name of a thread or process.

use core::fmt;

/// A command name: up to 15 bytes (prctl(2), PR_SET_NAME).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandName {
    bytes: [u8; 15],
    length: u8,
}

impl CommandName {
    /// The name made of the first 15 of these bytes.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 15];
        let length = name.len().min(bytes.len());
        bytes[..length].copy_from_slice(&name[..length]);
        Self {
            bytes,
            length: length as u8,
        }
    }

    /// The bytes of the name, without a NUL.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            formatter.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                formatter.write_str("?")?;
            }
        }
        Ok(())
    }
}
