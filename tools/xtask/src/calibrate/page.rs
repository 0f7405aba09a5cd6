//! The page with the table of differences.
use super::report::{Report, Test};
use anyhow::{Result, ensure};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Conformance

The tests of runc, beside what Debian 12's crun and runc do in the same tests on Linux 6.1. `cargo xtask calibrate`
runs all three in QEMU and writes this page; a test is run by its name, `cargo xtask run --exec 'runc-test NAME'`.

| result | |
| ------ | --- |
| same | everything is as the test asks for |
| text | it does the same and says it in other words |
| status | it fails as well, with another exit status |
| effect | it does something else |
| - | it can't: the test is of what only this runc has |
| ? | it was not tested yet |

What `run` and `exec` say of themselves is 125 here, 1 in crun and runc, and 255 in runc's `exec`; a command line that is
wrong gives 2 here. Texts that others look for are those of runc. Behind *bats* are runc's integration tests, behind *contest*
youki's. What has an effect is told below, with the reason; `cargo xtask calibrate NAME` shows everything of a test.
";

/// How much of a difference is shown: some print their whole help.
const LONGEST: usize = 300;

/// Writes it.
pub fn write(crun: &Report, runc: &Report, ours: &Report) -> Result<String> {
    let mut page = INTRODUCTION.to_string();
    let mut differences = String::new();
    let mut title = "";
    ensure!(!ours.tests.is_empty(), "no test was run");
    for test in &ours.tests {
        if test.title != title {
            title = &test.title;
            write!(
                page,
                "\n## {title}\n\n| test | crun | runc | ours | corresponds to |\n| --- | --- | --- | --- | --- |\n"
            )?;
        }
        let columns = [
            ("crun", crun.get(&test.name)),
            ("runc", runc.get(&test.name)),
            ("ours", Some(test)),
        ];
        let kin = if test.kin.is_empty() {
            format!("*{}*", test.why)
        } else {
            escape(&test.kin)
        };
        let [crun, runc, ours] = columns.map(|(_, found)| match found {
            Some(found) => found.result.as_str(),
            None if test.kin.is_empty() => "-",
            None => "?",
        });
        writeln!(
            page,
            "| `{}` | {crun} | {runc} | {ours} | {kin} |",
            test.name
        )?;
        if [crun, runc, ours].contains(&"effect") {
            tell(&mut differences, test, &columns)?;
        }
    }
    write!(page, "\n## Differences\n{differences}")?;
    Ok(page)
}

/// Writes how runtimes differ in a test, and why.
fn tell(text: &mut String, test: &Test, columns: &[(&str, Option<&Test>)]) -> Result<()> {
    writeln!(text, "\n### `{}`\n", test.name)?;
    if !test.why.is_empty() {
        writeln!(text, "{}\n", test.why)?;
    }
    for (runtime, found) in columns {
        let differences = found.iter().flat_map(|found| &found.differences);
        for difference in differences.filter(|difference| difference.kind == "effect") {
            let words: Vec<&str> = difference.text.split_whitespace().collect();
            let words = words.join(" ");
            let shown: String = words.chars().take(LONGEST).collect();
            let end = if shown == words { "" } else { "…" };
            writeln!(text, "* {runtime}: {}{end}", escape(&shown))?;
        }
    }
    Ok(())
}

/// Keeps Markdown from seeing signs of its own.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for sign in text.chars() {
        if "|<>*`[]".contains(sign) {
            escaped.push('\\');
        }
        escaped.push(sign);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_runtimes_side_by_side() {
        let report = |result: &str, more: &str| {
            Report::parse(&format!(
                "test\tLife\ta\t{result}\tbats x\tBecause.\n{more}"
            ))
        };
        let crun = report("effect", "difference\ta\teffect\tprints 1 | x\n");
        let page = write(&crun, &report("same", ""), &report("same", "")).unwrap();
        assert!(page.contains("| `a` | effect | same | same | bats x |"));
        assert!(page.contains("### `a`\n\nBecause.\n\n* crun: prints 1 \\| x\n"));
    }
}
