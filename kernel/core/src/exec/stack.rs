//! The stack that a program finds at its start (System V ABI; getauxval(3)). Pure.

use super::arguments::Arguments;
use crate::errno::Result;
use crate::heap::MakeRoom;
use alloc::vec::Vec;
use smallvec::SmallVec;

/// Keys of the auxiliary vector.
pub mod key {
    pub const PROGRAM_HEADERS: u64 = 3;
    pub const PROGRAM_HEADER_SIZE: u64 = 4;
    pub const PROGRAM_HEADER_COUNT: u64 = 5;
    pub const PAGE_SIZE: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HARDWARE: u64 = 16;
    pub const CLOCK_TICKS: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HARDWARE_2: u64 = 26;
    pub const EXECUTED_FILE: u64 = 31;
    pub const SYSTEM_INFORMATION: u64 = 33;
    pub const MINIMUM_SIGNAL_STACK: u64 = 51;
}

/// AT_PLATFORM.
const PLATFORM: &[u8] = b"aarch64\0";

/// The stack's content, to be written at `address`, which is also the stack pointer.
#[derive(Debug)]
pub struct Stack {
    pub address: u64,
    pub bytes: Vec<u8>,
    /// Where the argument strings are, and the environment's.
    pub arguments: (u64, u64),
    pub environment: (u64, u64),
}

/// Makes the stack that ends at `top`. `auxiliary` is the vector without the entries that point into the stack
/// (PLATFORM, RANDOM, EXECUTED_FILE) and without its end.
///
/// # Errors
/// `ENOMEM`.
pub fn build(
    top: u64,
    given: &Arguments,
    file_name: &[u8],
    random: &[u8; 16],
    auxiliary: &[(u64, u64)],
) -> Result<Stack> {
    let (arguments, environment) = (&given.arguments, &given.environment);
    // From the top down: 8 zero bytes, the file's name, environment, arguments, the platform, random bytes.
    let name_at = top - 8 - (file_name.len() as u64 + 1);
    let environment_at = name_at - environment.bytes.len() as u64;
    let arguments_at = environment_at - arguments.bytes.len() as u64;
    let platform_at = (arguments_at - PLATFORM.len() as u64) & !15;
    let random_at = platform_at - 16;

    let mut vector: SmallVec<[(u64, u64); 28]> = SmallVec::from_slice(auxiliary);
    vector.push((key::PLATFORM, platform_at));
    vector.push((key::RANDOM, random_at));
    vector.push((key::EXECUTED_FILE, name_at));
    vector.push((0, 0));

    let words = 1 + (arguments.count + 1) + (environment.count + 1) + 2 * vector.len();
    let address = (random_at - 8 * words as u64) & !15;
    let mut bytes = Vec::new();
    bytes.make_room_exact((top - address) as usize)?;
    let word = |bytes: &mut Vec<u8>, value: u64| bytes.extend_from_slice(&value.to_le_bytes());

    word(&mut bytes, arguments.count as u64);
    for (strings, start) in [(arguments, arguments_at), (environment, environment_at)] {
        let mut at = start;
        for string in strings.iter() {
            word(&mut bytes, at);
            at += string.len() as u64 + 1;
        }
        word(&mut bytes, 0);
    }
    for (key, value) in vector {
        word(&mut bytes, key);
        word(&mut bytes, value);
    }
    bytes.resize((random_at - address) as usize, 0);
    bytes.extend_from_slice(random);
    bytes.extend_from_slice(PLATFORM);
    bytes.resize((arguments_at - address) as usize, 0);
    bytes.extend_from_slice(&arguments.bytes);
    bytes.extend_from_slice(&environment.bytes);
    bytes.extend_from_slice(file_name);
    bytes.resize((top - address) as usize, 0);
    Ok(Stack {
        address,
        bytes,
        arguments: (arguments_at, environment_at),
        environment: (environment_at, name_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_finds_its_arguments_environment_and_vector() {
        let mut given = Arguments::default();
        given.arguments.push(b"prog").unwrap();
        given.arguments.push(b"x y").unwrap();
        given.environment.push(b"HOME=/").unwrap();
        let top = 0x8000_0000;
        let stack = build(
            top,
            &given,
            b"/bin/prog",
            &[7; 16],
            &[(key::PAGE_SIZE, 4096)],
        )
        .unwrap();
        assert_eq!(stack.address % 16, 0);
        assert_eq!(stack.address + stack.bytes.len() as u64, top);
        let word =
            |index: usize| u64::from_le_bytes(stack.bytes[8 * index..][..8].try_into().unwrap());
        let text = |address: u64| {
            let from = &stack.bytes[(address - stack.address) as usize..];
            from[..from.iter().position(|&byte| byte == 0).unwrap()].to_vec()
        };
        assert_eq!(word(0), 2);
        assert_eq!(text(word(1)), b"prog");
        assert_eq!(text(word(2)), b"x y");
        assert_eq!(word(3), 0);
        assert_eq!(text(word(4)), b"HOME=/");
        assert_eq!(word(5), 0);
        assert_eq!((word(6), word(7)), (key::PAGE_SIZE, 4096));
        assert_eq!(text(word(9)), b"aarch64");
        assert_eq!(
            stack.bytes[(word(11) - stack.address) as usize..][..16],
            [7; 16]
        );
        assert_eq!(text(word(13)), b"/bin/prog");
        assert_eq!((word(14), word(15)), (0, 0));
    }
}
