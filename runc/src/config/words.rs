//! Splits a command line into words as a shell does, without its expansions.

/// Splits `line` at blanks. Single quotes keep everything as it is; double quotes keep all but `\"`,
/// `\\`, `` \` `` and `\$`, which lose the backslash; outside quotes a backslash keeps the next character.
pub fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => single_quoted(&mut characters, word.get_or_insert_default())?,
            '"' => double_quoted(&mut characters, word.get_or_insert_default())?,
            '\\' => {
                let kept = characters.next().ok_or("it ends in a backslash")?;
                word.get_or_insert_default().push(kept);
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single_quoted(
    characters: &mut impl Iterator<Item = char>,
    word: &mut String,
) -> Result<(), &'static str> {
    for character in characters {
        if character == '\'' {
            return Ok(());
        }
        word.push(character);
    }
    Err("a single quote is not closed")
}

fn double_quoted(
    characters: &mut impl Iterator<Item = char>,
    word: &mut String,
) -> Result<(), &'static str> {
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok(()),
            '\\' => match characters.next() {
                Some(kept @ ('"' | '\\' | '`' | '$')) => word.push(kept),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            other => word.push(other),
        }
    }
    Err("a double quote is not closed")
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_at_blanks_outside_quotes() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("  /bin/sh  -c\t'echo  a'", &["/bin/sh", "-c", "echo  a"]),
            (r#"a "b \" \n $c" d"#, &["a", r#"b " \n $c"#, "d"]),
            (r"a\ b 'c'\''d' ''", &["a b", "c'd", ""]),
            (r#"x"y"'z'"#, &["xyz"]),
            ("é\n ü", &["é", "ü"]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn open_quotes_are_errors() {
        for line in ["'a", "\"a", "\"a\\", "a\\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
