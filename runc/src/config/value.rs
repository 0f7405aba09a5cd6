//! JSON values that know where they stand, so that every error names file, object and field.

use crate::error::Error;
use crate::text::shown;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A parsed file.
pub struct Document {
    file: PathBuf,
    root: Value,
    warnings: RefCell<Vec<String>>,
}

impl Document {
    /// Parses JSON.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let root = super::json::parse(bytes).map_err(|error| {
            Error::new(format!(
                "{}: not valid JSON: {}",
                file.display(),
                shown(&error.to_string())
            ))
        })?;
        Ok(Self {
            file: file.to_owned(),
            root,
            warnings: RefCell::default(),
        })
    }

    /// The object that the file must consist of.
    pub fn root(&self) -> Result<Object<'_>, Error> {
        self.whole().object()
    }

    /// What the file consists of.
    pub fn whole(&self) -> Field<'_> {
        Field {
            document: self,
            place: String::new(),
            value: &self.root,
        }
    }

    /// What was warned of, in the order of its discovery.
    pub fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }

    fn line(&self, place: &str, message: &str) -> String {
        let separator = if place.is_empty() { "" } else { ": " };
        format!(
            "{}{separator}{}: {message}",
            self.file.display(),
            shown(place)
        )
    }
}

/// An object of a document. Members that were asked for are remembered: the others are unknown.
pub struct Object<'a> {
    document: &'a Document,
    place: String,
    members: &'a Map<String, Value>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Object<'a> {
    /// A member; null counts as absent.
    pub fn optional(&self, name: &'static str) -> Option<Field<'a>> {
        self.nullable(name).filter(|field| !field.value.is_null())
    }

    /// A member that may be null and must be there.
    pub fn required_nullable(&self, name: &'static str) -> Result<Field<'a>, Error> {
        self.nullable(name).ok_or_else(|| self.missing(name))
    }

    /// A member that must be there.
    pub fn required(&self, name: &'static str) -> Result<Field<'a>, Error> {
        self.optional(name).ok_or_else(|| self.missing(name))
    }

    /// All members, for an object whose names are data.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, Field<'a>)> {
        self.members.iter().map(|(name, value)| {
            let field = Field {
                document: self.document,
                place: format!("{}.{name}", self.place),
                value,
            };
            (name.as_str(), field)
        })
    }

    fn nullable(&self, name: &'static str) -> Option<Field<'a>> {
        self.known.borrow_mut().insert(name);
        let place = match self.place.as_str() {
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        };
        let value = self.members.get(name)?;
        Some(Field {
            document: self.document,
            place,
            value,
        })
    }

    fn missing(&self, name: &str) -> Error {
        self.error(&format!("the field \"{name}\" is missing"))
    }

    /// An error about the object as a whole.
    pub fn error(&self, message: &str) -> Error {
        Error::new(self.document.line(&self.place, message))
    }

    /// The first member that nothing asked for is an error.
    pub fn refuse_unknown(&self) -> Result<(), Error> {
        match self.unknown().next() {
            Some(name) => Err(self.error(&format!("unknown field \"{}\"", shown(name)))),
            None => Ok(()),
        }
    }

    /// Members that nothing asked for are warned of: the OCI specification wants them ignored.
    pub fn warn_of_unknown(&self) {
        for name in self.unknown() {
            let line = format!("unknown field \"{}\" is ignored", shown(name));
            self.document
                .warnings
                .borrow_mut()
                .push(self.document.line(&self.place, &line));
        }
    }

    /// Every member with its value, which must be a string.
    pub fn strings(&self) -> Result<Vec<(String, String)>, Error> {
        let mut strings = Vec::with_capacity(self.members.len());
        for (name, value) in self.members {
            let field = Field {
                document: self.document,
                place: format!("{}.{name}", self.place),
                value,
            };
            strings.push((name.clone(), field.string()?.to_owned()));
        }
        Ok(strings)
    }

    fn unknown(&self) -> impl Iterator<Item = &'a str> {
        let known = self.known.borrow().clone();
        self.members
            .keys()
            .map(String::as_str)
            .filter(move |name| !known.contains(name))
    }
}

/// A value of a document and its place there, such as `layout[3].source`.
pub struct Field<'a> {
    document: &'a Document,
    place: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    /// An error about this field.
    pub fn error(&self, message: &str) -> Error {
        Error::new(self.document.line(&self.place, message))
    }

    /// A line that the user should see about this field.
    pub fn warn(&self, message: &str) {
        self.document
            .warnings
            .borrow_mut()
            .push(self.document.line(&self.place, message));
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// Whether it says nothing: null, false, an empty string, list or object.
    pub fn is_empty(&self) -> bool {
        match self.value {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Number(_) => false,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(members) => members.is_empty(),
        }
    }

    fn expected(&self, what: &str) -> Error {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        self.error(&format!("expected {what}, found {found}"))
    }

    /// A string without NUL characters: the kernel could not be given them.
    pub fn string(&self) -> Result<&'a str, Error> {
        let Value::String(text) = self.value else {
            return Err(self.expected("a string"));
        };
        if text.contains('\0') {
            return Err(self.error("it contains a NUL character"));
        }
        Ok(text)
    }

    /// A string that isn't empty.
    pub fn nonempty_string(&self) -> Result<&'a str, Error> {
        match self.string()? {
            "" => Err(self.error("it is empty")),
            text => Ok(text),
        }
    }

    /// Whether the value is a string.
    pub fn is_string(&self) -> bool {
        self.value.is_string()
    }

    /// A string that `check` accepts and may change; its error is put after the field's place.
    pub fn checked<T>(&self, check: impl Fn(&str) -> Result<T, &'static str>) -> Result<T, Error> {
        check(self.string()?).map_err(|message| self.error(message))
    }

    /// true or false.
    pub fn boolean(&self) -> Result<bool, Error> {
        self.value
            .as_bool()
            .ok_or_else(|| self.expected("true or false"))
    }

    /// A whole number from 0 to `largest`.
    pub fn number(&self, largest: u64) -> Result<u64, Error> {
        match self.value.as_u64() {
            Some(number) if number <= largest => Ok(number),
            None if !self.value.is_number() => Err(self.expected("a number")),
            _ => Err(self.error(&format!("expected a whole number from 0 to {largest}"))),
        }
    }

    /// A whole number from `smallest` to `largest`.
    pub fn integer(&self, smallest: i64, largest: i64) -> Result<i64, Error> {
        match self.value.as_i64() {
            Some(number) if (smallest..=largest).contains(&number) => Ok(number),
            None if !self.value.is_number() => Err(self.expected("a number")),
            _ => Err(self.error(&format!(
                "expected a whole number from {smallest} to {largest}"
            ))),
        }
    }

    /// A 32-bit number.
    pub fn number32(&self) -> Result<u32, Error> {
        // 4294967295 is (uid_t)-1, which to the kernel means "leave as it is".
        self.number(u64::from(u32::MAX - 1))
            .map(|number| number as u32)
    }

    /// The elements of a list.
    pub fn list(&self) -> Result<Vec<Field<'a>>, Error> {
        let Value::Array(values) = self.value else {
            return Err(self.expected("a list"));
        };
        let element = |(index, value)| {
            let place = format!("{}[{index}]", self.place);
            Field {
                document: self.document,
                place,
                value,
            }
        };
        Ok(values.iter().enumerate().map(element).collect())
    }

    /// The strings of a list of strings.
    pub fn strings(&self) -> Result<Vec<String>, Error> {
        self.list()?
            .iter()
            .map(|field| field.string().map(str::to_owned))
            .collect()
    }

    /// An object.
    pub fn object(&self) -> Result<Object<'a>, Error> {
        let Value::Object(members) = self.value else {
            return Err(self.expected("an object"));
        };
        let known = RefCell::default();
        Ok(Object {
            document: self.document,
            place: self.place.clone(),
            members,
            known,
        })
    }
}
