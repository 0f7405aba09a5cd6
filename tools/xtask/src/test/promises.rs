//! What SPECIFICATION.md promises: its figures are measured, and the tests that it names must exist.
use super::step::Step;
use crate::bench::figures::Figures;
use crate::bench::measurement::Measurement;
use crate::build;
use crate::workspace::{self, Board, read_file};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

const SPECIFICATION: &str = "SPECIFICATION.md";
const FIGURES: &str = "## Figures";
const PROPERTIES: &str = "## Properties";
/// All rows take well under a minute on an idle machine.
const LIMIT: Duration = Duration::from_secs(900);

/// Checks that need no machine: their names are what the properties may name as well.
pub fn source_step(steps: Vec<String>) -> Step {
    Step::new("promises name tests that exist", move || {
        let specification = specification()?;
        let mut known = steps.into_iter().collect();
        quoted_names(&workspace::root().join("tools/guest/src"), &mut known)?;
        let missing: Vec<_> = named_tests(&specification)?
            .into_iter()
            .filter(|name| !known.contains(*name))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            bail!(
                "{SPECIFICATION} names what is no test: {}",
                missing.join(", ")
            )
        }
    })
}

pub fn figures_step() -> Step {
    Step::new("promised figures", || {
        let measurement = Measurement {
            kernel: build::image(Board::Virt)?,
            modules: Vec::new(),
            append: None,
            overlay: None,
            runtime: "runc".to_string(),
            rows: Vec::new(),
            limit: LIMIT,
        };
        let (figures, outcome) = measurement.take()?;
        if let Some(complaint) = outcome.complaint() {
            bail!("{complaint}\n{}", outcome.log());
        }
        let broken = broken(&specification()?, &figures)?;
        if broken.is_empty() {
            Ok(())
        } else {
            bail!("{}", broken.join("\n"))
        }
    })
}

fn specification() -> Result<String> {
    let text = read_file(&workspace::root().join(SPECIFICATION))?;
    String::from_utf8(text).with_context(|| format!("{SPECIFICATION} is text"))
}

/// The cells of the tables below a heading, without the tables' heads.
fn cells<'a>(specification: &'a str, heading: &str) -> Result<Vec<Vec<&'a str>>> {
    let Some((_, section)) = specification.split_once(&format!("\n{heading}\n")) else {
        bail!("{SPECIFICATION} has no heading \"{heading}\"")
    };
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<_> = section
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.trim_end().strip_suffix('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .skip_while(|cells: &Vec<_>| !is_rule(cells))
        .filter(|cells| !is_rule(cells))
        .collect();
    if rows.is_empty() {
        bail!("{SPECIFICATION} has no table under \"{heading}\"")
    }
    Ok(rows)
}

fn is_rule(cells: &[&str]) -> bool {
    cells
        .iter()
        .all(|cell| !cell.is_empty() && cell.chars().all(|sign| "-:".contains(sign)))
}

/// The promises that these figures break, a line each.
fn broken(specification: &str, figures: &Figures) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for row in cells(specification, FIGURES)? {
        let [name, most, ..] = row.as_slice() else {
            bail!(
                "{SPECIFICATION}: a figure without its bound: {}",
                row.join(" | ")
            )
        };
        let name = name.trim_matches('`');
        let bound: f64 = most
            .replace(',', "")
            .parse()
            .with_context(|| format!("{SPECIFICATION}: the bound of {name} is {most}"))?;
        match figures.get(name) {
            Some(figure) if figure <= bound => {}
            Some(figure) => lines.push(format!("{name} is {figure:.1}, promised is {most}")),
            None => lines.push(format!("{name} was not measured")),
        }
    }
    Ok(lines)
}

/// What stands in backquotes in the last column of the properties.
fn named_tests(specification: &str) -> Result<Vec<&str>> {
    let rows = cells(specification, PROPERTIES)?;
    let last = rows.iter().filter_map(|row| row.last());
    Ok(last
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect())
}

/// Everything in double quotes in the sources below a folder: tests are tables there, with their names as texts.
fn quoted_names(folder: &Path, names: &mut BTreeSet<String>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            quoted_names(&path, names)?;
        } else {
            let text = read_file(&path)?;
            let text = String::from_utf8_lossy(&text);
            names.extend(
                text.lines()
                    .flat_map(|line| line.split('"').skip(1).step_by(2))
                    .map(str::to_string),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# S\n\n## Properties\n\n| promise | shown by |\n| --- | --- |\n| it holds | `a`, `b` |\n
## Figures\n\nWords.\n\n| row | at most | what |\n| --- | ---: | --- |\n| `null-call` | 1,200 | x |\n| `stat` | 5 | y |\n";

    #[test]
    fn finds_the_tests_that_are_named() {
        assert_eq!(named_tests(TEXT).unwrap(), ["a", "b"]);
    }

    #[test]
    fn tells_what_is_broken_and_what_is_missing() {
        let figures = Figures::parse("row null-call 1200.0");
        assert_eq!(broken(TEXT, &figures).unwrap(), ["stat was not measured"]);
        let figures = Figures::parse("row null-call 1200.5\nrow stat 5");
        assert_eq!(
            broken(TEXT, &figures).unwrap(),
            ["null-call is 1200.5, promised is 1,200"]
        );
    }

    #[test]
    fn a_specification_without_its_tables_is_an_error() {
        assert!(broken("# S\n", &Figures::default()).is_err());
        assert!(named_tests("\n## Properties\n\nnone\n").is_err());
    }
}
