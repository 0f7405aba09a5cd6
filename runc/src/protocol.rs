//! What runc and the monitor of a container say to each other: one request a connection, as a message of
//! words; the answer is a message that begins with `ok` or `error`.

/// What a monitor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// How the container is.
    State,
    /// To let its program start.
    Start,
    /// To send a signal to its first process or to all.
    Kill {
        /// The signal.
        signal: i32,
        /// To all.
        all: bool,
    },
    /// To let all its processes stand still.
    Pause,
    /// To let them go on.
    Resume,
    /// To answer when it has ended, and how.
    Wait,
    /// To end it, and to answer when it has ended.
    End,
    /// The numbers of its processes.
    Processes,
    /// Descriptors of its contexts.
    Contexts,
    /// A message whenever it has written something.
    Follow,
    /// What it writes, and a descriptor to write to it.
    Attach,
    /// A message, which is a line of JSON, whenever something has become of it.
    Events,
}

impl Request {
    /// The message.
    pub fn to_text(self) -> String {
        match self {
            Self::State => "state".to_owned(),
            Self::Start => "start".to_owned(),
            Self::Kill { signal, all: false } => format!("kill {signal}"),
            Self::Kill { signal, all: true } => format!("kill {signal} all"),
            Self::Pause => "pause".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::Wait => "wait".to_owned(),
            Self::End => "end".to_owned(),
            Self::Processes => "processes".to_owned(),
            Self::Contexts => "contexts".to_owned(),
            Self::Follow => "follow".to_owned(),
            Self::Attach => "attach".to_owned(),
            Self::Events => "events".to_owned(),
        }
    }

    /// The request that a message is; `None`: it is none.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let words: Vec<&str> = std::str::from_utf8(text).ok()?.split(' ').collect();
        let signal = |text: &str| text.parse().ok();
        Some(match words.as_slice() {
            ["state"] => Self::State,
            ["start"] => Self::Start,
            ["kill", number] => Self::Kill {
                signal: signal(number)?,
                all: false,
            },
            ["kill", number, "all"] => Self::Kill {
                signal: signal(number)?,
                all: true,
            },
            ["pause"] => Self::Pause,
            ["resume"] => Self::Resume,
            ["wait"] => Self::Wait,
            ["end"] => Self::End,
            ["processes"] => Self::Processes,
            ["contexts"] => Self::Contexts,
            ["follow"] => Self::Follow,
            ["attach"] => Self::Attach,
            ["events"] => Self::Events,
            _ => return None,
        })
    }
}

/// A good answer with a text that may be empty.
pub fn good(text: &str) -> String {
    if text.is_empty() {
        "ok".to_owned()
    } else {
        format!("ok {text}")
    }
}

/// An answer that says what went wrong, and the exit status if it has one of its own.
pub fn bad(status: Option<u8>, text: &str) -> String {
    format!("error {} {text}", status.unwrap_or_default())
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The text of a good one.
    Good(&'a str),
    /// The exit status, if any, and the text of a bad one.
    Bad(Option<u8>, &'a str),
}

/// The answer that a message is; `None`: it is none.
pub fn answer(text: &[u8]) -> Option<Answer<'_>> {
    let text = std::str::from_utf8(text).ok()?;
    match text.split_once(' ').unwrap_or((text, "")) {
        ("ok", text) => Some(Answer::Good(text)),
        ("error", text) => {
            let (status, text) = text.split_once(' ')?;
            let status: u8 = status.parse().ok()?;
            Some(Answer::Bad((status != 0).then_some(status), text))
        }
        _ => None,
    }
}

/// What somebody who is attached says when there is no more input.
pub const END_OF_INPUT: &[u8] = b"end of input";

/// First byte of a message with what the container wrote to standard output or its terminal.
pub const OUTPUT: u8 = b'1';
/// First byte of a message with what it wrote to standard error.
pub const ERRORS: u8 = b'2';
/// First byte of the message that says how it ended.
pub const ENDED: u8 = b'0';

#[cfg(test)]
mod tests {
    use super::{Answer, Request, answer, bad, good};

    #[test]
    fn requests_are_written_and_read() {
        let requests = [
            Request::State,
            Request::Start,
            Request::Kill {
                signal: 9,
                all: false,
            },
            Request::Kill {
                signal: 64,
                all: true,
            },
            Request::Pause,
            Request::Resume,
            Request::Wait,
            Request::End,
            Request::Processes,
            Request::Contexts,
            Request::Follow,
            Request::Attach,
            Request::Events,
        ];
        for request in requests {
            assert_eq!(
                Request::from_text(request.to_text().as_bytes()),
                Some(request)
            );
        }
        for text in [
            "",
            "stop",
            "kill",
            "kill x",
            "kill 9 some",
            "state now",
            "state ",
        ] {
            assert_eq!(Request::from_text(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn answers_are_written_and_read() {
        assert_eq!(answer(good("").as_bytes()), Some(Answer::Good("")));
        assert_eq!(answer(good("a b").as_bytes()), Some(Answer::Good("a b")));
        assert_eq!(
            answer(bad(None, "no way").as_bytes()),
            Some(Answer::Bad(None, "no way"))
        );
        assert_eq!(
            answer(bad(Some(127), "x").as_bytes()),
            Some(Answer::Bad(Some(127), "x"))
        );
        assert_eq!(answer(b"error x y"), None);
        assert_eq!(answer(b""), None);
    }
}
