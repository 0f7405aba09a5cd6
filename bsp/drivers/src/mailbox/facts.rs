//! What the firmware says of the board.

use super::message::{self, Message};
use hal::boot::BoardFacts;

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
    message::message(&QUESTIONS)
}

/// What the answers are; a question that was not answered leaves its fact open.
pub fn facts(message: &Message) -> BoardFacts {
    let mut facts = BoardFacts::default();
    message::answers(message, |tag, value| note(&mut facts, tag, value));
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
    use super::super::message::{LENGTH, firmware};
    use super::*;

    fn answered(values: &[(u32, &[u32], u32)]) -> Message {
        firmware::answer(questions(), values)
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
        refused[1] |= 1;
        assert_eq!(facts(&refused), BoardFacts::default());
    }

    #[test]
    fn no_answer_leads_out_of_the_message() {
        let mut random = 1u32;
        for _ in 0..100_000 {
            let _ = facts(&firmware::garble(questions(), &mut random));
        }
    }
}
