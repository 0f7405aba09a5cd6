//! What `runc-test --report` writes.

/// One run of the tests.
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
    /// What was found to be something else than the test asks for; what is only said otherwise is left out.
    pub effects: Vec<String>,
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
                    effects: Vec::new(),
                }),
                ["difference", name, "effect", text] => {
                    if let Some(test) = tests.iter_mut().find(|test| test.name == *name) {
                        test.effects.push(text.to_string());
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tests_and_their_effects() {
        let text = "noise\ntest\tLife\ta\teffect\tbats x\twhy\ndifference\ta\tstatus\tstatus 1\n\
            difference\ta\teffect\tprints x\ntest\tLife\tb\tsame\t\t\n";
        let report = Report::parse(text);
        let a = report.get("a").unwrap();
        assert_eq!(
            (a.result.as_str(), a.effects.as_slice()),
            ("effect", ["prints x".to_string()].as_slice())
        );
        assert_eq!(report.get("b").unwrap().result, "same");
        assert_eq!(report.tests.len(), 2);
    }
}
