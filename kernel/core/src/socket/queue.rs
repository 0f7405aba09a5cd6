//! What was sent to a socket and not yet received.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::address::Address;
use super::control::Control;
use super::ring::Ring;
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::sched::{Mutex, WaitQueue};
use crate::vfs::{Destination, Source};

/// Bytes a queue holds (net.core.wmem_default).
pub const CAPACITY: usize = 212_992;

/// What a message takes of the capacity besides its bytes, so that empty ones are bounded too.
const MESSAGE_COST: usize = 256;

/// A datagram or a packet.
struct Message {
    data: Vec<u8>,
    control: Control,
    sender: Arc<Address>,
}

/// A piece of ancillary data in a stream, with the bytes it was sent with.
struct Mark {
    /// Bytes written before them, since the queue began.
    position: u64,
    /// How many they are.
    length: u64,
    control: Control,
}

enum Content {
    Stream {
        ring: Ring,
        marks: VecDeque<Mark>,
        read: u64,
    },
    Messages {
        list: VecDeque<Message>,
        bytes: usize,
    },
}

impl Content {
    fn empty(messages: bool) -> Content {
        if messages {
            Content::Messages {
                list: VecDeque::new(),
                bytes: 0,
            }
        } else {
            Content::Stream {
                ring: Ring::new(),
                marks: VecDeque::new(),
                read: 0,
            }
        }
    }
}

/// The receiving side of a socket.
pub struct Queue {
    content: Mutex<Content>,
    /// Bytes (of a stream) or messages there are: looked at without the lock.
    available: AtomicUsize,
    /// Bytes in it, to know about room.
    used: AtomicUsize,
    /// Nobody will write any more: reads end after what is there.
    ended: AtomicBool,
    /// Nobody will read any more: writes fail.
    refused: AtomicBool,
    /// Told when something came, or the end.
    pub readable: Arc<WaitQueue>,
    /// Told when there is room again, or nobody reads any more.
    pub writable: Arc<WaitQueue>,
}

/// What a receive found.
pub struct Received {
    /// Bytes handed on.
    pub count: usize,
    /// Bytes of the message that had no room (datagrams and packets).
    pub cut: usize,
    /// What came along.
    pub control: Control,
    /// Who sent it (datagrams).
    pub sender: Option<Arc<Address>>,
}

/// How to receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReceiveMode {
    /// Leave it in the queue (MSG_PEEK).
    pub peek: bool,
}

impl Queue {
    /// An empty queue of bytes, or of messages.
    pub fn new(messages: bool) -> Queue {
        Queue {
            content: Mutex::new(Content::empty(messages)),
            available: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            readable: Arc::new(WaitQueue::new()),
            writable: Arc::new(WaitQueue::new()),
        }
    }

    /// Whether a receive finds something, without waiting.
    pub fn has_data(&self) -> bool {
        self.available.load(Ordering::Acquire) > 0
    }

    /// Bytes there are (FIONREAD, for a stream).
    pub fn bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether nobody writes any more.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether nobody reads any more.
    pub fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Whether there is room for `length` bytes. A stream takes what fits; a message goes whole.
    pub fn has_room(&self, length: usize) -> bool {
        self.used.load(Ordering::Acquire) + length.max(1) <= CAPACITY
    }

    /// Nobody writes any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.readable.wake_all();
    }

    /// Nobody reads any more; what is there goes.
    pub fn refuse(&self) {
        self.refused.store(true, Ordering::SeqCst);
        let old = {
            let mut content = self.content.lock();
            let empty = match &*content {
                Content::Messages { .. } => Content::empty(true),
                Content::Stream { .. } => Content::empty(false),
            };
            self.publish(&empty);
            core::mem::replace(&mut *content, empty)
        };
        drop(old);
        self.writable.wake_all();
        self.readable.wake_all();
    }

    fn publish(&self, content: &Content) {
        let (available, used) = match content {
            Content::Stream { ring, .. } => (ring.len(), ring.len()),
            Content::Messages { list, bytes } => (list.len(), *bytes),
        };
        self.used.store(used, Ordering::Release);
        self.available.store(available, Ordering::Release);
    }

    /// Appends what there is room for to a stream; 0: there is none. `control` is taken with the first byte.
    ///
    /// # Errors
    /// EPIPE: nobody reads. EFAULT, ENOMEM.
    pub fn send_bytes(
        &self,
        source: &mut Source<'_>,
        control: &mut Option<Control>,
    ) -> Result<usize> {
        let outcome = {
            let mut content = self.content.lock();
            if self.is_refused() || self.is_ended() {
                return Err(Errno::EPIPE);
            }
            let Content::Stream { ring, marks, read } = &mut *content else {
                return Err(Errno::EOPNOTSUPP);
            };
            let position = *read + ring.len() as u64;
            marks.make_room(1)?;
            let before = ring.len();
            let outcome = ring.write(source, usize::MAX, CAPACITY);
            if ring.len() > before
                && let Some(control) = control.take()
            {
                let length = (ring.len() - before) as u64;
                marks.push_back(Mark {
                    position,
                    length,
                    control,
                });
            }
            self.publish(&content);
            outcome
        };
        self.readable.wake_all();
        outcome
    }

    /// Takes bytes out of a stream; `None`: there are none. Stops before bytes with files of their own.
    ///
    /// # Errors
    /// EFAULT.
    pub fn receive_bytes(
        &self,
        destination: &mut Destination<'_>,
        mode: ReceiveMode,
    ) -> Result<Option<Received>> {
        let mut received = Received {
            count: 0,
            cut: 0,
            control: Control::default(),
            sender: None,
        };
        {
            let mut content = self.content.lock();
            let Content::Stream { ring, marks, read } = &mut *content else {
                return Err(Errno::EOPNOTSUPP);
            };
            if ring.len() == 0 {
                return Ok(None);
            }
            // Bytes sent with files are received by themselves.
            let mut limit = ring.len() as u64;
            for mark in marks.iter().filter(|mark| mark.control.is_mark()) {
                let edge = if mark.position > *read {
                    mark.position
                } else {
                    mark.position + mark.length
                };
                if edge > *read {
                    limit = limit.min(edge - *read);
                    break;
                }
            }
            let before = destination.done();
            let outcome = ring.copy(destination, 0, limit as usize);
            received.count = destination.done() - before;
            if received.count == 0 {
                outcome?;
            }
            if !mode.peek {
                let end = *read + received.count as u64;
                while let Some(mark) = marks.front_mut().filter(|mark| mark.position < end) {
                    // Files go with the first byte; who sent is said with all of them.
                    if mark.control.is_mark() {
                        received.control.files = core::mem::take(&mut mark.control.files);
                    }
                    received.control.sender = mark.control.sender.or(received.control.sender);
                    if mark.position + mark.length > end {
                        break;
                    }
                    marks.pop_front();
                }
                ring.consume(received.count);
                *read = end;
                self.publish(&content);
            }
        }
        if !mode.peek {
            self.writable.wake_all();
        }
        Ok(Some(received))
    }

    /// Appends a message; false: there is no room.
    ///
    /// # Errors
    /// ECONNREFUSED or EPIPE: nobody reads, or writes any more. EMSGSIZE: it never fits. EFAULT, ENOMEM.
    pub fn send_message(
        &self,
        source: &mut Source<'_>,
        control: &mut Option<Control>,
        sender: &Arc<Address>,
    ) -> Result<bool> {
        let length = source.remaining();
        if length > CAPACITY - MESSAGE_COST {
            return Err(Errno::EMSGSIZE);
        }
        if self.is_refused() {
            return Err(Errno::ECONNREFUSED);
        }
        if self.is_ended() {
            return Err(Errno::EPIPE);
        }
        if !self.has_room(length) {
            return Ok(false);
        }
        let mut data = Vec::new();
        data.make_room_exact(length)?;
        data.resize(length, 0);
        let read = source.read(&mut data);
        // A message goes whole or not at all.
        source.disown();
        read?;
        {
            let mut content = self.content.lock();
            let Content::Messages { list, bytes } = &mut *content else {
                return Err(Errno::EOPNOTSUPP);
            };
            list.make_room(1)?;
            list.push_back(Message {
                data,
                control: control.take().unwrap_or_default(),
                sender: sender.clone(),
            });
            *bytes += length + MESSAGE_COST;
            self.publish(&content);
        }
        self.readable.wake_all();
        Ok(true)
    }

    /// Takes a message out; `None`: there is none. What has no room is lost.
    ///
    /// # Errors
    /// EFAULT; the message is lost then.
    pub fn receive_message(
        &self,
        destination: &mut Destination<'_>,
        mode: ReceiveMode,
    ) -> Result<Option<Received>> {
        if mode.peek {
            return self.peek_message(destination);
        }
        let message = {
            let mut content = self.content.lock();
            let Content::Messages { list, bytes } = &mut *content else {
                return Err(Errno::EOPNOTSUPP);
            };
            let Some(message) = list.pop_front() else {
                return Ok(None);
            };
            *bytes -= message.data.len() + MESSAGE_COST;
            self.publish(&content);
            message
        };
        self.writable.wake_all();
        let count = destination.write(&message.data)?;
        Ok(Some(Received {
            count,
            cut: message.data.len() - count,
            control: message.control,
            sender: Some(message.sender),
        }))
    }

    fn peek_message(&self, destination: &mut Destination<'_>) -> Result<Option<Received>> {
        let content = self.content.lock();
        let Content::Messages { list, .. } = &*content else {
            return Err(Errno::EOPNOTSUPP);
        };
        let Some(message) = list.front() else {
            return Ok(None);
        };
        let count = destination.write(&message.data)?;
        Ok(Some(Received {
            count,
            cut: message.data.len() - count,
            control: Control::from(message.control.sender),
            sender: Some(message.sender.clone()),
        }))
    }
}
