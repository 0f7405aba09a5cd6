//! Deriving entries from the machine's own apt sources.
//!
//! Formats: sources.list(5), both the one-line and the deb822 style. The derived entry keeps the address, key and options of
//! the entry it was made from.
use anyhow::{Context, Result};
use std::fs;

/// An apt source to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Its file below /etc/apt.
    pub path: &'static str,
    pub content: String,
}

const DEB822_FILE: &str = "/etc/apt/sources.list.d/gantry-backports.sources";
const ONE_LINE_FILE: &str = "/etc/apt/sources.list.d/gantry-backports.list";

/// What a derived entry is to offer instead.
#[derive(Clone, Copy)]
struct Offer<'a> {
    suite: &'a str,
    component: &'a str,
}

/// The entry for `<codename>-backports`, `None` if no source of `codename` itself is found.
pub fn derive_backports(codename: &str) -> Result<Option<Source>> {
    let offer = Offer {
        suite: &format!("{codename}-backports"),
        component: "main",
    };
    derive(codename, offer)
}

/// The entry for another component of the suite `codename`, `None` if no source of its main component is found.
pub fn derive_component(codename: &str, component: &str) -> Result<Option<Source>> {
    let offer = Offer {
        suite: codename,
        component,
    };
    derive(codename, offer)
}

fn derive(codename: &str, offer: Offer<'_>) -> Result<Option<Source>> {
    let mut files = vec!["/etc/apt/sources.list".into()];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        for item in folder {
            files.push(item.context("cannot read /etc/apt/sources.list.d")?.path());
        }
    }
    files.sort();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        let derived = match file.extension().and_then(|extension| extension.to_str()) {
            Some("sources") => from_deb822(&text, codename, offer),
            Some("list") => from_one_line(&text, codename, offer),
            _ => None,
        };
        if derived.is_some() {
            return Ok(derived);
        }
    }
    Ok(None)
}

/// From a .sources file: a stanza of fields, continued by indented lines.
fn from_deb822(text: &str, codename: &str, offer: Offer<'_>) -> Option<Source> {
    stanzas(text).into_iter().find_map(|stanza| {
        let field = |name: &str| {
            stanza
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map_or("", |(_, value)| value.as_str())
        };
        let has = |name: &str, word: &str| field(name).split_whitespace().any(|item| item == word);
        let enabled = !matches!(field("Enabled").trim(), "no" | "false" | "0");
        if !(enabled && has("Types", "deb") && has("Suites", codename) && has("Components", "main"))
        {
            return None;
        }
        let mut content = String::new();
        for (key, value) in &stanza {
            let value = match key.to_ascii_lowercase().as_str() {
                "types" => "deb",
                "suites" => offer.suite,
                "components" => offer.component,
                _ => value.as_str(),
            };
            content.push_str(&format!("{key}: {value}\n"));
        }
        Some(Source {
            path: DEB822_FILE,
            content,
        })
    })
}

fn stanzas(text: &str) -> Vec<Vec<(String, String)>> {
    let mut stanzas = vec![Vec::<(String, String)>::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.trim().is_empty() {
            stanzas.push(Vec::new());
        } else if line.starts_with([' ', '\t']) {
            let field = stanzas.last_mut().and_then(|stanza| stanza.last_mut());
            if let Some((_, value)) = field {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((key, value)) = line.split_once(':')
            && let Some(stanza) = stanzas.last_mut()
        {
            stanza.push((key.trim().to_string(), value.trim().to_string()));
        }
    }
    stanzas
}

/// From a .list file: `deb [options] address suite component…`.
fn from_one_line(text: &str, codename: &str, offer: Offer<'_>) -> Option<Source> {
    text.lines().find_map(|line| {
        let line = line.split('#').next()?.trim();
        let rest = line
            .strip_prefix("deb")?
            .strip_prefix([' ', '\t'])?
            .trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(options) => {
                let (options, rest) = options.split_once(']')?;
                (format!("[{options}] "), rest)
            }
            None => (String::new(), rest),
        };
        let mut words = rest.split_whitespace();
        let (address, suite) = (words.next()?, words.next()?);
        if suite != codename || !words.any(|component| component == "main") {
            return None;
        }
        Some(Source {
            path: ONE_LINE_FILE,
            content: format!(
                "deb {options}{address} {} {}\n",
                offer.suite, offer.component
            ),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKPORTS: Offer<'_> = Offer {
        suite: "bookworm-backports",
        component: "main",
    };

    #[test]
    fn derives_from_deb822() {
        let text = "# comment\nTypes: deb deb-src\nURIs: mirror+file:/etc/apt/mirrors.list\nSuites: bookworm bookworm-updates\n\
            Components: main contrib\nSigned-By: /usr/share/keyrings/archive.gpg\n\n\
            Types: deb\nURIs: copy:/other\nSuites: bookworm-security\nComponents: main\n";
        let source = from_deb822(text, "bookworm", BACKPORTS).unwrap();
        assert_eq!(
            source.content,
            "Types: deb\nURIs: mirror+file:/etc/apt/mirrors.list\nSuites: bookworm-backports\nComponents: main\n\
             Signed-By: /usr/share/keyrings/archive.gpg\n"
        );
        assert_eq!(source.path, DEB822_FILE);
        assert_eq!(from_deb822(text, "trixie", BACKPORTS), None);
    }

    #[test]
    fn keeps_embedded_keys_and_skips_disabled_stanzas() {
        let text = "Enabled: no\nTypes: deb\nURIs: copy:/off\nSuites: trixie\nComponents: main\n\n\
            Types: deb\nURIs: copy:/on\nSuites: trixie\nComponents: main\nSigned-By:\n -----BEGIN-----\n .\n key\n";
        let content = from_deb822(text, "trixie", BACKPORTS).unwrap().content;
        assert!(content.contains("copy:/on") && !content.contains("copy:/off"));
        assert!(content.ends_with("Signed-By: \n -----BEGIN-----\n .\n key\n"));
    }

    #[test]
    fn derives_from_one_line() {
        let text = "# deb copy:/x bookworm main\ndeb-src copy:/a bookworm main\n\
            deb [arch=amd64 signed-by=/k.gpg] copy:/a bookworm main contrib # comment\n";
        let source = from_one_line(text, "bookworm", BACKPORTS).unwrap();
        assert_eq!(
            source.content,
            "deb [arch=amd64 signed-by=/k.gpg] copy:/a bookworm-backports main\n"
        );
        assert_eq!(
            from_one_line("deb copy:/a bookworm-updates main\n", "bookworm", BACKPORTS),
            None
        );
        assert_eq!(
            from_one_line("deb\tcopy:/a bookworm contrib\n", "bookworm", BACKPORTS),
            None
        );
        assert!(from_one_line("deb\tcopy:/a\tbookworm\tmain\n", "bookworm", BACKPORTS).is_some());
    }

    #[test]
    fn derives_other_components() {
        let firmware = Offer {
            suite: "trixie",
            component: "non-free-firmware",
        };
        let source = from_one_line("deb copy:/a trixie main contrib\n", "trixie", firmware);
        assert_eq!(
            source.unwrap().content,
            "deb copy:/a trixie non-free-firmware\n"
        );
        let text = "Types: deb\nURIs: copy:/a\nSuites: trixie trixie-updates\nComponents: main\n";
        assert_eq!(
            from_deb822(text, "trixie", firmware).unwrap().content,
            "Types: deb\nURIs: copy:/a\nSuites: trixie\nComponents: non-free-firmware\n"
        );
    }
}
