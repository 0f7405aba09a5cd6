//! How a container ended.

use serde_json::{Value, json};

/// The end of a container's first process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its status; 128 + N if signal N ended it.
    pub status: u8,
    /// The signal that ended it.
    pub signal: Option<u8>,
    /// When its program was executed, if it was.
    pub started: Option<String>,
    /// When it ended, if anybody was there to see it.
    pub finished: Option<String>,
    /// A process of the container was killed for want of memory.
    pub want_of_memory: bool,
}

impl Exit {
    /// The end of a container whose monitor was killed: the kernel kills the container with it.
    pub fn with_its_monitor() -> Self {
        const KILL: u8 = 9;
        Self {
            status: 128 + KILL,
            signal: Some(KILL),
            started: None,
            finished: None,
            want_of_memory: false,
        }
    }

    /// As members of an object.
    pub fn to_json(&self) -> Value {
        let mut value = json!({ "exitCode": self.status });
        if let Some(signal) = self.signal {
            value["exitSignal"] = signal.into();
        }
        if self.want_of_memory {
            value["oomKilled"] = true.into();
        }
        if let Some(time) = &self.started {
            value["startedAt"] = time.as_str().into();
        }
        if let Some(time) = &self.finished {
            value["finishedAt"] = time.as_str().into();
        }
        value
    }

    /// From such an object; `None`: it is none.
    pub fn from_json(value: &Value) -> Option<Self> {
        let small = |value: &Value| value.as_u64().and_then(|number| u8::try_from(number).ok());
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Some(Self {
            status: small(&value["exitCode"])?,
            signal: small(&value["exitSignal"]),
            started: text("startedAt"),
            finished: text("finishedAt"),
            want_of_memory: value["oomKilled"].as_bool().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn an_end_is_written_and_read() {
        let ends = [
            Exit::with_its_monitor(),
            Exit {
                status: 7,
                signal: None,
                started: Some("a".to_owned()),
                finished: Some("b".to_owned()),
                want_of_memory: true,
            },
        ];
        for end in ends {
            assert_eq!(Exit::from_json(&end.to_json()), Some(end));
        }
        assert_eq!(
            Exit::from_json(&serde_json::json!({ "exitCode": 300 })),
            None
        );
    }
}
