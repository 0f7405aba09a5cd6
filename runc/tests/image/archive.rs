//! Archives as their authors may have made them: what no honest program writes can be written here.

/// An archive in the making.
#[derive(Clone, Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    pub fn new() -> Self {
        Self::default()
    }

    /// A regular file, mode 0644.
    pub fn file(self, name: &str, content: &str) -> Self {
        self.entry(name, b'0', 0o644, "", content.as_bytes())
    }

    /// A directory, mode 0755.
    pub fn directory(self, name: &str) -> Self {
        self.entry(name, b'5', 0o755, "", b"")
    }

    /// A symbolic link.
    pub fn link(self, name: &str, target: &str) -> Self {
        self.entry(name, b'2', 0o777, target, b"")
    }

    /// A hard link.
    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(name, b'1', 0o644, target, b"")
    }

    /// Any entry, owner 7, group 8, time 1000000000.
    pub fn entry(self, name: &str, kind: u8, mode: u32, link: &str, content: &[u8]) -> Self {
        self.block(name, kind, mode, link, content.len() as u64)
            .content(content)
    }

    /// A header that claims `size` bytes of content, whatever follows.
    pub fn block(mut self, name: &str, kind: u8, mode: u32, link: &str, size: u64) -> Self {
        let mut block = [0; 512];
        put(&mut block, 0, name.as_bytes());
        put(
            &mut block,
            100,
            format!("{mode:07o}\0{:07o}\0{:07o}\0", 7, 8).as_bytes(),
        );
        put(
            &mut block,
            124,
            format!("{size:011o}\0{:011o}\0        ", 1_000_000_000).as_bytes(),
        );
        put(&mut block, 156, &[kind]);
        put(&mut block, 157, link.as_bytes());
        put(&mut block, 257, b"ustar\x0000");
        put(&mut block, 329, b"0000005\x000000006\0");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
        self.0.extend(block);
        self
    }

    /// Content, with its padding.
    pub fn content(mut self, content: &[u8]) -> Self {
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// PAX records for the entry that follows.
    pub fn pax(self, records: &[(&str, &str)]) -> Self {
        let text: String = records
            .iter()
            .map(|(key, value)| record(key, value))
            .collect();
        self.entry("PaxHeaders/x", b'x', 0o644, "", text.as_bytes())
    }

    /// A GNU long name, or with `K` the long target of a link, for the entry that follows.
    pub fn long(self, kind: u8, name: &str) -> Self {
        self.entry("././@LongLink", kind, 0, "", format!("{name}\0").as_bytes())
    }

    /// Changes bytes of what is there.
    pub fn damage(mut self, position: usize, bytes: &[u8]) -> Self {
        self.0[position..position + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// The archive, without an end if it has to end too early.
    pub fn unfinished(self) -> Vec<u8> {
        self.0
    }

    /// The archive.
    pub fn bytes(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn put(block: &mut [u8; 512], position: usize, bytes: &[u8]) {
    let length = bytes.len().min(512 - position);
    block[position..position + length].copy_from_slice(&bytes[..length]);
}

/// A PAX record begins with its own length.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}
