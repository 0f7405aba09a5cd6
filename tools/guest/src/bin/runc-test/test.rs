//! What a test is, and what it finds.

use crate::Result;
use crate::runtime;
use crate::traces::Traces;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// One test.
pub struct Test {
    pub name: &'static str,
    body: fn() -> Result<()>,
    /// The tests of others that it corresponds to; without any, it shows what only our runc has.
    pub kin: Option<&'static str>,
    /// Why other runtimes differ, or can't be tested.
    pub why: &'static str,
}

impl Test {
    /// A test of what only our runc has, which is this.
    pub const fn own(name: &'static str, body: fn() -> Result<()>, why: &'static str) -> Self {
        Self {
            name,
            body,
            kin: None,
            why,
        }
    }

    /// A test of what every runtime has to do, as these tests of others show.
    pub const fn common(name: &'static str, body: fn() -> Result<()>, kin: &'static str) -> Self {
        Self {
            name,
            body,
            kin: Some(kin),
            why: "",
        }
    }

    /// Tells why runtimes differ in it.
    pub const fn because(self, why: &'static str) -> Self {
        Self { why, ..self }
    }

    /// Runs it, unless the runtime can't have what it shows: what is not as it asks for. Whatever it did, contexts and
    /// mounts have to be as before.
    pub fn run(&self) -> Option<Vec<Difference>> {
        if self.kin.is_none() && !runtime::is_ours() {
            return None;
        }
        take();
        if let Err(error) = self.run_body() {
            note(Kind::Effect, error);
        }
        Some(take())
    }

    fn run_body(&self) -> Result<()> {
        const NO_PROCESS: &str = "\u{1}";
        let before = Traces::find(NO_PROCESS)?;
        (self.body)()?;
        before.wait_for(NO_PROCESS)
    }
}

/// How something differs, from the least to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// It does the same, and says it in other words.
    Text,
    /// It fails as well, with another exit status.
    Status,
    /// It does something else.
    Effect,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Status => "status",
            Self::Effect => "effect",
        }
    }
}

/// Something that is not as a test asks for.
#[derive(Debug)]
pub struct Difference {
    pub kind: Kind,
    /// One line.
    pub text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What the test that runs has found so far. It goes on after that, so that one run shows everything.
static FOUND: Mutex<Vec<Difference>> = Mutex::new(Vec::new());

/// Notes what is not as it should be.
pub fn note(kind: Kind, text: impl fmt::Display) {
    let text = text.to_string().replace('\n', "\\n").replace('\t', "\\t");
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    found.push(Difference { kind, text });
}

fn take() -> Vec<Difference> {
    std::mem::take(&mut FOUND.lock().unwrap_or_else(PoisonError::into_inner))
}
