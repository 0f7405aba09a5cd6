//! What a container was made as.

use crate::config::Form;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// The version of the runtime specification that the state follows.
pub const VERSION: &str = "1.3.0";

/// What is known of a container from its making on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// The form of its configuration.
    pub form: Form,
    /// Its bundle, or the directory of its layout file; absolute.
    pub bundle: PathBuf,
    /// The directory that is its root; `None`: it has none, or one of its own.
    pub rootfs: Option<PathBuf>,
    /// Names and values for others.
    pub annotations: Vec<(String, String)>,
    /// When it was made.
    pub created: String,
    /// The user who made it.
    pub owner: String,
    /// The file that keeps its output, if one does.
    pub log: Option<PathBuf>,
    /// When its monitor is gone, so is the container: nobody wants to hear how it ended.
    pub is_transient: bool,
}

impl Record {
    /// The members of the state that never change.
    pub fn to_json(&self) -> Map<String, Value> {
        let annotations: Map<String, Value> = self
            .annotations
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let path = |path: &PathBuf| Value::from(path.to_string_lossy());
        let value = json!({
            "ociVersion": VERSION,
            "id": self.id,
            "bundle": path(&self.bundle),
            "created": self.created,
            "owner": self.owner,
            "annotations": annotations,
        });
        let mut members = match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        if let Some(rootfs) = &self.rootfs {
            members.insert("rootfs".to_owned(), path(rootfs));
        }
        if let Some(log) = &self.log {
            members.insert("logPath".to_owned(), path(log));
        }
        members
    }

    /// The record as it is kept.
    pub fn to_text(&self) -> String {
        let mut members = self.to_json();
        let form = match self.form {
            Form::Layout => "layout",
            Form::Bundle => "bundle",
        };
        members.insert("configuration".to_owned(), form.into());
        members.insert("transient".to_owned(), self.is_transient.into());
        Value::Object(members).to_string()
    }

    /// From such a text; `None`: it is none.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let annotations = value["annotations"].as_object()?.iter();
        Some(Self {
            id: text("id")?,
            form: match value["configuration"].as_str()? {
                "layout" => Form::Layout,
                "bundle" => Form::Bundle,
                _ => return None,
            },
            bundle: text("bundle")?.into(),
            rootfs: text("rootfs").map(PathBuf::from),
            annotations: annotations
                .map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect::<Option<_>>()?,
            created: text("created")?,
            owner: text("owner")?,
            log: text("logPath").map(PathBuf::from),
            is_transient: value["transient"].as_bool()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, Record};

    #[test]
    fn a_record_is_written_and_read() {
        let mut record = Record {
            id: "web".to_owned(),
            form: Form::Layout,
            bundle: "/srv".into(),
            rootfs: None,
            annotations: vec![("a".to_owned(), "b\n".to_owned())],
            created: "2026".to_owned(),
            owner: "root".to_owned(),
            log: None,
            is_transient: true,
        };
        assert_eq!(
            Record::from_text(record.to_text().as_bytes()),
            Some(record.clone())
        );
        record.form = Form::Bundle;
        record.rootfs = Some("/srv/rootfs".into());
        record.log = Some("/x".into());
        assert_eq!(Record::from_text(record.to_text().as_bytes()), Some(record));
        assert_eq!(Record::from_text(b"{}"), None);
    }
}
