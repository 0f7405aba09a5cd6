//! Figures of a run and their comparison.
use std::fmt::{self, Write};

/// What rows came to, in the order in which they ran.
#[derive(Default, Debug, PartialEq)]
pub struct Figures(Vec<(String, Result<f64, String>)>);

impl Figures {
    /// Reads lines `row NAME FIGURE` and `row NAME missing REASON`; other lines are passed over.
    pub fn parse(text: &str) -> Self {
        let rows = text.lines().filter_map(|line| {
            let (name, rest) = line.trim().strip_prefix("row ")?.split_once(' ')?;
            let figure = match rest.strip_prefix("missing ") {
                Some(reason) => Err(reason.to_string()),
                None => Ok(rest.parse().ok()?),
            };
            Some((name.to_string(), figure))
        });
        Self(rows.collect())
    }

    pub fn add(&mut self, name: &str, figure: f64) {
        self.0.push((name.to_string(), Ok(figure)));
    }

    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub fn get(&self, name: &str) -> Option<f64> {
        let (_, figure) = self.0.iter().find(|(row, _)| row == name)?;
        figure.as_ref().ok().copied()
    }
}

/// The form that [`Figures::parse`] reads.
impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, figure) in &self.0 {
            match figure {
                Ok(figure) => writeln!(formatter, "row {name} {figure:.1}")?,
                Err(reason) => writeln!(formatter, "row {name} missing {reason}")?,
            }
        }
        Ok(())
    }
}

/// A table, in Markdown that reads well as it is, and a line with the geometric mean of the ratios.
pub fn table(ours: &Figures, theirs: &Figures) -> String {
    let mut text = String::new();
    let mut line = |name: &str, figure: &str, linux: &str, ratio: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {name:<22} | {figure:>11} | {linux:>11} | {ratio:>5} |"
        );
    };
    line("row", "this kernel", "Linux", "ratio");
    line(&"-".repeat(22), "----------:", "----------:", "----:");
    let mut logarithms = Vec::new();
    let mut missing = Vec::new();
    for (name, figure) in &ours.0 {
        let linux = theirs.get(name);
        let linux_text = linux.map_or_else(|| "-".to_string(), number);
        match figure {
            Ok(figure) => {
                let ratio = linux
                    .filter(|linux| *linux > 0.0)
                    .map(|linux| figure / linux);
                logarithms.extend(ratio.filter(|ratio| *ratio > 0.0).map(f64::ln));
                let ratio = ratio.map_or_else(|| "-".to_string(), |ratio| format!("{ratio:.2}"));
                line(name, &number(*figure), &linux_text, &ratio);
            }
            Err(reason) => {
                line(name, "missing", &linux_text, "-");
                missing.push(format!("{name} ({reason})"));
            }
        }
    }
    if !logarithms.is_empty() {
        let mean = (logarithms.iter().sum::<f64>() / logarithms.len() as f64).exp();
        let _ = writeln!(
            text,
            "\nGeometric mean of {} ratios: {mean:.3}",
            logarithms.len()
        );
    }
    if !missing.is_empty() {
        let _ = writeln!(text, "\nMissing: {}", missing.join(", "));
    }
    text
}

/// A figure with its thousands apart; a decimal place where it matters.
fn number(figure: f64) -> String {
    let text = if figure < 1000.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    };
    let (whole, decimals) = text
        .split_once('.')
        .map_or((text.as_str(), ""), |(whole, decimals)| (whole, decimals));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if decimals.is_empty() {
        grouped
    } else {
        format!("{grouped}.{decimals}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let text = "row null-call 63.0\nrow tcp missing Function not implemented (os error 38)\n";
        let figures = Figures::parse(&format!("noise\n{text}row half\nrow x y\n"));
        assert_eq!(figures.to_string(), text);
        assert_eq!(figures.get("null-call"), Some(63.0));
        assert_eq!(figures.get("tcp"), None);
    }

    #[test]
    fn compares_row_by_row() {
        let ours = Figures::parse("row a 50\nrow b missing why\nrow c 7");
        let linux = Figures::parse("row a 200\nrow b 10");
        let table = table(&ours, &linux);
        assert!(table.contains("|  0.25 |"));
        assert!(table.contains("Geometric mean of 1 ratios: 0.250"));
        assert!(table.contains("Missing: b (why)"));
    }

    #[test]
    fn groups_digits() {
        assert_eq!(number(63.0), "63.0");
        assert_eq!(number(1234.4), "1,234");
        assert_eq!(number(907_000_000.0), "907,000,000");
    }
}
