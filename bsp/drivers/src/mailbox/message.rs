//! The message that asks the Raspberry Pi's firmware about the board (raspberrypi/firmware wiki, "Mailbox property
//! interface").
//!
//! A message is its size in bytes, a code, and tags up to a zero; a tag is its number, the size of its value in bytes,
//! a code, and the value. The firmware writes the values into the message.

use hal::boot::BoardFacts;

/// Words of the message.
pub const LENGTH: usize = 64;
pub type Message = [u32; LENGTH];

/// In a message's code: it was answered, and without an error.
const ANSWERED: u32 = 1 << 31;
/// In a tag's code: the firmware knows the tag; the other bits are the length of its answer in bytes.
const KNOWN: u32 = 1 << 31;

const REVISION: u32 = 0x0001_0002;
const ETHERNET_ADDRESS: u32 = 0x0001_0003;
const SERIAL: u32 = 0x0001_0004;
const MEMORY: u32 = 0x0001_0005;
const HIGHEST_CLOCK: u32 = 0x0003_0004;
const TEMPERATURE: u32 = 0x0003_0006;

/// The clock of the processors, for `HIGHEST_CLOCK`.
const PROCESSORS: u32 = 3;

/// Tags with the words of their values; the first word of some says what is asked for.
const QUESTIONS: [(u32, &[u32]); 6] = [
    (REVISION, &[0]),
    (ETHERNET_ADDRESS, &[0, 0]),
    (SERIAL, &[0, 0]),
    (MEMORY, &[0, 0]),
    (HIGHEST_CLOCK, &[PROCESSORS, 0]),
    (TEMPERATURE, &[0, 0]),
];

/// All questions in one message.
pub fn questions() -> Message {
    let mut message = [0; LENGTH];
    message[0] = size_of::<Message>() as u32;
    let mut at = 2;
    for (tag, value) in QUESTIONS {
        message[at] = tag;
        message[at + 1] = size_of_val(value) as u32;
        message[at + 3..at + 3 + value.len()].copy_from_slice(value);
        at += 3 + value.len();
    }
    message
}

/// What the answers are; a question that was not answered leaves its fact open.
pub fn facts(message: &Message) -> BoardFacts {
    let mut facts = BoardFacts::default();
    if message[1] != ANSWERED {
        return facts;
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
            note(&mut facts, tag, &value[..length.div_ceil(4)]);
        }
        at += 3 + words;
    }
    facts
}

fn note(facts: &mut BoardFacts, tag: u32, value: &[u32]) {
    match (tag, value) {
        (REVISION, &[revision]) => facts.revision = Some(revision),
        (ETHERNET_ADDRESS, &[low, high]) => {
            let [a, b, c, d] = low.to_le_bytes();
            let [e, f, ..] = high.to_le_bytes();
            facts.ethernet_address = Some([a, b, c, d, e, f]);
        }
        (SERIAL, &[low, high]) => facts.serial = Some(u64::from(high) << 32 | u64::from(low)),
        (MEMORY, &[_, bytes]) => facts.low_memory = Some(bytes),
        (HIGHEST_CLOCK, &[PROCESSORS, hertz]) => facts.processor_clock = Some(hertz),
        (TEMPERATURE, &[_, thousandths]) => facts.temperature = Some(thousandths),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers a message as the firmware does: each tag with as many bytes, all of them from `values`.
    fn answered(values: &[(u32, &[u32], u32)]) -> Message {
        let mut message = questions();
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

    #[test]
    fn the_questions_are_a_whole_message() {
        let message = questions();
        assert_eq!(message[..3], [256, 0, REVISION]);
        let words: usize = QUESTIONS.iter().map(|(_, value)| 3 + value.len()).sum();
        assert!(words + 2 < LENGTH, "the zero that ends it has room");
        assert_eq!(facts(&message), BoardFacts::default(), "nobody answered");
    }

    #[test]
    fn answers_become_facts() {
        let message = answered(&[
            (REVISION, &[0x00b0_3115], 4),
            (ETHERNET_ADDRESS, &[0x12a6_32dc, 0x5634], 6),
            (SERIAL, &[0x89ab_cdef, 0x1000_0000], 8),
            (MEMORY, &[0, 0x3b40_0000], 8),
            (HIGHEST_CLOCK, &[PROCESSORS, 1_500_000_000], 8),
            (TEMPERATURE, &[0, 47_212], 8),
        ]);
        let expected = BoardFacts {
            revision: Some(0x00b0_3115),
            serial: Some(0x1000_0000_89ab_cdef),
            ethernet_address: Some([0xdc, 0x32, 0xa6, 0x12, 0x34, 0x56]),
            low_memory: Some(0x3b40_0000),
            processor_clock: Some(1_500_000_000),
            temperature: Some(47_212),
        };
        assert_eq!(facts(&message), expected);
    }

    #[test]
    fn what_is_not_answered_stays_open() {
        let message = answered(&[(REVISION, &[0x00c0_3112], 4), (SERIAL, &[7], 4)]);
        let expected = BoardFacts {
            revision: Some(0x00c0_3112),
            ..BoardFacts::default()
        };
        assert_eq!(facts(&message), expected);
        let mut refused = message;
        refused[1] = ANSWERED | 1;
        assert_eq!(facts(&refused), BoardFacts::default());
    }

    #[test]
    fn no_answer_leads_out_of_the_message() {
        let mut random = 1u32;
        for _ in 0..100_000 {
            let mut message = questions();
            message[1] = ANSWERED;
            for _ in 0..6 {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = 2 + random as usize % (LENGTH - 2);
                message[at] = random.rotate_left(random & 31);
            }
            let _ = facts(&message);
        }
    }
}
