//! Text that comes from outside, made fit for one line of a terminal.

/// `text` with control characters escaped, so that a file's contents can't move the cursor or break lines.
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `text` as a shell would have to be given it: bare if that is unambiguous, else in single quotes.
pub fn quoted(text: &str) -> String {
    let bare =
        |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    if !text.is_empty() && text.chars().all(bare) {
        return text.to_owned();
    }
    format!("'{}'", shown(text).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{quoted, shown};

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(shown("a\nb\u{1b}[2Jé"), r"a\nb\u{1b}[2Jé");
    }

    #[test]
    fn words_are_quoted_when_a_shell_would_need_it() {
        assert_eq!(quoted("/bin/sh"), "/bin/sh");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("it's a"), r"'it'\''s a'");
    }
}
