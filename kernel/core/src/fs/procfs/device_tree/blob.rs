//! Walking a flattened device tree (Devicetree Specification, chapter 5). Whatever the blob holds, a walk ends and stays
//! inside.

const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;

/// A flattened tree.
#[derive(Clone, Copy)]
pub struct Blob {
    /// Nodes and properties, as tokens.
    structure: &'static [u8],
    /// Names of properties.
    strings: &'static [u8],
}

/// What is in a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    Property {
        name: &'static [u8],
        value: &'static [u8],
        /// Where its token is: no other item of the tree has this number.
        at: u32,
    },
    Node {
        name: &'static [u8],
        /// Where its token is.
        at: u32,
    },
}

impl Item {
    pub fn name(&self) -> &'static [u8] {
        match self {
            Item::Property { name, .. } | Item::Node { name, .. } => name,
        }
    }
}

/// A token, and where the next one is.
enum Token {
    Begin(&'static [u8], usize),
    End(usize),
    Property(&'static [u8], &'static [u8], usize),
    Nothing(usize),
}

impl Blob {
    pub const EMPTY: Self = Self {
        structure: &[],
        strings: &[],
    };

    /// The tree in `blob`; `None` if that is none.
    pub fn new(blob: &'static [u8]) -> Option<Self> {
        let part = |offset: usize, size: usize| {
            let start = word(blob, offset)? as usize;
            blob.get(start..start.checked_add(word(blob, size)? as usize)?)
        };
        if word(blob, 0)? != MAGIC {
            return None;
        }
        Some(Self {
            structure: part(8, 36)?,
            strings: part(12, 32)?,
        })
    }

    /// The root node's token.
    pub fn root(&self) -> Option<u32> {
        let mut at = 0;
        loop {
            match self.token(at)? {
                Token::Nothing(next) => at = next,
                Token::Begin(..) => return u32::try_from(at).ok(),
                _ => return None,
            }
        }
    }

    /// The properties and nodes directly in the node whose token is at `node`, in the tree's order.
    pub fn items(&self, node: u32) -> impl Iterator<Item = Item> + use<> {
        let blob = *self;
        let mut at = match blob.token(node as usize) {
            Some(Token::Begin(_, next)) => Some(next),
            _ => None,
        };
        core::iter::from_fn(move || {
            loop {
                let here = at?;
                let number = u32::try_from(here).ok()?;
                match blob.token(here)? {
                    Token::Nothing(next) => at = Some(next),
                    Token::End(_) => return None,
                    Token::Property(name, value, next) => {
                        at = Some(next);
                        let at = number;
                        return Some(Item::Property { name, value, at });
                    }
                    Token::Begin(name, next) => {
                        at = blob.end(next);
                        return Some(Item::Node { name, at: number });
                    }
                }
            }
        })
    }

    /// Behind the end of the node whose content begins at `at`.
    fn end(&self, mut at: usize) -> Option<usize> {
        let mut depth = 1usize;
        loop {
            at = match self.token(at)? {
                Token::Begin(_, next) => {
                    depth += 1;
                    next
                }
                Token::End(next) => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(next);
                    }
                    next
                }
                Token::Property(_, _, next) | Token::Nothing(next) => next,
            };
        }
    }

    fn token(&self, at: usize) -> Option<Token> {
        let content = at.checked_add(4)?;
        Some(match word(self.structure, at)? {
            BEGIN_NODE => {
                let name = text(self.structure, content)?;
                Token::Begin(name, (content + name.len() + 1).next_multiple_of(4))
            }
            END_NODE => Token::End(content),
            PROPERTY => {
                let length = word(self.structure, content)? as usize;
                let name = text(self.strings, word(self.structure, content + 4)? as usize)?;
                let start = content + 8;
                let end = start.checked_add(length)?;
                let value = self.structure.get(start..end)?;
                Token::Property(name, value, end.next_multiple_of(4))
            }
            NOP => Token::Nothing(content),
            _ => return None,
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.as_array().copied().map(u32::from_be_bytes)
}

/// The text at `at`, up to its NUL.
fn text(bytes: &'static [u8], at: usize) -> Option<&'static [u8]> {
    let rest = bytes.get(at..)?;
    let length = rest.iter().position(|&byte| byte == 0)?;
    rest.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A root with a property, a node with two properties and a node of its own, and an empty node.
    fn sample() -> Vec<u8> {
        let strings = b"model\0reg\0";
        let mut structure = Vec::new();
        let mut put = |word: u32, bytes: &[u8]| {
            structure.extend(word.to_be_bytes());
            structure.extend(bytes);
            structure.resize(structure.len().next_multiple_of(4), 0);
        };
        put(NOP, b"");
        put(BEGIN_NODE, b"\0");
        put(PROPERTY, b"\0\0\0\x06\0\0\0\0board\0");
        put(BEGIN_NODE, b"soc@0\0");
        put(PROPERTY, b"\0\0\0\x04\0\0\0\x06\x11\x22\x33\x44");
        put(NOP, b"");
        put(PROPERTY, b"\0\0\0\0\0\0\0\0");
        put(BEGIN_NODE, b"inner\0");
        put(END_NODE, b"");
        put(END_NODE, b"");
        put(BEGIN_NODE, b"empty\0");
        put(END_NODE, b"");
        put(END_NODE, b"");
        put(9, b"");
        let sizes = [structure.len() as u32, strings.len() as u32];
        let header = [
            MAGIC,
            40 + sizes[0] + sizes[1],
            40,
            40 + sizes[0],
            40,
            17,
            16,
            0,
            sizes[1],
            sizes[0],
        ];
        let mut blob: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        blob.extend(&structure);
        blob.extend(strings);
        blob
    }

    fn open(blob: Vec<u8>) -> Option<Blob> {
        Blob::new(blob.leak())
    }

    fn names(blob: &Blob, node: u32) -> Vec<&'static [u8]> {
        blob.items(node).map(|item| item.name()).collect()
    }

    #[test]
    fn shows_each_node_with_what_is_in_it() {
        let blob = open(sample()).unwrap();
        let root = blob.root().unwrap();
        assert_eq!(names(&blob, root), [&b"model"[..], b"soc@0", b"empty"]);
        let items: Vec<_> = blob.items(root).collect();
        assert!(matches!(
            items[0],
            Item::Property {
                value: b"board\0",
                ..
            }
        ));
        let Item::Node { at: soc, .. } = items[1] else {
            panic!("a node")
        };
        assert_eq!(names(&blob, soc), [&b"reg"[..], b"model", b"inner"]);
        assert!(matches!(
            blob.items(soc).next(),
            Some(Item::Property {
                value: [0x11, 0x22, 0x33, 0x44],
                ..
            })
        ));
        let Item::Node { at: empty, .. } = items[2] else {
            panic!("a node")
        };
        assert!(names(&blob, empty).is_empty());
    }

    #[test]
    fn walks_of_damaged_trees_end() {
        fn walk(blob: &Blob, node: u32, rest: &mut usize) {
            for item in blob.items(node) {
                *rest -= 1;
                if let Item::Node { at, .. } = item {
                    walk(blob, at, rest);
                }
            }
        }
        let whole = sample();
        let mut random = 1u32;
        for _ in 0..20_000 {
            let mut damaged = whole.clone();
            for _ in 0..3 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (random >> 8) as usize % damaged.len();
                damaged[at] = random as u8;
            }
            if let Some(blob) = open(damaged)
                && let Some(root) = blob.root()
            {
                walk(&blob, root, &mut 1000);
            }
        }
        for length in 0..whole.len() {
            if let Some(blob) = open(whole[..length].to_vec())
                && let Some(root) = blob.root()
            {
                walk(&blob, root, &mut 1000);
            }
        }
    }
}
