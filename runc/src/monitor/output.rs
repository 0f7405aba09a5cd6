//! What a container writes, kept in its log and passed on to who is attached.

use super::log_file::LogFile;
use crate::protocol::{ERRORS, OUTPUT};
use crate::system::descriptor;
use crate::system::folder::Folder;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How much is read at once, in bytes.
const CHUNK: usize = 4096;

/// One stream of a container.
struct Source {
    descriptor: OwnedFd,
    /// The first byte of the messages to who is attached.
    tag: u8,
}

/// The streams of a container that its monitor holds.
#[derive(Default)]
pub struct Output {
    sources: Vec<Source>,
    log: Option<LogFile>,
    /// Where its input comes from: a pipe, or its terminal.
    input: Option<OwnedFd>,
    is_terminal: bool,
}

impl Output {
    /// The streams of a container without a terminal.
    pub fn of_pipes(output: OwnedFd, errors: OwnedFd, input: Option<OwnedFd>) -> Self {
        Self {
            sources: vec![
                Source {
                    descriptor: output,
                    tag: OUTPUT,
                },
                Source {
                    descriptor: errors,
                    tag: ERRORS,
                },
            ],
            log: None,
            input,
            is_terminal: false,
        }
    }

    /// A container's terminal.
    pub fn of_terminal(master: OwnedFd) -> std::io::Result<Self> {
        Ok(Self {
            input: Some(descriptor::duplicate(&master)?),
            sources: vec![Source {
                descriptor: master,
                tag: OUTPUT,
            }],
            log: None,
            is_terminal: true,
        })
    }

    /// Everything is kept in this file.
    pub fn keep_in(&mut self, log: LogFile) {
        self.log = Some(log);
    }

    /// Whether the monitor holds any stream at all.
    pub fn is_held(&self) -> bool {
        self.log.is_some()
    }

    /// Whether the container has a terminal.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The descriptor through which the container is written to.
    pub fn input(&self) -> Option<&OwnedFd> {
        self.input.as_ref()
    }

    /// Nothing more is written to the container.
    pub fn end_input(&mut self) {
        if !self.is_terminal {
            self.input = None;
        }
    }

    /// What is to be read, in the order of [`Output::read`]'s index.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sources.iter().map(|source| source.descriptor.as_fd())
    }

    /// Reads what a stream has brought; the message for who is attached. `None`: there was nothing, or the
    /// stream has ended.
    pub fn read(&mut self, index: usize, folder: &Folder) -> Option<Vec<u8>> {
        let source = self.sources.get(index)?;
        let mut message = vec![0; 1 + CHUNK];
        let (tag, chunk) = message.split_first_mut()?;
        *tag = source.tag;
        match descriptor::read_some(&source.descriptor, chunk) {
            Ok(Some(0)) | Err(_) => {
                // Nobody has the other end: of a terminal that is an error, of a pipe its end.
                self.sources.remove(index);
                None
            }
            Ok(None) => None,
            Ok(Some(length)) => {
                message.truncate(1 + length);
                let stream = if source.tag == ERRORS {
                    "stderr"
                } else {
                    "stdout"
                };
                if let Some(log) = &mut self.log {
                    // A full file system is no reason to stop the container.
                    let _ = log.add(folder, stream, message.get(1..).unwrap_or_default());
                }
                Some(message)
            }
        }
    }

    /// How many streams have not ended.
    pub fn open_streams(&self) -> usize {
        self.sources.len()
    }
}
