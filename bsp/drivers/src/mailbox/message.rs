//! Messages to the Raspberry Pi's firmware (raspberrypi/firmware wiki, "Mailbox property interface").
//!
//! A message is its size in bytes, a code, and tags up to a zero; a tag is its number, the size of its value in bytes,
//! a code, and the value. The firmware writes the values into the message.

/// Words of a message.
pub const LENGTH: usize = 64;
pub type Message = [u32; LENGTH];

/// In a message's code: it was answered, and without an error.
const ANSWERED: u32 = 1 << 31;
/// In a tag's code: the firmware knows the tag; the other bits are the length of its answer in bytes.
const KNOWN: u32 = 1 << 31;

/// A message of tags with the words of their values, for which there is room.
pub fn message(tags: &[(u32, &[u32])]) -> Message {
    let mut message = [0; LENGTH];
    message[0] = size_of::<Message>() as u32;
    let mut at = 2;
    for (tag, value) in tags {
        message[at] = *tag;
        message[at + 1] = size_of_val(*value) as u32;
        message[at + 3..at + 3 + value.len()].copy_from_slice(value);
        at += 3 + value.len();
    }
    message
}

/// Gives the tags that were answered, with their answers, to `note`.
pub fn answers(message: &Message, mut note: impl FnMut(u32, &[u32])) {
    if message[1] != ANSWERED {
        return;
    }
    let mut at = 2;
    while let Some(&[tag, size, code]) = message.get(at..at + 3).and_then(|head| head.as_array()) {
        if tag == 0 {
            break;
        }
        let words = (size as usize).div_ceil(4);
        let Some(value) = message.get(at + 3..(at + 3).saturating_add(words)) else {
            break;
        };
        if code & KNOWN != 0 {
            let length = (code & !KNOWN).min(size) as usize;
            note(tag, &value[..length.div_ceil(4)]);
        }
        at += 3 + words;
    }
}

/// Answering messages in tests.
#[cfg(test)]
pub mod firmware {
    use super::*;

    /// Answers a message as the firmware does: each tag with as many bytes, all of them from `values`.
    pub fn answer(mut message: Message, values: &[(u32, &[u32], u32)]) -> Message {
        message[1] = ANSWERED;
        let mut at = 2;
        while message[at] != 0 {
            let words = message[at + 1] as usize / 4;
            if let Some((_, value, bytes)) = values.iter().find(|(tag, ..)| *tag == message[at]) {
                message[at + 3..at + 3 + value.len()].copy_from_slice(value);
                message[at + 2] = KNOWN | bytes;
            }
            at += 3 + words;
        }
        message
    }

    /// Answers a message as nobody should, differently each time.
    pub fn garble(mut message: Message, random: &mut u32) -> Message {
        message[1] = ANSWERED;
        for _ in 0..6 {
            *random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = 2 + *random as usize % (LENGTH - 2);
            message[at] = random.rotate_left(*random & 31);
        }
        message
    }
}
