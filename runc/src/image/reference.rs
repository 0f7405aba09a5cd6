//! Which image is meant: a layout, and a name in it.

use std::fmt;
use std::path::{Path, PathBuf};

/// `LAYOUT[:TAG]`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// A directory or an archive of one.
    pub layout: PathBuf,
    /// The image's name in the layout (`org.opencontainers.image.ref.name`); `None`: its only image.
    pub tag: Option<String>,
}

impl Reference {
    /// Both a path and a tag may hold colons: the layout is the longest part in front of one that exists.
    pub fn parse(text: &str) -> Self {
        Self::parse_with(text, Path::exists)
    }

    fn parse_with(text: &str, exists: impl Fn(&Path) -> bool) -> Self {
        let whole = Self {
            layout: PathBuf::from(text),
            tag: None,
        };
        if exists(&whole.layout) {
            return whole;
        }
        let split = text
            .rmatch_indices(':')
            .map(|(colon, _)| (&text[..colon], &text[colon + 1..]))
            .find(|(layout, tag)| !tag.is_empty() && exists(Path::new(layout)));
        split.map_or(whole, |(layout, tag)| Self {
            layout: PathBuf::from(layout),
            tag: Some(tag.to_owned()),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.layout.display())?;
        match &self.tag {
            Some(tag) => write!(formatter, ":{tag}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reference;
    use std::path::Path;

    #[test]
    fn the_longest_existing_path_is_the_layout() {
        let exists = |path: &Path| path == Path::new("image") || path == Path::new("odd:name");
        for (text, layout, tag) in [
            ("image", "image", None),
            ("image:latest", "image", Some("latest")),
            (
                "image:example.org:5000/a:1",
                "image",
                Some("example.org:5000/a:1"),
            ),
            ("odd:name", "odd:name", None),
            ("odd:name:1", "odd:name", Some("1")),
            ("missing:1", "missing:1", None),
            ("image:", "image:", None),
        ] {
            let expected = Reference {
                layout: layout.into(),
                tag: tag.map(str::to_owned),
            };
            assert_eq!(Reference::parse_with(text, exists), expected);
        }
    }
}
