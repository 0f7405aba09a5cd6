//! What `runc-test --report` writes.
use std::fmt;

/// Runs of the tests.
pub struct Report {
    pub tests: Vec<Test>,
}

pub struct Test {
    pub title: String,
    pub name: String,
    /// `same`, `text`, `status`, `effect`, or `-` if it is not applicable.
    pub result: String,
    /// The tests of others that it corresponds to.
    pub kin: String,
    /// Why runtimes differ in it, or why others can't be tested.
    pub why: String,
    /// What was found not to be as the test asks for.
    pub differences: Vec<Difference>,
}

pub struct Difference {
    /// `text`, `status` or `effect`.
    pub kind: String,
    pub text: String,
}

impl Report {
    /// Reads lines of tests and differences; others are passed over.
    pub fn parse(text: &str) -> Self {
        let mut tests: Vec<Test> = Vec::new();
        for line in text.lines() {
            match line.split('\t').collect::<Vec<_>>().as_slice() {
                ["test", title, name, result, kin, why] => tests.push(Test {
                    title: title.to_string(),
                    name: name.to_string(),
                    result: result.to_string(),
                    kin: kin.to_string(),
                    why: why.to_string(),
                    differences: Vec::new(),
                }),
                ["difference", name, kind, text] => {
                    if let Some(test) = tests.iter_mut().find(|test| test.name == *name) {
                        test.differences.push(Difference {
                            kind: kind.to_string(),
                            text: text.to_string(),
                        });
                    }
                }
                _ => {}
            }
        }
        Self { tests }
    }

    pub fn get(&self, name: &str) -> Option<&Test> {
        self.tests.iter().find(|test| test.name == name)
    }

    /// Takes over the results of a later run; what that has not run stays.
    pub fn update(&mut self, later: Self) {
        for test in later.tests {
            if let Some(place) = self.tests.iter_mut().find(|old| old.name == test.name) {
                *place = test;
                continue;
            }
            let last = self.tests.iter().rposition(|old| old.title == test.title);
            self.tests
                .insert(last.map_or(self.tests.len(), |last| last + 1), test);
        }
    }
}

/// The form that [`Report::parse`] reads.
impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for test in &self.tests {
            let Test {
                title,
                name,
                result,
                kin,
                why,
                differences,
            } = test;
            writeln!(formatter, "test\t{title}\t{name}\t{result}\t{kin}\t{why}")?;
            for Difference { kind, text } in differences {
                writeln!(formatter, "difference\t{name}\t{kind}\t{text}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "test\tLife\ta\teffect\tbats x\twhy\ndifference\ta\tstatus\tstatus 1\n\
        difference\ta\teffect\tprints x\ntest\tHooks\tb\tsame\t\t\n";

    #[test]
    fn reads_what_it_writes() {
        let report = Report::parse(&format!("noise\n{TEXT}"));
        assert_eq!(report.to_string(), TEXT);
        assert_eq!(report.get("a").unwrap().differences[1].text, "prints x");
    }

    #[test]
    fn a_later_run_replaces_results_and_adds_others() {
        let mut report = Report::parse(TEXT);
        report.update(Report::parse(
            "test\tLife\ta\tsame\tbats x\twhy\ntest\tLife\tc\tsame\t\t\n",
        ));
        let names: Vec<_> = report.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["a", "c", "b"]);
        assert_eq!(report.get("a").unwrap().result, "same");
    }
}
